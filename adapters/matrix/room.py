"""PURE. A room as its state events say it is: who is in it, its name, whether it is encrypted, and
which room it was before and is after."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

PRESENT = ("join", "invite")


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody's place in a room: `join`, `invite`, `leave` or `ban`."""

    membership: str
    name: str


@dataclass(slots=True)
class Room:
    """One room. `people` are those who are in it or invited, the bot included.

    `predecessor` is the room that it says it was; `tombstone` the event that says it goes on.
    """

    id: str
    name: str = ""
    is_encrypted: bool = False
    predecessor: str = ""
    tombstone: Mapping[str, Any] = field(default_factory=dict[str, Any])
    members: dict[str, Member] = field(default_factory=dict[str, Member])

    @property
    def people(self) -> list[str]:
        return [user for user, member in self.members.items() if member.membership in PRESENT]

    @property
    def replacement(self) -> str:
        """The room that this one says it goes on as; empty while it goes on itself."""
        return _string(_table(self.tombstone, "content"), "replacement_room")

    @property
    def is_direct(self) -> bool:
        """Whether somebody is alone with the bot."""
        return len(self.people) <= 2

    def name_of(self, user: str) -> str:
        """What people call somebody."""
        member = self.members.get(user)
        return (member.name if member else "") or user[1:].partition(":")[0]

    def apply(self, event: Mapping[str, Any]) -> bool:
        """Take in a state event; whether somebody came, went or was invited."""
        content = _table(event, "content")
        match event.get("type"):
            case "m.room.member":
                return self._apply_member(str(event.get("state_key", "")), content)
            case "m.room.create":
                self.predecessor = _string(_table(content, "predecessor"), "room_id")
            case "m.room.tombstone":
                self.tombstone = event
            case "m.room.encryption":
                self.is_encrypted = True
            case "m.room.name":
                self.name = _string(content, "name")
            case "m.room.canonical_alias":
                self.name = self.name or _string(content, "alias")
            case _:
                pass
        return False

    def _apply_member(self, user: str, content: Mapping[str, Any]) -> bool:
        before = self.members.get(user)
        membership = _string(content, "membership")
        self.members[user] = Member(membership, _string(content, "displayname"))
        return before is None or before.membership != membership


def _table(value: Mapping[str, Any], key: str) -> dict[str, Any]:
    part = value.get(key)
    return cast("dict[str, Any]", part) if isinstance(part, dict) else {}


def _string(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""
