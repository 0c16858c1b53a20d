"""Who may ask: roles, rooms, pairing codes, quotas, and what administrators set while the bot runs.

The bot reads all of it at start and keeps it in memory. Each change is a step with its audit entry,
for a commit of its own or of the reply that tells of it.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection, String, Table, bindparam, delete, select
from sqlalchemy.dialects.sqlite import Insert

from storage.audit import Audit
from storage.clock import Clock, from_micros, to_micros, utc_now
from storage.connection import snapshot
from storage.database import Database
from storage.inbox import finish_events
from storage.known import dropping_room
from storage.moving import move
from storage.records import AuditEntry, Outcome, Place, Quota, RoomState, Spent, Standing
from storage.statement import Statement, Step, insertion
from storage.tables import grant, hint, pairing, quota, room, setting, spending, turn

Entries = Sequence[AuditEntry]
PAIR = "pair"
"""The action in the audit."""


def _upsert(table: Table, *keys: str) -> Statement:
    new: Insert = insertion(table)
    others = {
        column.name: new.excluded[column.name]
        for column in table.columns
        if column.name not in keys
    }
    return Statement(new.on_conflict_do_update(index_elements=list(keys), set_=others))


_IS_PERSON = bindparam("person", type_=String())
_GIVE = _upsert(grant, "person")
_TAKE = Statement(delete(grant).where(grant.c.person == _IS_PERSON))
_PUT_ROOM = _upsert(room, "platform", "account", "room")
_PUT_QUOTA = _upsert(quota, "person")
_DROP_QUOTA = Statement(delete(quota).where(quota.c.person == _IS_PERSON))
_PUT_SETTING = _upsert(setting, "key")
_DROP_SETTING = Statement(delete(setting).where(setting.c.key == bindparam("key")))
_PUT_HINT = _upsert(hint, "about")
_PUT_CODE = _upsert(pairing, "code_sha256")
_IS_CODE = pairing.c.code_sha256 == bindparam("code_sha256")
_CODE = Statement(select(pairing.c.role).where(_IS_CODE, pairing.c.expires_at > bindparam("now")))
_DROP_CODE = Statement(delete(pairing).where(_IS_CODE))
_DROP_EXPIRED = Statement(delete(pairing).where(pairing.c.expires_at <= bindparam("now")))
_NEW_SPENDING = insertion(spending)
_SPEND = Statement(
    _NEW_SPENDING.on_conflict_do_update(
        index_elements=["person", "day"],
        set_={
            "messages": spending.c.messages + _NEW_SPENDING.excluded.messages,
            "compute_ms": spending.c.compute_ms + _NEW_SPENDING.excluded.compute_ms,
        },
    )
)
_SPENT = Statement(
    select(spending.c.person, spending.c.messages, spending.c.compute_ms).where(
        spending.c.day == bindparam("day")
    )
)
_ALL = {table.name: Statement(select(table)) for table in (grant, room, quota, setting, hint)}

_HAS_TURNS = Statement(select(turn.c.row).where(turn.c.session == bindparam("session")).limit(1))


class RosterStore:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database, audit: Audit, *, clock: Clock = utc_now) -> None:
        self._db = db
        self._audit = audit
        self._clock = clock

    async def standing(self) -> Standing:
        """Everything, as it is now."""
        return await self._db.read(_standing)

    async def commit(self, steps: Sequence[Step]) -> None:
        """Carry out steps in a commit of their own."""
        now = self._clock()

        def op(connection: Connection) -> None:
            for step in steps:
                step(connection, now)

        await self._db.write(op)

    async def add_code(
        self, code_sha256: str, role: str, expires_at: datetime, entry: AuditEntry
    ) -> None:
        """Keep a pairing code; expired ones go."""
        now = self._clock()
        row = {"code_sha256": code_sha256, "role": role, "expires_at": to_micros(expires_at)}

        def op(connection: Connection) -> None:
            _DROP_EXPIRED.run(connection, {"now": to_micros(now)})
            _PUT_CODE.run(connection, row)
            self._audit.keep(connection, [entry], now)

        await self._db.write(op)

    def giving(self, person: str, role: str | None, entry: AuditEntry) -> Step:
        """Give somebody a role, or take what they have."""
        statement = _GIVE if role else _TAKE
        return self._audit.changing(statement, {"person": person, "role": role}, [entry])

    def pairing_off(self, code_sha256: str, person: str, role: str) -> Step:
        """Give a person the role of a code and void it."""

        def step(connection: Connection, now: datetime) -> None:
            _DROP_CODE.run(connection, {"code_sha256": code_sha256})
            _GIVE.run(connection, {"person": person, "role": role})
            entry = AuditEntry(person, PAIR, person, f'{{"role": "{role}"}}')
            self._audit.keep(connection, [entry], now)

        return step

    def refusing(self, person: str, origin: str) -> Step:
        """Keep that a person's code was wrong."""
        return self._audit.adding(AuditEntry(person, PAIR, outcome="denied", origin=origin))

    async def wrong_codes(self, person: str, since: datetime) -> int:
        """How many wrong codes a person gave after `since`."""
        return await self._audit.denied(person, PAIR, since)

    def placing(self, state: RoomState, entries: Entries = ()) -> Step:
        """Keep what is known of a room; one that keeps no answers has none left."""
        values = {
            "title": state.title,
            "allowed": state.allowed,
            "every_message": state.every_message,
            "present": state.present,
            "keeps_answers": state.keeps_answers,
        }
        keep = self._audit.changing(_PUT_ROOM, asdict(state.place) | values, entries)
        if state.keeps_answers:
            return keep
        drop = dropping_room(state.place.key)

        def step(connection: Connection, now: datetime) -> None:
            keep(connection, now)
            drop(connection, now)

        return step

    def bounding(self, person: str, bounds: Quota | None, entry: AuditEntry) -> Step:
        """Give somebody bounds of their own, or take them."""
        if bounds is None:
            return self._audit.changing(_DROP_QUOTA, {"person": person}, [entry])
        return self._audit.changing(_PUT_QUOTA, {"person": person} | asdict(bounds), [entry])

    def setting_to(self, key: str, value: str | None, entry: AuditEntry) -> Step:
        """Set something that holds until it is changed again, or take it back."""
        statement = _DROP_SETTING if value is None else _PUT_SETTING
        return self._audit.changing(statement, {"key": key, "value": value}, [entry])

    async def role_of_code(self, code_sha256: str) -> str | None:
        """The name of the role that a code gives; None: there is no such code, or it is too old."""
        key = {"code_sha256": code_sha256, "now": to_micros(self._clock())}
        return await self._db.read(lambda connection: _CODE.value(connection, key))

    async def spent(self, day: str) -> dict[str, Spent]:
        """What everybody took of a day."""
        return await self._db.read(
            lambda connection: {
                person: Spent(messages, compute_ms)
                for person, messages, compute_ms in _SPENT.rows(connection, {"day": day})
            }
        )

    async def has_turns(self, key: str) -> bool:
        """Whether the bot ever answered in a session."""
        return await self._db.read(
            lambda connection: _HAS_TURNS.row(connection, {"session": key}) is not None
        )

    async def move_room(
        self, former: Place, present: Place, done: Sequence[int], entry: AuditEntry
    ) -> None:
        """A room goes on under another id: sessions, messages and permission go along."""
        now = self._clock()

        def op(connection: Connection) -> None:
            move(connection, former, present)
            finish_events(connection, done, Outcome.DONE, now)
            self._audit.keep(connection, [entry], now)

        await self._db.write(op)


