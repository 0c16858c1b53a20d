"""The port, over real sockets: what is left of it."""

import asyncio

import pytest
from starlette.applications import Starlette

from bot.port import Port
from bot.sections import Web

LONGEST_S = 60.0
ASKED = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def test_whoever_is_cancelled_while_leaving_leaves_no_socket_behind() -> None:
    port = Port(Web(port=0))
    host, _, number = port.url.removeprefix("http://").rpartition(":")

    async def visit() -> None:
        async with port.serving(Starlette()):
            await answered.wait()

    answered = asyncio.Event()
    visiting = asyncio.create_task(visit())
    reader, writer = await asyncio.open_connection(host, number)
    writer.write(ASKED)
    assert b"404" in await reader.readline()
    answered.set()
    await asyncio.sleep(0)
    while not visiting.done():  # a person who presses Ctrl-C until it is over
        visiting.cancel()
        await asyncio.sleep(0)

    assert visiting.cancelled()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, number)
    async with asyncio.timeout(LONGEST_S):
        await reader.read()
    writer.close()
