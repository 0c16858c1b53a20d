"""The control socket from the side of who asks."""

import asyncio
from pathlib import Path

import pytest

from bot.control import ControlError, ask


async def test_a_bot_that_ends_before_it_answers_is_said_to(tmp_path: Path) -> None:
    """A socket that is closed with the request unread resets the connection, unix(7)."""
    path = tmp_path / "p.sock"

    def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_unix_server(leave, path):
        for _ in range(10):
            with pytest.raises(ControlError, match="ended before it answered"):
                await ask(path, {"do": "status"})
