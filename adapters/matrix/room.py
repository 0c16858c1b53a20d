"""PURE. A room as its state events say it is: who is in it, its name, whether it is encrypted."""

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
    """One room. `people` are those who are in it or invited, the bot included."""

    id: str
    name: str = ""
    is_encrypted: bool = False
    members: dict[str, Member] = field(default_factory=dict[str, Member])

    @property
    def people(self) -> list[str]:
        return [user for user, member in self.members.items() if member.membership in PRESENT]

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
        content = cast("dict[str, Any]", event.get("content") or {})
        match event.get("type"):
            case "m.room.member":
                return self._apply_member(str(event.get("state_key", "")), content)
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


def _string(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""
