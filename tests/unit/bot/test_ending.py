"""Servers that end while somebody comes in every turn of the loop."""

import asyncio
import gc
import socket
import warnings
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import uvloop
from starlette.applications import Starlette

from bot.control import Control
from bot.port import Port
from bot.sections import Web

Loops = Callable[[], asyncio.AbstractEventLoop]
Guests = list[socket.socket]
Server = Callable[[Path], AbstractAsyncContextManager[Callable[[], socket.socket]]]
LONGEST_S = 60.0
TURNS = 3


@asynccontextmanager
async def control(directory: Path) -> AsyncGenerator[Callable[[], socket.socket]]:
    """The control socket, and who comes to it."""
    path = directory / "p.sock"

    def come() -> socket.socket:
        guest = socket.socket(socket.AF_UNIX)
        guest.setblocking(False)
        try:
            guest.connect(str(path))
        except BaseException:
            guest.close()
            raise
        return guest

    async with Control(path, None, {}).listening():
        yield come


@asynccontextmanager
async def page(_: Path) -> AsyncGenerator[Callable[[], socket.socket]]:
    """The port, and who comes to it."""
    port = Port(Web(port=0))
    host, number = port.url.removeprefix("http://").split(":")
    async with port.serving(Starlette()):
        yield lambda: socket.create_connection((host, int(number)))


async def visited(server: AbstractAsyncContextManager[Callable[[], socket.socket]]) -> Guests:
    """All who came until nobody listened any more; they are there yet."""
    guests: Guests = []
    async with server as come, asyncio.timeout(LONGEST_S):
        coming = asyncio.create_task(visits(come, guests))
        while len(guests) < TURNS:
            await asyncio.sleep(0)
    await coming
    return guests


async def visits(come: Callable[[], socket.socket], guests: Guests) -> None:
    with suppress(OSError):
        while True:
            guests.append(come())
            await asyncio.sleep(0)


def left_alone(guests: Sequence[socket.socket]) -> bool:
    """Whether the other ends of all were closed."""
    for guest in guests:
        guest.settimeout(0.0)
        try:
            guest.recv(1)
        except BlockingIOError:
            return False
        except ConnectionError:
            continue
    return True


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("server", [control, page])
def test_nobody_who_came_as_it_ended_is_left(server: Server, loop: Loops, tmp_path: Path) -> None:
    async def live(held: ExitStack) -> bool:
        guests = await visited(server(tmp_path))
        for guest in guests:
            held.callback(guest.close)
        return left_alone(guests)

    with ExitStack() as held, warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with asyncio.Runner(loop_factory=loop) as runner:
            assert runner.run(live(held))
        gc.collect()
        assert not [str(each.message) for each in warned]
