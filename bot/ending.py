"""The end of a server: nobody who was accepted goes unnoticed.

The loop tells of a connection some turns after it took it from the kernel. One that is told of
after `close` is missed by whoever ends those that it knows, and CPython 3.11's own loop breaks off
in the middle of telling (`Server._attach`) and leaves it open.
"""

import asyncio
from collections.abc import Iterable

ACCEPT_TURNS = 8
"""Turns of the loop in which it tells of a connection that it has from the kernel."""


async def accept_no_more(servers: Iterable[asyncio.Server]) -> None:
    """Close them once all connections that were accepted are known. May be cancelled."""
    servers = [*servers]
    try:
        _hear_no_more(servers)
        await _turns()
    finally:
        for server in servers:
            server.close()
    await _turns()  # uvloop accepts until now


def _hear_no_more(servers: Iterable[asyncio.Server]) -> None:
    """Have asyncio's own loop accept nothing; uvloop does not watch its sockets in this way."""
    for server in servers:
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())


async def _turns() -> None:
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)
