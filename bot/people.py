"""Who is known and by what name, and roles given at the machine itself.

Whoever can use the machine's account owns the bot, so that nothing is denied here; what happens is
written down like everything else. In chat, `commands/admin/people` asks who may give what.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from bot.access import GIVEN, Role
from bot.roster import Roster
from storage.members import Members
from storage.records import AuditEntry

Known = Sequence[tuple[str, str, datetime]]
"""Everybody who was seen, as `storage.members.Members.known` gives them."""


class NobodyFound(Exception):
    """No person, or more than one, goes by a name."""


@dataclass(frozen=True, slots=True)
class Listed:
    """Somebody in a list; `last_seen` is None for who was never seen."""

    person: str
    name: str
    role: str
    last_seen: datetime | None


Accounts = Collection[tuple[str, str]] | None
"""The platforms' accounts, as (platform, account); None where no bot runs that knows them."""


def whole_key(text: str) -> str:
    """A person's key, written out. Raises `NobodyFound`."""
    if text.count(":") < 2:
        raise NobodyFound(
            f"“{text}” is no person: write platform:account:id, as “parley user list” shows them."
        )
    return text


def find_person(text: str, known: Known, roster: Roster, accounts: Accounts) -> str | None:
    """The key of a person who is named by key, by `platform:id`, or by a name that one has.

    Anybody can call themselves anything, so a name is looked for among those who are let in only;
    a full key on one of the accounts may be somebody's who never wrote.
    """
    platform, _, rest = text.partition(":")
    keys = {key for key, _, _ in known} | roster.given().keys()
    if text in keys or _is_key(text, accounts):
        return text
    if rest:
        start = f"{platform}:"
        found = [key for key in keys if key.startswith(start) and key.split(":", 2)[2] == rest]
    else:
        found = [
            key
            for key, name, _ in known
            if name.casefold() == text.casefold() and roster.role_of(key) is not Role.UNKNOWN
        ]
    return found[0] if len(found) == 1 else None


def _is_key(text: str, accounts: Accounts) -> bool:
    """Whether a text has a key's form; Matrix's ids hold colons themselves and begin with `@`."""
    platform, account, person_id = (*text.split(":", 2), "", "")[:3]
    if not person_id:
        return False
    return not account.startswith("@") if accounts is None else (platform, account) in accounts


class Register:
    """What `parley user …` does, in the running bot or on the file."""

    def __init__(self, roster: Roster, members: Members, accounts: Accounts = None) -> None:
        self._roster = roster
        self._members = members
        self._accounts = accounts

    async def people(self) -> list[Listed]:
        """Everybody who was seen or has a role, the last seen first."""
        known = await self._members.known()
        seen = {key for key, _, _ in known}
        unseen = [key for key in self._roster.given() if key not in seen]
        return [
            *(self._listed(key, name, at) for key, name, at in known),
            *(self._listed(key, "", None) for key in unseen),
        ]

    async def rows(self) -> list[dict[str, str]]:
        """The same, ready for JSON; times in ISO 8601, empty for who was never seen."""
        return [
            asdict(each) | {"last_seen": each.last_seen.isoformat() if each.last_seen else ""}
            for each in await self.people()
        ]

    async def pair(self, role: Role, actor: str) -> dict[str, object]:
        """A one-time code, and for how many minutes it is good."""
        code = await self._roster.codes.make(role, actor)
        return {"code": code, "role": _name(role), "minutes": self._roster.settings.code_minutes}

    async def grant(self, who: str, role: Role, actor: str) -> dict[str, str]:
        """Give somebody a role. Raises `NobodyFound`."""
        person = await self._person(who)
        entry = AuditEntry(actor, "user grant", person, json.dumps({"role": _name(role)}))
        await self._roster.make(self._roster.set_role(person, role, entry))
        return {"person": person, "role": _name(self._roster.role_of(person))}

    async def revoke(self, who: str, actor: str) -> dict[str, str]:
        """Take what somebody was given. Raises `NobodyFound`."""
        person = await self._person(who)
        entry = AuditEntry(actor, "user revoke", person)
        await self._roster.make(self._roster.set_role(person, None, entry))
        return {"person": person, "role": _name(self._roster.role_of(person))}

    async def _person(self, who: str) -> str:
        person = find_person(who, await self._members.known(), self._roster, self._accounts)
        if person is None:
            raise NobodyFound(
                f"“{who}” is nobody, or more than one: write platform:account:id,"
                " as in “parley user list”."
            )
        return person

    def _listed(self, person: str, name: str, last_seen: datetime | None) -> Listed:
        return Listed(person, name, _name(self._roster.role_of(person)), last_seen)


def role_named(name: str) -> Role | None:
    """The role that is given under a name."""
    return GIVEN.get(name.lower())


def _name(role: Role) -> str:
    return role.name.lower()
