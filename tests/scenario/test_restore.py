"""The restore drill: a backup under traffic becomes the database, and the bot goes on from it."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.base import Kind
from bot import control
from bot.config import Settings
from bot.control import ControlError, socket_path
from bot.place import place_of
from bot.verbs.opened import opened
from bot.verbs.restore import restore
from storage.backup import Copies
from storage.database import Database
from storage.driver import driver
from storage.former import KEPT
from storage.inbox import Inbox
from storage.members import Members
from storage.outbox import Outbox
from storage.receipts import Receipts
from storage.records import AuditEntry, Body, StorageError
from storage.turns import Turns
from tests.scenario.bots import Bot, as_nas, running_bot, settings_in
from tests.unit.bot.events import message
from tests.unit.storage.values import destination, event, turn

FIRST = "fake:bot:ann"


@dataclass(frozen=True, slots=True)
class House:
    """Where a bot lives: on one disk, or on this machine and a NAS."""

    settings: Settings
    copy: Path

    @property
    def files(self) -> list[Path]:
        place = place_of(self.settings)
        return [place.path, *([place.working] if place.is_local_first else [])]

    async def restore(self, *, without_present: bool = False) -> None:
        await asyncio.to_thread(restore, self.settings, self.copy, without_present=without_present)

    def kept(self) -> list[Path]:
        """What stood there before, the file here last."""
        return [found for file in self.files for found in file.parent.glob("*.before-*.db")]


@pytest.fixture(params=["local", "local-first"])
def house(request: pytest.FixtureRequest, tmp_path: Path) -> House:
    storage = {
        "path": tmp_path / "nas" / "parley.db",
        "local_dir": tmp_path / "here",
        "mode": request.param,
        "encryption": "off",
    }
    if request.param == "local-first":
        storage |= as_nas(tmp_path)
    return House(settings_in(tmp_path, storage=storage), tmp_path / "copies" / "copy.db")


async def ask(bot: Bot, *texts: str) -> None:
    for text in texts:
        shown = len(bot.platform.shown("ann"))
        await bot.platform.receive([message(text)])
        await bot.until(lambda shown=shown: len(bot.platform.shown("ann")) > shown)
        await bot.until(lambda text=text: bot.platform.shown("ann")[-1] == f"echo: {text}")


async def back_up(house: House) -> None:
    await control.ask(
        socket_path(place_of(house.settings).home), {"do": "db.backup", "target": str(house.copy)}
    )


async def test_the_bot_goes_on_with_the_old_window(house: House) -> None:
    async with running_bot(house.settings) as bot:
        await ask(bot, "one", "two")
        taking = asyncio.create_task(back_up(house))
        await ask(bot, *["meanwhile"] * 5)  # no more, for "one" has to be in the window at the end
        await taking
        await ask(bot, "three")
        with pytest.raises(ControlError, match="the bot is running"):
            await house.restore()
    await house.restore()
    async with running_bot(house.settings) as bot:
        await ask(bot, "four")
        said = [each.content for each in bot.engine.requests[-1].messages if each.role == "user"]
        assert (said[:2], said[-1]) == (["one", "two"], "four")
        assert "three" not in said
        [latest] = [e for e in await bot.running.desk.audit.latest(9) if e.action == "db restore"]
        assert latest.outcome == "done"
        verified = await bot.running.desk.audit.verify()
        assert verified.faults == ()
    for file in house.kept():
        async with Database(file) as former:
            said = [turn.question for turn in await Turns(former).recent("fake:bot:ann", 99)]
            assert said[-1] == "three"
    assert len(house.kept()) == len(house.files)


async def test_an_erasure_waits_for_the_former_files_which_go_by_themselves(house: House) -> None:
    async with running_bot(house.settings) as bot:
        await ask(bot, "my canary")
        await back_up(house)
    await house.restore()
    former = house.kept()
    assert former
    async with running_bot(house.settings) as bot:
        erasures = bot.running.desk.erasures
        await bot.until(lambda: bool(erasures.formers.known))
        await bot.platform.receive([message("forget", kind=Kind.COMMAND)])
        await bot.until_async(erasures.receipts.open, bool)
        (receipt,) = await erasures.receipts.open()
        assert set(receipt.held.backups) == {str(path) for path in former}
        await bot.until(lambda: any(former[0].name in text for text in bot.platform.shown("ann")))
        status = await control.ask(socket_path(place_of(house.settings).here), {"do": "status"})
        assert status["former"].keys() == {str(path) for path in former}
        later = datetime.now(UTC) + KEPT
        assert await erasures.formers.rotate(later - timedelta(hours=1)) == []
        await erasures.settle()
        assert await erasures.receipts.open() == [receipt]
        assert {each.path for each in await erasures.formers.rotate(later)} == set(former)
        assert house.kept() == []

        async def settled() -> bool:
            await erasures.settle()
            return not await erasures.receipts.open()

        await bot.until_async(settled, bool)


async def test_what_was_erased_since_stays_erased_and_nothing_is_answered_again(
    house: House,
) -> None:
    async with running_bot(house.settings) as bot:
        await ask(bot, "my canary")
        await back_up(house)
        await bot.running.desk.members.forget(FIRST)
    async with Database(house.copy) as backup:
        await Inbox(backup).record([event("late")])
        await Outbox(backup).post("late", destination("bob"), [Body(0, "late")])
    await house.restore()
    async with opened(house.settings) as (database, audit):
        assert (await Members(database).export(FIRST))["turns"] == []
        assert len(await Receipts(database).open()) == 1
        assert await Inbox(database).pending() == []
        assert await Outbox(database).undelivered() == []
        assert (await audit.verify()).faults == ()
    for file in house.files:
        assert b"my canary" not in file.read_bytes()


def _newer(path: Path) -> None:
    _edit(path, "UPDATE alembic_version SET version_num = '9999'")


def _foreign(path: Path) -> None:
    path.unlink()
    _edit(path, "CREATE TABLE songs (name)")


def _tampered(path: Path) -> None:
    _edit(path, "UPDATE audit SET actor = 'me' WHERE id = 1")


def _damaged(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(bytes(8192))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _edit(path: Path, statement: str) -> None:
    connection = driver.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("house", ["local"], indirect=True)
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (_newer, "made by a newer Parley"),
        (_foreign, "no database of Parley's"),
        (_tampered, "row 1 is not what was written"),
        (_damaged, "damaged|faults"),
        (_empty, "no database of Parley's"),
        (Path.unlink, "No such file"),
    ],
)
async def test_a_file_that_is_no_sound_backup_changes_nothing(
    house: House, spoil: Callable[[Path], None], why: str
) -> None:
    async with opened(house.settings) as (database, audit):
        await Turns(database).commit(turn("kept"))
        await audit.add(AuditEntry("boss", "test"))
        await Copies(database, audit, house.copy.parent).give(house.copy)
    spoil(house.copy)
    with pytest.raises(StorageError, match=why) as raised:
        await house.restore()
    assert str(house.copy) in str(raised.value)
    assert house.kept() == []
    async with opened(house.settings) as (database, audit):
        assert await Turns(database).count() == 1
        assert [e for e in await audit.latest(9) if e.action == "db restore"] == []


async def test_a_present_file_that_is_ruined_is_kept_beside(house: House) -> None:
    async with opened(house.settings) as (database, audit):
        await Turns(database).commit(turn("kept"))
        await Copies(database, audit, house.copy.parent).give(house.copy)
    for file in house.files:
        file.write_bytes(b"ruined" * 9999)
    with pytest.raises(StorageError, match="add --without-present"):
        await house.restore()
    assert house.kept() == []
    await house.restore(without_present=True)
    async with opened(house.settings) as (database, _):
        assert await Turns(database).count() == 1
    assert {file.read_bytes() for file in house.kept()} == {b"ruined" * 9999}
