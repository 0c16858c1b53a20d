"""The audit: who did what to whom, when, from where, and how it ended.

An entry is kept in the commit of its effect. Every row carries a tag of `chain`; complete months
are sealed into exports, and what is older than it must be kept leaves the database once it is in
one.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, bindparam, delete, func, select, text

from storage.anchor import Anchor
from storage.chain import Chain, Head, Row, Seal
from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.connection import snapshot
from storage.database import Database
from storage.directory import make_directory, sync
from storage.records import AuditEntry, Unavailable
from storage.statement import Statement, Step, Values, insertion
from storage.tables import IS_DENIED, audit, audit_seal
from storage.threads import detached

STEP_ROWS = 1000

_ADD = Statement(insertion(audit))
_LATEST = Statement(select(audit).order_by(audit.c.id.desc()).limit(bindparam("at_most")))
_DENIED = Statement(
    select(func.count()).where(
        audit.c.actor == bindparam("actor"),
        audit.c.at > bindparam("since"),
        audit.c.action == bindparam("action"),
        IS_DENIED,
    )
)
_HEAD = Statement(select(audit.c.id, audit.c.tag).order_by(audit.c.id.desc()).limit(1))
_NEXT = Statement(
    select(audit).where(audit.c.id > bindparam("after")).order_by(audit.c.id).limit(STEP_ROWS)
)
_IS_CHAINED = Statement(text("SELECT 1 FROM audit WHERE tag != '' ORDER BY id DESC LIMIT 1"))
_TAG = Statement(text("UPDATE audit SET tag = :tag WHERE id = :id"))
_SEALS = Statement(select(audit_seal).order_by(audit_seal.c.last))
_SEAL = Statement(insertion(audit_seal))
_DROP = Statement(
    delete(audit).where(
        audit.c.id <= bindparam("last"),
        audit.c.id < text("(SELECT max(id) FROM audit)"),
    )
)


@dataclass(frozen=True, slots=True)
class Verified:
    """What verifying found. `anchored` is the row that the anchor vouches for (0: none)."""

    rows: int
    exports: int
    anchored: int
    faults: tuple[str, ...]


class Audit:
    """Every method raises `StorageError` when the database can't do it.

    `anchor` is the file that the head is copied into; exports go into a directory beside the
    database.
    """

    def __init__(
        self, db: Database, key: bytes, anchor: Path | None = None, *, clock: Clock = utc_now
    ) -> None:
        self._db = db
        self._chain = Chain(key)
        self._anchor = Anchor(anchor or db.path.with_suffix(".audit-anchor"), self._chain)
        self._clock = clock
        self.directory = db.path.with_suffix(".audit")

    async def begin(self) -> None:
        """Chain what stands there from before there was a chain, if none was ever begun."""
        if await detached(self._anchor.read) is None:
            await self._db.write(self._adopt)
        await self.anchor()

    async def add(self, entry: AuditEntry) -> None:
        """Keep an entry whose effect is in no database, or that had none."""
        now = self._clock()
        await self._db.write(lambda connection: self.keep(connection, [entry], now))

    def adding(self, entry: AuditEntry) -> Step:
        """Keep an entry in another commit."""
        return lambda connection, now: self.keep(connection, [entry], now)

    def changing(
        self, statement: Statement, values: Mapping[str, object], entries: Iterable[AuditEntry]
    ) -> Step:
        """Carry out a statement in another commit, with the entries that tell of it."""
        entries = list(entries)

        def step(connection: Connection, now: datetime) -> None:
            statement.run(connection, values)
            self.keep(connection, entries, now)

        return step

    def keep(self, connection: Connection, entries: Iterable[AuditEntry], now: datetime) -> None:
        """The statements of `add`, for a commit that does more."""
        head = _head(connection)
        for entry in entries:
            row = _row(head.id + 1, entry, now)
            head = Head(head.id + 1, self._chain.tag(head.tag, row))
            _ADD.run(connection, dict(zip(_NAMES, (*row, head.tag), strict=True)))

    async def latest(self, limit: int) -> list[AuditEntry]:
        """The last entries, the newest first."""
        return await self._db.read(
            lambda connection: [
                _entry(*row) for row in _LATEST.rows(connection, {"at_most": limit})
            ]
        )

    async def denied(self, actor: str, action: str, since: datetime) -> int:
        """How often somebody was denied an action after `since`."""
        key = {"actor": actor, "action": action, "since": to_micros(since)}
        return await self._db.read(lambda connection: _DENIED.value(connection, key))

    async def after(self, id_: int) -> list[AuditEntry]:
        """The next entries after one, the oldest first; empty at the end."""
        return await self._db.read(
            lambda connection: [_entry(*row) for row in _NEXT.rows(connection, {"after": id_})]
        )

    async def anchor(self) -> None:
        """Copy the head into the anchor, unless it stands there. Raises `Unavailable` too."""
        await detached(partial(self._anchor.write, await self._db.read(_head)))

    async def verify(self) -> Verified:
        """Hold rows against the chain and its anchor, and exports against their seals."""
        anchor = await detached(self._anchor.read)

        def check(connection: Connection) -> tuple[int, list[Seal], list[str]]:
            with snapshot(connection):
                seals = _seals(connection)
                faults = self._chain.faults(_tagged(connection), seals, anchor)
                head = _head(connection)
            return head.id, seals, faults

        rows, seals, faults = await self._db.read(check)
        if anchor is None and rows:
            faults.append(
                f"{self._anchor.path}: there is no anchor; rows may be missing from the end"
            )
        faults += [fault for seal in seals for fault in self._export_faults(seal)]
        return Verified(rows, len(seals), anchor.id if anchor else 0, tuple(faults))

    def faults(self, connection: Connection) -> list[str]:
        """What is wrong with the chain of any file that holds rows under this key."""
        return self._chain.faults(_tagged(connection), _seals(connection), None)

    async def seal(self, keep_days: int) -> int:
        """Export what came before this month, and drop what is older than it must be kept and is
        exported; how many rows went into an export."""
        now = self._clock()
        month = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        sealed = await self._db.read(lambda connection: self._export(connection, month))
        if sealed is not None:
            entry = AuditEntry("system", "audit seal", sealed.file)
            await self._db.write(lambda connection: self._keep_seal(connection, sealed, entry, now))
        await self.anchor()
        await self._drop(now - timedelta(days=keep_days))
        return 0 if sealed is None else sealed.last.id - sealed.first + 1

    def _adopt(self, connection: Connection) -> None:
        if _IS_CHAINED.row(connection, {}) is not None:
            return
        tag = ""
        for row, _ in list(_tagged(connection)):
            tag = self._chain.tag(tag, row)
            _TAG.run(connection, {"id": row[0], "tag": tag})

    def _export(self, connection: Connection, until: datetime) -> Seal | None:
        """Write the rows that no export holds yet, from before `until`; None: there are none."""
        with snapshot(connection):
            seals = _seals(connection)
            start = seals[-1].last.id if seals else 0
            rows = list(_before(_tagged(connection, start), to_micros(until)))
        if not rows:
            return None
        first, last = rows[0][0], rows[-1][0]
        at = from_micros(int(str(last[1])))
        content = "".join(
            json.dumps(dict(zip(_NAMES, (*row, tag), strict=True)), ensure_ascii=False) + "\n"
            for row, tag in rows
        ).encode("utf-8", "surrogatepass")
        name = f"{at:%Y-%m}-{first[0]}.jsonl"
        _write(self.directory / name, content)
        head = Head(int(str(last[0])), rows[-1][1])
        unsigned = Seal(name, int(str(first[0])), head, hashlib.sha256(content).hexdigest())
        return replace(unsigned, signature=self._chain.sign("seal", unsigned.text))

    def _keep_seal(
        self, connection: Connection, sealed: Seal, entry: AuditEntry, now: datetime
    ) -> None:
        values = {
            "last": sealed.last.id,
            "first": sealed.first,
            "tag": sealed.last.tag,
            "file": sealed.file,
            "sha256": sealed.sha256,
            "signature": sealed.signature,
        }
        _SEAL.run(connection, values)
        self.keep(connection, [entry], now)

    async def _drop(self, before: datetime) -> None:
        """Whole exports only, and none whose file is not as it was sealed; the last row stays."""
        for sealed in await self._db.read(_seals):
            if self._export_faults(sealed):
                return
            rows = await self._db.read(
                lambda connection, after=sealed.last.id - 1: _NEXT.rows(
                    connection, {"after": after}
                )
            )
            is_there = bool(rows) and rows[0][0] == sealed.last.id
            if is_there and rows[0][1] < to_micros(before):
                last = {"last": sealed.last.id}
                await self._db.write(lambda connection, last=last: _DROP.run(connection, last))

    def _export_faults(self, sealed: Seal) -> list[str]:
        path = self.directory / sealed.file
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            return [f"{path}: the export can't be read ({error.strerror})"]
        return [] if digest == sealed.sha256 else [f"{path}: it is not what was exported"]


_NAMES = ("id", "at", "actor", "action", "target", "detail", "outcome", "origin", "tag")


def _row(id_: int, entry: AuditEntry, now: datetime) -> Row:
    at = to_micros(now)
    said = (entry.actor, entry.action, entry.target, entry.detail, entry.outcome, entry.origin)
    return (id_, at, *said)


def _head(connection: Connection) -> Head:
    row = _HEAD.row(connection, {})
    return Head() if row is None else Head(*row)


def _seals(connection: Connection) -> list[Seal]:
    return [
        Seal(file, first, Head(last, tag), sha256, signature)
        for last, first, tag, file, sha256, signature in _SEALS.rows(connection, {})
    ]


def _tagged(connection: Connection, after: int = 0) -> Iterator[tuple[Row, str]]:
    """All rows after an id, in order, a step at a time."""
    while rows := _NEXT.rows(connection, {"after": after}):
        yield from ((row[:-1], str(row[-1])) for row in rows)
        after = rows[-1][0]


def _before(rows: Iterable[tuple[Row, str]], until: int) -> Iterator[tuple[Row, str]]:
    """The rows up to the first that is not older; ids are in order, clocks need not be."""
    for row, tag in rows:
        if int(str(row[1])) >= until:
            return
        yield row, tag


def _write(path: Path, content: bytes) -> None:
    try:
        make_directory(path.parent)
        with path.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        sync(path.parent)
    except OSError as error:
        raise Unavailable(f"{path}: the export can't be written ({error.strerror})") from error


def _entry(*row: object) -> AuditEntry:
    values: Values = row
    id_, at, *said, _ = values
    return replace(AuditEntry(*said), at=from_micros(at), id=id_)
