"""PURE. The chain that the audit's rows make: each carries a tag over itself and the tag before it.

The tag is HMAC-SHA256 (RFC 2104) under a key that is kept outside the database, so that whoever can
write the file can't make one. A row that was changed, left out, added or moved breaks the chain
where it stands; rows cut off its end are missed by the anchor, a signed copy of the head that is
kept elsewhere. What was moved into a sealed export goes on from the seal's head.
"""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

Row = tuple[object, ...]
"""Id, microseconds, actor, action, target, detail, outcome, origin; the tag stands apart."""

MOST_FAULTS = 100


@dataclass(frozen=True, slots=True)
class Head:
    """Where a chain ends: the last row's id (0: none) and its tag."""

    id: int = 0
    tag: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """A run of rows that was exported: the last of them, the file's SHA-256, its signature."""

    file: str
    first: int
    last: Head
    sha256: str
    signature: str = ""

    @property
    def text(self) -> str:
        """What is signed."""
        return json.dumps([self.file, self.first, self.last.id, self.last.tag, self.sha256])


class Chain:
    """Makes and checks tags under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def tag(self, previous: str, row: Row) -> str:
        """The tag of a row that follows the one with the tag `previous`."""
        return self.sign("row", json.dumps([previous, *row], ensure_ascii=False, default=repr))

    def sign(self, purpose: str, text: str) -> str:
        """A signature, in hex; `purpose` keeps one thing from being shown as another."""
        message = f"{purpose}\n{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self._key, message, hashlib.sha256).hexdigest()

    def signed(self, purpose: str, text: str, signature: str) -> bool:
        """Whether a signature is right."""
        return _same(self.sign(purpose, text), signature)

    def faults(
        self, rows: Iterable[tuple[Row, str]], seals: Sequence[Seal], anchor: Head | None
    ) -> list[str]:
        """What is wrong with the rows, given in order of their ids, each with its tag."""
        found = [
            f"the seal of {seal.file} is not genuine"
            for seal in seals
            if not self.signed("seal", seal.text, seal.signature)
        ]
        last: Head | None = None
        is_anchored = anchor is None or anchor.id == 0
        ends = {seal.last.id: seal.last for seal in seals}
        for row, tag in rows:
            id_ = row[0] if isinstance(row[0], int) else -1
            if last is None and anchor and anchor.id < id_:
                is_anchored = (
                    True  # what the anchor knows is in an export, and this goes on from it
                )
            before = last or _start(id_, ends)
            found += self._row_faults(row, tag, before)
            last = Head(id_, tag)
            if anchor and id_ == anchor.id:
                is_anchored = _same(tag, anchor.tag)
            if len(found) >= MOST_FAULTS:
                return found
        if not is_anchored and anchor is not None:
            found.append(_unanchored(anchor, last))
        return found

    def _row_faults(self, row: Row, tag: str, before: Head) -> list[str]:
        faults: list[str] = []
        if row[0] != before.id + 1:
            faults.append(f"row {row[0]} follows row {before.id}: what stood between is gone")
        if not _same(self.tag(before.tag, row), str(tag)):
            faults.append(f"row {row[0]} is not what was written, or what stood before it is not")
        return faults


def _same(one: str, other: str) -> bool:
    first, second = (each.encode("utf-8", "surrogatepass") for each in (one, other))
    return hmac.compare_digest(first, second)


def _start(first: int, ends: Mapping[int, Head]) -> Head:
    """What the first row that is left goes on from: nothing, or what was exported."""
    return ends.get(first - 1, Head())


def _unanchored(anchor: Head, last: Head | None) -> str:
    if last is None or last.id < anchor.id:
        there = last.id if last else 0
        return f"the last row is {there}, the anchor knows row {anchor.id}: the end was cut off"
    return f"row {anchor.id} is not the one that the anchor knows"
