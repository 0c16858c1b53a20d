"""Answers that are told piece by piece: Server-Sent Events (WHATWG HTML, section 9.2)."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

DONE = "data: [DONE]\n\n"
"""The last event, as OpenAI's protocol has it."""

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


class EventStream(StreamingResponse):
    """An event for each of what `source` gives, as JSON.

    `source` is left when all is told and when the client hangs up, be it while an event is sent: a
    generator that nobody asks for the next one would not notice.
    """

    media_type = "text/event-stream"

    def __init__(self, source: AbstractAsyncContextManager[AsyncIterator[object]]) -> None:
        super().__init__((), headers=_HEADERS)
        self._source = source

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._source as told:
            self.body_iterator = _events(told)
            await super().__call__(scope, receive, send)


async def _events(told: AsyncIterator[object]) -> AsyncIterator[str]:
    async for each in told:
        yield f"data: {json.dumps(each, ensure_ascii=False)}\n\n"
    yield DONE