def hinting(about: str, at: datetime) -> Step:
    """Keep that a person or a room was told, in the commit of the telling."""
    row = {"about": about, "at": to_micros(at)}
    return lambda connection, _: _PUT_HINT.run_each(connection, [row])


def spending_of(person: str, day: str, spent: Spent) -> Step:
    """Add to what somebody took of a day, in the commit of their turn."""
    row = {"person": person, "day": day} | asdict(spent)
    return lambda connection, _: _SPEND.run_each(connection, [row])


def _standing(connection: Connection) -> Standing:
    with snapshot(connection):
        found = {name: statement.rows(connection, {}) for name, statement in _ALL.items()}
    return Standing(
        roles=dict(found["grant"]),
        rooms=[_room(*row) for row in found["room"]],
        quotas={person: Quota(*bounds) for person, *bounds in found["quota"]},
        settings=dict(found["setting"]),
        hints={about: from_micros(at) for about, at in found["hint"]},
    )


def _room(
    platform: str,
    account: str,
    name: str,
    title: str,
    allowed: int,
    every_message: int,
    present: int,
    keeps_answers: int,
) -> RoomState:
    place = Place(platform, account, name)
    flags = map(bool, (allowed, every_message, present, keeps_answers))
    return RoomState(place, title, *flags)
