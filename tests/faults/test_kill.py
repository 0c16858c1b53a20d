"""kill -9 at random points while people write: nothing lost, nothing doubled, order kept."""

import asyncio
import random
import re
import socket
from functools import partial
from pathlib import Path

import pytest

from tests.clients.page import Tab, all_present
from tests.clients.process import BotProcess

PEOPLE = 10
MESSAGES = 30
KILLS = 20


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


async def write(tab: Tab, room: str, chance: random.Random) -> None:
    """Two thirds to the bot alone, one third in the room that all share."""
    for number in range(MESSAGES):
        where = room if number % 3 == 2 else tab.direct
        await tab.say(where, f"@Parley <{tab.name}-{number}>")
        await asyncio.sleep(chance.uniform(0.2, 1.2))


async def kill_often(
    bot: BotProcess, chance: random.Random, writing: asyncio.Future[list[None]]
) -> int:
    kills = 0
    while kills < KILLS or not writing.done():
        await asyncio.sleep(chance.uniform(0.1, 1.0))
        await bot.kill()
        await bot.start()
        kills += 1
    return kills


def answered(texts: list[str]) -> list[str]:
    return [name for text in texts for name in re.findall(r"<([^>]+)>", text)]


def has_answers(tab: Tab, names: list[str]) -> bool:
    return answered(tab.shown(tab.direct)) == names


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", [1])
async def test_nothing_is_lost_or_doubled(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    settings = {
        "PARLEY_WEB__PORT": free_port(),
        "PARLEY_ENGINE__KIND": "scripted",
        "PARLEY_ENGINE__SCRIPTED_DELAY_S": "0.01",
    }
    bot = BotProcess(tmp_path, settings)
    await bot.start()
    tabs = [Tab(bot.link, f"p{number}") for number in range(PEOPLE)]
    async with all_present(tabs):
        room = await tabs[0].do("create", name="all")
        for tab in tabs:
            await tab.until(lambda tab=tab: any(each["id"] == room for each in tab.rooms))
        writing = asyncio.gather(*[write(tab, room, chance) for tab in tabs])
        kills = await kill_often(bot, chance, writing)
        for tab in tabs:
            own = [f"{tab.name}-{n}" for n in range(MESSAGES) if n % 3 != 2]
            await tab.until(partial(has_answers, tab, own), timeout_s=120)
        shared = {f"{tab.name}-{n}" for tab in tabs for n in range(2, MESSAGES, 3)}
        await tabs[0].until(lambda: set(answered(tabs[0].shown(room))) == shared, timeout_s=120)
    await bot.stop()

    assert kills >= KILLS
    for tab in tabs:
        assert not tab.unacknowledged
        assert not tab.refused
        assert answered(tab.shown(room)) == answered(tabs[0].shown(room))
    in_room = answered(tabs[0].shown(room))
    assert len(in_room) == len(shared)
    for tab in tabs:
        own = [name for name in in_room if name.startswith(f"{tab.name}-")]
        assert own == [f"{tab.name}-{n}" for n in range(2, MESSAGES, 3)]
