"""Whoever looks at a lease from outside, and what it leaves."""

import asyncio
from pathlib import Path

import psutil
import pytest

from storage.lease import Lease
from storage.lookout import Lookout
from storage.records import Unavailable
from storage.tenure import Terms


async def test_whoever_is_cancelled_while_leaving_leaves_no_process_behind(tmp_path: Path) -> None:
    lease = Lease(Terms("me", 30.0, automatic=True), "me")
    before = {process.pid for process in psutil.Process().children()}

    async def visit() -> None:
        async with Lookout(tmp_path / "a.db", lease) as lookout:
            with pytest.raises(Unavailable, match="does not answer yet"):
                await lookout.look(patience_s=0.01)
            asyncio.get_running_loop().call_soon(visiting.cancel)

    visiting = asyncio.create_task(visit())
    with pytest.raises(asyncio.CancelledError):
        await visiting
    assert {process.pid for process in psutil.Process().children()} <= before
