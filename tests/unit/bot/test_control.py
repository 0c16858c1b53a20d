"""The control socket from the side of who asks."""

import asyncio
import socket
from pathlib import Path

import pytest

from bot.control import MAX_LINE_BYTES, Control, ControlError, ask, connect, socket_path
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


async def test_a_bot_that_stops_leaves_no_connection_behind(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    asked, ended = asyncio.Event(), asyncio.Event()

    async def wait(_: object, progress: object) -> None:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async with Control(path, None, {"wait": wait}).listening():
        _, silent = await connect(path)
        asking = asyncio.create_task(ask(path, {"do": "wait"}))
        await asked.wait()  # so the silent one is accepted too: they are in their order
    assert ended.is_set()
    with pytest.raises(ControlError, match="ended before it answered"):
        await asking
    silent.close()
    await silent.wait_closed()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("chars", [250_000, 10_000_000])
async def test_somebody_who_does_not_read_holds_up_no_stop(tmp_path: Path, chars: int) -> None:
    """... where the rest is less than asyncio's high-water mark, 64 KB, either."""
    path = tmp_path / "p.sock"
    told = asyncio.Event()

    async def tell(_: object, progress: object) -> str:
        told.set()
        return "x" * chars

    with socket.socket(socket.AF_UNIX) as silent:
        async with Control(path, None, {"tell": tell}).listening():
            silent.connect(str(path))
            silent.send(b'{"do": "tell"}\n')
            await told.wait()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_what_was_said_last_is_heard_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    told = asyncio.Event()

    async def tell(_: object, progress: object) -> str:
        told.set()
        return "x" * 250_000

    async with Control(path, None, {"tell": tell}).listening():
        reader, writer = await connect(path)
        writer.write(b'{"do": "tell"}\n')
        await told.wait()
        reading = asyncio.create_task(reader.read())
    assert (await reading).endswith(b"\n")
    writer.close()
    await writer.wait_closed()


async def test_everything_about_somebody_is_handed_over_however_much_it_is(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"

    async def export(_: object, progress: object) -> str:
        return "x" * 3 * MAX_LINE_BYTES

    async with Control(path, None, {"db.export": export}).listening():
        assert len(await ask(path, {"do": "db.export"})) == 3 * MAX_LINE_BYTES
