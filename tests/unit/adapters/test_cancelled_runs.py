"""Runs that are cancelled at any point leave no task and no connection behind."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack.server import Mode
from tests.unit.adapters.page_stage import serving
from tests.unit.adapters.slack_workspace import until, workspace
from tests.unit.adapters.telegram_bots import telegram

ADAPTERS = str(Path(__file__).parents[3] / "adapters")
MOMENTS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987, 1597, 2584)
"""Turns of the loop after which a run is cancelled; the longest has long been receiving."""


Run = Callable[[], Coroutine[Any, Any, None]]


async def cancelled(run: Run, turns: int) -> None:
    """Run for so many turns."""
    running = asyncio.create_task(run())
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})


def left() -> list[str]:
    """Where tasks that carry out work of an adapter stand."""
    frames = [frame for task in asyncio.all_tasks() for frame in task.get_stack()]
    files = [frame.f_code.co_filename for frame in frames]
    return [file for file in files if file.startswith(ADAPTERS)]


@pytest.mark.parametrize("mode", ["sockets", "http"])
async def test_slack(mode: Mode) -> None:
    async with workspace(mode) as bot:
        for turns in MOMENTS:
            await cancelled(lambda: bot.adapter.run(bot.emit, None), turns)
            assert not left()
            await until(lambda: not bot.server.sockets.open)


async def test_telegram() -> None:
    async with telegram() as rig:
        for turns in MOMENTS:
            await cancelled(lambda: rig.adapter.run(rig.store.emit, None), turns)
            assert not left()


async def test_page() -> None:
    async with serving() as stage:  # it has a run of its own
        before = left()
        for turns in MOMENTS[:4]:
            await cancelled(lambda: stage.adapter.run(stage.emit, None), turns)
            assert left() == before
