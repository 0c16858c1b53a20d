"""The whole matrix: every role in every kind of place, and who may give which role."""

from itertools import product

import pytest

from adapters.base import Address
from bot.access import GIVEN, Role, Verdict, admit, may_give, role_of
from bot.commands import REGISTRY
from bot.commands.admin import SUBCOMMANDS
from bot.texts import LANGUAGES

ALLOW, SILENT, HINT, CLOSED = Verdict.ALLOW, Verdict.SILENT, Verdict.HINT, Verdict.CLOSED
DIRECT = Address("fake", "bot", "ann", direct=True)
ROOM = Address("fake", "bot", "room")

COLUMNS = [  # place, allowed, addressed
    (DIRECT, False, False),
    (DIRECT, False, True),
    (ROOM, True, True),
    (ROOM, True, False),
    (ROOM, False, True),
    (ROOM, False, False),
]
MATRIX = {
    Role.BLOCKED: [SILENT, SILENT, SILENT, SILENT, SILENT, SILENT],
    Role.UNKNOWN: [HINT, HINT, SILENT, SILENT, SILENT, SILENT],
    Role.GUEST: [ALLOW, ALLOW, ALLOW, ALLOW, CLOSED, SILENT],
    Role.MEMBER: [ALLOW, ALLOW, ALLOW, ALLOW, CLOSED, SILENT],
    Role.ADMIN: [ALLOW, ALLOW, ALLOW, ALLOW, CLOSED, SILENT],
    Role.OWNER: [ALLOW, ALLOW, ALLOW, ALLOW, CLOSED, SILENT],
}


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("column", range(len(COLUMNS)))
def test_who_is_heard_where(role: Role, column: int) -> None:
    place, allowed, addressed = COLUMNS[column]
    verdict = admit(role, place, allowed=allowed, addressed=addressed)
    assert verdict is MATRIX[role][column]


@pytest.mark.parametrize(
    ("person", "given", "owners", "opened", "role"),
    [
        ("slack:main:U1", {}, (), (), Role.UNKNOWN),
        ("slack:main:U1", {}, (), ("slack",), Role.MEMBER),
        ("slack:main:outside/T2/U1", {}, (), ("slack",), Role.UNKNOWN),
        (
            "slack:main:outside/T2/U1",
            {"slack:main:outside/T2/U1": "guest"},
            (),
            ("slack",),
            Role.GUEST,
        ),
        ("slack:main:U1", {"slack:main:U1": "blocked"}, (), ("slack",), Role.BLOCKED),
        ("slack:main:U1", {"slack:main:U1": "guest"}, (), ("slack",), Role.GUEST),
        ("slack:main:U1", {"slack:other:U1": "admin"}, (), (), Role.UNKNOWN),
        ("slack:main:U1", {"slack:main:U1": "wizard"}, (), (), Role.UNKNOWN),
        ("slack:main:U1", {}, ("slack:U1",), (), Role.OWNER),
        ("slack:main:U1", {}, ("slack:main:U1",), (), Role.OWNER),
        ("slack:main:U1", {}, ("slack:U11", "U1", "matrix:U1"), (), Role.UNKNOWN),
        ("slack:main:U1", {"slack:main:U1": "blocked"}, ("slack:U1",), (), Role.OWNER),
        ("matrix:p:@ann:b.c", {}, ("matrix:@ann:b.c",), (), Role.OWNER),
        ("matrix:p:@ann:b.c", {}, ("matrix:b.c",), (), Role.UNKNOWN),
        ("web:page:x", {}, (), (), Role.MEMBER),
        ("api:token:x", {}, (), (), Role.MEMBER),
        ("console:local:1000", {}, (), (), Role.OWNER),
        ("telegram:1:5", {"telegram:1:5": "owner"}, (), (), Role.OWNER),
    ],
)
def test_role(
    person: str,
    given: dict[str, str],
    owners: tuple[str, ...],
    opened: tuple[str, ...],
    role: Role,
) -> None:
    platform, _, person_id = person.split(":", 2)
    found = role_of(person, platform, person_id, given=given, owners=owners, opened=opened)
    assert found is role


@pytest.mark.parametrize(("actor", "before", "after"), list(product(Role, repeat=3)))
def test_only_owners_make_and_unmake_administrators(actor: Role, before: Role, after: Role) -> None:
    touches_the_high = before >= Role.ADMIN or after >= Role.ADMIN
    allowed = actor is Role.OWNER or (actor is Role.ADMIN and not touches_the_high)
    assert may_give(actor, before, after) == allowed


def test_nobody_is_given_to_be_unknown() -> None:
    assert set(GIVEN) == {"blocked", "guest", "member", "admin", "owner"}


def test_commands_are_denied_by_default() -> None:
    assert {name for name, command in REGISTRY.items() if command.role < Role.GUEST} == {"pair"}
    assert REGISTRY["admin"].role is Role.ADMIN


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_subcommand_says_how_it_is_used(language: str) -> None:
    commands = LANGUAGES[language].admin_commands
    assert commands.keys() == SUBCOMMANDS.keys()
    assert {name: use[0] for name, use in commands.items()} == {
        name: use[0] for name, use in LANGUAGES["en"].admin_commands.items()
    }
