"""A bot that is told to stop ends, also when something holds the interpreter."""

import asyncio
import subprocess
import sys

_HOLD = """
import ctypes
from bot.verbs.run import stopper

stopper(lambda: print("stopping", flush=True), 0.1)()
ctypes.PyDLL(None).sleep(3600)  # keeps the interpreter to itself, as closing SQLite does
"""


async def test_what_holds_the_interpreter_is_ended() -> None:
    command = [sys.executable, "-c", _HOLD]
    ended = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, timeout=100, check=False
    )
    assert (ended.returncode, ended.stdout) == (1, "stopping\n")
    assert "Timeout" in ended.stderr
