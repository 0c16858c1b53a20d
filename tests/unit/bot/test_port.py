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
            asyncio.get_running_loop().call_soon(visiting.cancel)

    answered = asyncio.Event()
    visiting = asyncio.create_task(visit())
    reader, writer = await asyncio.open_connection(host, number)
    writer.write(ASKED)
    assert b"404" in await reader.readline()
    answered.set()
    with pytest.raises(asyncio.CancelledError):
        await visiting

    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(host, number)
    async with asyncio.timeout(LONGEST_S):
        await reader.read()
    writer.close()
