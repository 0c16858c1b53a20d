"""Quotas by the day, hints once a day, codes once: whatever the clock does."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.access import Role
from bot.codes import WRONG_CODES, TooManyCodes
from bot.people import NobodyFound, Register, find_person
from bot.roster import Roster
from bot.sections import Access
from storage.audit import Audit
from storage.database import Database
from storage.members import Members
from storage.outbox import Outbox
from storage.records import AuditEntry, Quota, Spent
from storage.roster import RosterStore
from storage.turns import Turns
from tests.unit.storage.values import KEY, destination, turn

ANN, BEN, BOSS = "slack:main:U1", "slack:main:U2", "slack:main:U3"
ENTRY = AuditEntry("test", "test")


class Clock:
    """Shows what it is set to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **time: float) -> None:
        self.now += timedelta(**time)


class House:
    """A roster on a file, as a bot that starts anew finds it."""

    def __init__(self, database: Database, **access: Any) -> None:
        self.clock = Clock()
        self._database = database
        self._access = Access(**access)
        self._turns = 0

    async def start(self) -> Roster:
        audit = Audit(self._database, KEY, clock=self.clock)
        store = RosterStore(self._database, audit, clock=self.clock)
        self.roster = Roster(store, self._access, self.clock)
        await self.roster.load()
        return self.roster

    async def answer(self, person: str, seconds: float = 0) -> None:
        taken = Spent(1, round(seconds * 1000))
        self._turns += 1
        value = turn(f"t{self._turns}")
        charge = self.roster.quotas.charge(person, taken)
        await Turns(self._database).commit(value, also=charge.steps)
        charge.apply()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(tmp_path / "parley.db") as database:
        yield database


async def test_messages_of_a_day_are_bounded(database: Database) -> None:
    house = House(database, open=("slack",), messages_per_day=2)
    roster = await house.start()
    for _ in range(2):
        assert roster.obstacle(ANN) is None
        await house.answer(ANN)
    assert (roster.obstacle(ANN), roster.quotas.hours_left()) == ("quota_spent", 12)
    assert roster.obstacle(BEN) is None
    assert (await house.start()).obstacle(ANN) == "quota_spent"
    house.clock.pass_(hours=12)
    assert house.roster.obstacle(ANN) is None


async def test_seconds_of_a_day_are_bounded(database: Database) -> None:
    house = House(database, open=("slack",), compute_s_per_day=10)
    roster = await house.start()
    await house.answer(ANN, 9.9)
    assert roster.obstacle(ANN) is None
    await house.answer(ANN, 0.1)
    assert roster.obstacle(ANN) == "quota_spent"


async def test_guests_have_bounds_of_their_own_and_administrators_none(database: Database) -> None:
    house = House(database, messages_per_day=1, guest_messages_per_day=2)
    roster = await house.start()
    for person, role in ((ANN, Role.GUEST), (BEN, Role.MEMBER), (BOSS, Role.ADMIN)):
        await roster.make(roster.set_role(person, role, ENTRY))
        await house.answer(person)
    assert [roster.obstacle(person) for person in (ANN, BEN, BOSS)] == [None, "quota_spent", None]
    await roster.make(roster.quotas.set(BEN, Quota(messages=0), ENTRY))
    assert roster.obstacle(BEN) is None
    await roster.make(roster.quotas.set(ANN, Quota(messages=1), ENTRY))
    assert (await house.start()).obstacle(ANN) == "quota_spent"
    await house.roster.make(house.roster.quotas.set(ANN, None, ENTRY))
    assert house.roster.obstacle(ANN) is None


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_clock_set_back_over_midnight_resets_nothing(
    database: Database, *, restarts: bool
) -> None:
    house = House(database, open=("slack",), messages_per_day=1)
    roster = await house.start()
    await house.answer(ANN)
    house.clock.pass_(hours=12.5)  # half past midnight
    assert roster.obstacle(ANN) is None
    await house.answer(BEN)
    house.clock.pass_(hours=-1)  # half past eleven of the day before
    roster = await house.start() if restarts else roster
    assert roster.obstacle(ANN) is None  # their new day was not taken back
    assert roster.obstacle(BEN) == "quota_spent"  # nor given twice
    house.clock.pass_(hours=1)
    assert roster.obstacle(BEN) == "quota_spent"
    house.clock.pass_(days=1)
    assert roster.obstacle(BEN) is None


async def test_a_clock_that_was_a_year_ahead_locks_nobody_out(database: Database) -> None:
    house = House(database, open=("slack",), messages_per_day=1)
    house.clock.pass_(days=365)
    roster = await house.start()
    await house.answer(ANN)
    house.clock.pass_(days=-365)
    assert roster.obstacle(ANN) == "quota_spent"
    house.clock.pass_(days=1)
    assert roster.obstacle(ANN) is None


async def test_who_is_paused(database: Database) -> None:
    house = House(database, open=("slack",))
    roster = await house.start()
    await roster.make(roster.set_role(BOSS, Role.ADMIN, ENTRY))
    await roster.make(roster.set("paused", "yes", ENTRY))
    roster = await house.start()
    assert (roster.obstacle(ANN), roster.obstacle(BOSS)) == ("resting", None)
    await roster.make(roster.set("paused", None, ENTRY))
    assert roster.obstacle(ANN) is None


