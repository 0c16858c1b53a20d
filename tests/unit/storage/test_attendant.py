"""A process of storage's, and who runs it."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from storage.attendant import Attendant


async def test_whoever_is_cancelled_while_leaving_leaves_no_process_behind(tmp_path: Path) -> None:
    attendant = Attendant("storage.porter", {}, tmp_path, silence_s=60)

    async def visit() -> None:
        async with attendant:
            await attendant.ask("names", directory=str(tmp_path))
            assert attendant.pid
            os.kill(attendant.pid, signal.SIGSTOP)  # so that it doesn't end by itself
            asyncio.get_running_loop().call_later(0.1, visiting.cancel)

    visiting = asyncio.create_task(visit())
    with pytest.raises(asyncio.CancelledError):
        await visiting
    assert not attendant.hangs
