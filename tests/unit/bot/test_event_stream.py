"""An answer that is told piece by piece: its source is left, whenever the client goes."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.types import Message, Scope

from bot.event_stream import EventStream

SCOPE: Scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}}


@dataclass(slots=True)
class Client:
    """One that reads to the end, or is gone from the beginning and takes nothing."""

    gone: bool = False
    told: list[Message] = field(default_factory=list[Message])

    async def receive(self) -> Message:
        if not self.gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.gone:
            await asyncio.Event().wait()
        self.told.append(message)

    @property
    def text(self) -> str:
        return b"".join(each.get("body", b"") for each in self.told).decode()


class Source:
    """Three numbers."""

    def __init__(self) -> None:
        self.is_left = False

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[AsyncIterator[object]]:
        try:
            yield self._numbers()
        finally:
            self.is_left = True

    async def _numbers(self) -> AsyncIterator[object]:
        for number in range(3):
            yield {"number": number}


async def test_each_is_an_event_and_the_last_says_so():
    source, client = Source(), Client()
    await EventStream(source.opened())(SCOPE, client.receive, client.send)
    assert client.text.split("\n\n") == [
        'data: {"number": 0}',
        'data: {"number": 1}',
        'data: {"number": 2}',
        "data: [DONE]",
        "",
    ]
    assert source.is_left


async def test_who_hangs_up_before_the_first_event_is_noticed():
    source, client = Source(), Client(gone=True)
    await EventStream(source.opened())(SCOPE, client.receive, client.send)
    assert source.is_left
