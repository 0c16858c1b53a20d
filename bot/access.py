"""PURE. Who someone is to the bot, and what that allows: role, place and wish in, a verdict out."""

from collections.abc import Collection, Mapping
from enum import Enum, IntEnum

from adapters.base import OUTSIDE, Address

OPEN_PLATFORMS = frozenset({"console", "web", "api"})
"""Ours, and with keys of their own: whoever is there is a member, and every room is allowed."""


class Role(IntEnum):
    """Ordered: a higher role may do all that a lower one may."""

    BLOCKED = 0
    UNKNOWN = 1
    GUEST = 2
    MEMBER = 3
    ADMIN = 4
    OWNER = 5


GIVEN = {role.name.lower(): role for role in Role if role is not Role.UNKNOWN}
"""Roles by the name under which they are given and kept."""


class Verdict(Enum):
    """What becomes of a wish. HINT and CLOSED tell somebody why not, SILENT tells nobody."""

    ALLOW = "allow"
    SILENT = "silent"
    HINT = "hint"
    CLOSED = "closed"


def role_of(
    person: str,
    platform: str,
    person_id: str,
    *,
    given: Mapping[str, str],
    owners: Collection[str],
    opened: Collection[str],
) -> Role:
    """The role of a person (`platform:account:id`).

    The configuration's owners first, then what was given, then what the platform is open to: to
    nobody of another organisation.
    """
    if platform == "console" or person in owners or f"{platform}:{person_id}" in owners:
        return Role.OWNER
    if person in given:
        return GIVEN.get(given[person], Role.UNKNOWN)
    is_ours = not person_id.startswith(OUTSIDE)
    is_open = platform in OPEN_PLATFORMS or (platform in opened and is_ours)
    return Role.MEMBER if is_open else Role.UNKNOWN


def admit(role: Role, address: Address, *, allowed: bool, addressed: bool) -> Verdict:
    """Whether somebody is heard in a place. `allowed`: the room is; `addressed`: the bot is.

    An unknown person learns how to pair, in a direct chat; a room that is not allowed is told so
    by a known one; everything else that is not heard meets silence.
    """
    if role is Role.BLOCKED:
        return Verdict.SILENT
    if role is Role.UNKNOWN:
        return Verdict.HINT if address.direct else Verdict.SILENT
    if address.direct or allowed:
        return Verdict.ALLOW
    return Verdict.CLOSED if addressed else Verdict.SILENT


def may_give(actor: Role, before: Role, after: Role) -> bool:
    """Whether a role may be changed: only an owner makes or unmakes administrators and owners."""
    return actor is Role.OWNER or (actor is Role.ADMIN and max(before, after) < Role.ADMIN)
