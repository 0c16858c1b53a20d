"""The control socket from the side of who asks."""

import asyncio
from pathlib import Path

import pytest

from bot.control import Control, ControlError, ask, socket_path
from storage.opening import Place


async def test_a_bot_that_ends_before_it_answers_is_said_to(tmp_path: Path) -> None:
    """A socket that is closed with the request unread resets the connection, unix(7)."""
    path = tmp_path / "p.sock"

    def leave(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    async with await asyncio.start_unix_server(leave, path):
        for _ in range(10):
            with pytest.raises(ControlError, match="ended before it answered"):
                await ask(path, {"do": "status"})


async def test_the_socket_of_a_bot_is_on_its_own_disk_when_the_database_is_not(
    tmp_path: Path,
) -> None:
    """A name that is deleted on a mount that hangs holds up whoever deletes it."""
    place = Place(tmp_path / "nas" / "p.db", tmp_path / "here" / "p.working.db", mode="direct")
    path = socket_path(place.here)

    async def state(_: object, progress: object) -> str:
        return "here"

    async with Control(path, None, {"status": state}).listening():
        assert await ask(path, {"do": "status"}) == "here"
    assert not (tmp_path / "nas").exists()
