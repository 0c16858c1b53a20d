"""How a worker process ends, and what is heard of it: programs that only behave badly."""

import asyncio
import socket
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from engine.child import Child

LONGEST_S = 60.0


async def child_of(program: str) -> tuple[Child, Process]:
    ours, theirs = socket.socketpair()
    with theirs:
        reader, writer = await asyncio.open_connection(sock=ours)
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=PIPE)
    return Child(process, reader, writer), process


async def test_whoever_is_cancelled_while_it_ends_leaves_no_process_behind() -> None:
    child, process = await child_of("import time; time.sleep(600)")
    closing = asyncio.create_task(child.close())
    await asyncio.sleep(0)  # it waits for the end now

    closing.cancel()

    with pytest.raises(asyncio.CancelledError):
        await closing
    assert process.returncode is not None


async def test_the_end_by_a_signal_without_a_name_is_told() -> None:
    child, process = await child_of("import os; os.kill(os.getpid(), 40)")
    async with asyncio.timeout(LONGEST_S):
        await process.wait()
        assert await child.close() == "signal 40"


async def test_what_comes_after_a_line_without_an_end_is_heard() -> None:
    child, process = await child_of(
        "import sys; w = sys.stderr.write\n"
        "w('x' * 1_000_000 + '\\n'); w('more\\n' * 100_000); w('the last words\\n'); sys.exit(3)"
    )
    async with asyncio.timeout(LONGEST_S):
        await process.wait()
        assert await child.close() == "exit code 3: the last words"