async def test_a_hint_is_due_once_a_day(database: Database) -> None:
    house = House(database)
    roster = await house.start()
    assert roster.hint_due(ANN)
    step = roster.hint(ANN)
    assert not roster.hint_due(ANN)  # at once, before it is on disk
    await Outbox(database).post("a", destination(), [], also=[step])
    house.clock.pass_(hours=23)
    roster = await house.start()
    assert (roster.hint_due(ANN), roster.hint_due(BEN)) == (False, True)
    house.clock.pass_(hours=1)
    assert roster.hint_due(ANN)


async def paired(roster: Roster, person: str, code: str) -> Role | None:
    """The role of somebody who gave a code."""
    async with roster.codes.turn:
        found = await roster.pair(person, code)
        if found is None:
            await roster.make(roster.codes.refused(person, "{}"))
        if found is None:
            return None
        role, change = found
        await roster.make(change)
        return role


async def test_a_code_lets_one_person_in(database: Database) -> None:
    house = House(database, code_minutes=30)
    roster = await house.start()
    code = await roster.codes.make(Role.ADMIN, "console:local:0")
    assert re.fullmatch(r"[A-HJ-NP-Z2-9]{5}-[A-HJ-NP-Z2-9]{5}", code)
    assert code not in str(await database.read(_everything))
    assert await paired(roster, ANN, f" {code.lower()} ") is Role.ADMIN
    assert await paired(roster, BEN, code) is None
    assert (await house.start()).role_of(ANN) is Role.ADMIN


def _everything(connection: Any) -> list[Any]:
    rows = [connection.exec_driver_sql(f"SELECT * FROM {t}") for t in ("pairing", "audit")]
    return [row for cursor in rows for row in cursor.fetchall()]


async def test_a_code_grows_old(database: Database) -> None:
    house = House(database, code_minutes=30)
    roster = await house.start()
    code = await roster.codes.make(Role.MEMBER, "console:local:0")
    house.clock.pass_(minutes=31)
    assert await paired(roster, ANN, code) is None


async def test_a_code_takes_nothing_away(database: Database) -> None:
    house = House(database, owners=("slack:U3",))
    roster = await house.start()
    code = await roster.codes.make(Role.MEMBER, "console:local:0")
    assert await paired(roster, BOSS, code) is Role.OWNER
    assert await paired(roster, ANN, code) is Role.MEMBER


@pytest.mark.parametrize("restarts", [False, True])
async def test_wrong_codes_are_bounded(database: Database, *, restarts: bool) -> None:
    house = House(database, code_minutes=90)
    roster = await house.start()
    code = await roster.codes.make(Role.MEMBER, "console:local:0")
    for _ in range(WRONG_CODES):
        assert await paired(roster, ANN, "ABCDE-FGHJK") is None
    roster = await house.start() if restarts else roster
    with pytest.raises(TooManyCodes):
        await paired(roster, ANN, code)
    assert await paired(roster, BEN, "ABCDE-FGHJK") is None
    house.clock.pass_(hours=1.01)
    assert await paired(roster, ANN, code) is Role.MEMBER


async def test_the_last_owner(database: Database) -> None:
    roster = await House(database).start()
    await roster.make(roster.set_role(ANN, Role.OWNER, ENTRY))
    assert roster.is_last_owner(ANN)
    await roster.make(roster.set_role(BEN, Role.OWNER, ENTRY))
    assert not roster.is_last_owner(ANN)
    assert not roster.is_last_owner(BOSS)
    named = await House(database, owners=("slack:U3",)).start()
    await named.make(named.set_role(BEN, None, ENTRY))
    assert not named.is_last_owner(ANN)


async def test_administrators_of_a_platform(database: Database) -> None:
    house = House(database, owners=("slack:U9", "slack:main:U8", "telegram:5"))
    roster = await house.start()
    await roster.make(roster.set_role(ANN, Role.ADMIN, ENTRY))
    await roster.make(roster.set_role(BEN, Role.MEMBER, ENTRY))
    await roster.make(roster.set_role("slack:other:U7", Role.ADMIN, ENTRY))
    assert roster.administrators("slack", "main") == {"U1", "U8", "U9"}


@pytest.mark.parametrize(
    ("text", "person"),
    [
        (ANN, ANN),
        ("slack:U1", ANN),
        ("ann", ANN),
        ("ANN", ANN),
        ("slack:main:U77", "slack:main:U77"),
        ("slack:other:U77", None),
        ("matrix:@eve:b.c", "matrix:p:@eve:b.c"),
        ("matrix:b.c", None),
        ("Eve", None),  # nobody let her in, so her name may be anybody's
        ("twin", None),
        ("nobody", None),
        ("", None),
        ("slack:", None),
    ],
)
async def test_whom_a_word_means(database: Database, text: str, person: str | None) -> None:
    roster = await House(database).start()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    known = [
        (ANN, "Ann", at),
        ("matrix:p:@eve:b.c", "Eve", at),
        (BEN, "Twin", at),
        (BOSS, "Twin", at),
    ]
    for key in (ANN, BEN, BOSS):
        await roster.make(roster.set_role(key, Role.MEMBER, ENTRY))
    accounts = {("slack", "main"), ("matrix", "p")}
    assert find_person(text, known, roster, accounts) == person


async def test_at_the_machine_any_key_is_taken_and_nothing_else(database: Database) -> None:
    roster = await House(database).start()
    register = Register(roster, Members(database))
    assert (await register.grant(ANN, Role.OWNER, "me"))["role"] == "owner"
    assert (await register.revoke("slack:U1", "me"))["role"] == "unknown"
    for nobody in ("matrix:@ann:b.c", "ann", "slack:U1"):
        with pytest.raises(NobodyFound):
            await register.grant(nobody, Role.OWNER, "me")
