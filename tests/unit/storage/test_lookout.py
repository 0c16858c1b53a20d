"""Whoever looks at a lease from outside, and what it leaves."""

import asyncio
from pathlib import Path

import psutil
import pytest

from storage.lease import Lease
from storage.lookout import Lookout
from storage.records import Unavailable
from storage.tenure import Terms


@pytest.mark.parametrize("patience_s", [0.0, 0.01])
async def test_whoever_is_cancelled_while_leaving_leaves_nothing_behind(
    tmp_path: Path, patience_s: float
) -> None:
    lease = Lease(Terms("me", 30.0, automatic=True), "me")
    before = {process.pid for process in psutil.Process().children()}
    leaving = asyncio.Event()

    async def visit() -> None:
        async with Lookout(tmp_path / "a.db", lease) as lookout:
            with pytest.raises(Unavailable, match="does not answer yet"):
                await lookout.look(patience_s)
            leaving.set()

    visiting = asyncio.create_task(visit())
    await leaving.wait()
    while not visiting.done():  # a person who presses Ctrl-C until it is over
        visiting.cancel()
        await asyncio.sleep(0)

    assert visiting.cancelled()
    assert {process.pid for process in psutil.Process().children()} <= before
    assert asyncio.all_tasks() == {asyncio.current_task()}
