"""Where an answer shows while it is written, and where its end goes.

A `Sink` takes the whole answer so far, as often as there is more; pacing is not the caller's
concern. `PlatformSink` shows a preview where the platform has one and edits a message elsewhere;
whoever waits for an answer on the line (the HTTP API) has a sink of their own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

from adapters.base import Adapter, AdapterError, MessageEvent, Preview, Streams
from adapters.split import split
from bot.codec import address_of, destination
from bot.delivery import Delivery
from storage.outbox import Outbox
from storage.records import Body, Destination, Part, Turn

PREVIEW_INTERVAL_S = 0.25
"""Edited messages are rendered again at most this often; the platform's own pace comes on top."""


class Sink(Protocol):
    """The asker's end of an answer."""

    @property
    def to(self) -> Destination | None:
        """Where the outbox brings the answer; None when the asker waits for it on the line."""
        ...

    @property
    def shown(self) -> bool:
        """Whether the answer's first word was shown."""
        ...

    @property
    def max_tokens(self) -> int | None:
        """A bound that the asker set for this answer."""
        ...

    async def wait(self, place: int, eta_s: float | None) -> None: ...

    async def show(self, markdown: str) -> None: ...

    def bodies(self, markdown: str) -> list[Body]:
        """The parts of a final text, for the outbox."""
        ...

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """The turn is committed."""
        ...

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """There is no answer; `text` says why to a person, `reason` to a program."""
        ...

    async def close(self) -> None:
        """Nothing more comes: the question was withdrawn, or the program stops."""
        ...


class PlatformSink:
    """An answer in a chat."""

    max_tokens = None

    def __init__(
        self, adapter: Adapter, to: Destination, answer: str, outbox: Outbox, delivery: Delivery
    ) -> None:
        self.to: Destination = to
        self.shown = False
        self._adapter = adapter
        self._answer = answer
        self._outbox = outbox
        self._delivery = delivery
        self._preview: Preview | None = None
        self._parts: list[Part] = []
        self._texts: list[str] = []
        self._count = 0
        self._due = 0.0

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the line, where the platform has a preview; a typing sign elsewhere."""
        preview = await self._open()
        if preview:
            await preview.wait(place, eta_s)

    async def show(self, markdown: str) -> None:
        """Show the answer so far."""
        preview = await self._open()
        self.shown = True
        if preview:
            await preview.show(markdown)
        else:
            await self._show_by_edits(markdown)

    def bodies(self, markdown: str) -> list[Body]:
        """The parts that fit the platform's message length."""
        texts = split(markdown, self._adapter.limits)
        return [Body(index, text) for index, text in enumerate(texts)]

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """Bring the final parts; they take the preview's place."""
        self._delivery.deliver(parts)

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """Bring the notice, in the place of what was shown."""
        self._delivery.deliver(parts)

    async def close(self) -> None:
        """Take the preview away."""
        if self._preview:
            await self._preview.close()

    async def _open(self) -> Preview | None:
        if self._preview is None and isinstance(self._adapter, Streams):
            key = f"{self._answer}.0"
            self._preview = await self._adapter.open_stream(address_of(self.to), key)
        return self._preview

    async def begin(self) -> None:
        """Show that work began; that it can't be shown is no fault."""
        if not isinstance(self._adapter, Streams):
            try:
                await self._adapter.typing(address_of(self.to))
            except AdapterError:
                return

    async def _show_by_edits(self, markdown: str) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._due:
            return
        self._due = now + PREVIEW_INTERVAL_S
        for index, text in enumerate(split(markdown, self._adapter.limits)):
            if index == len(self._parts):  # its row is there before its first send
                self._parts.append(await self._outbox.open(self._answer, index, self.to))
                self._texts.append("")
            if self._texts[index] != text:
                self._texts[index] = text
                self._count += 1
                self._delivery.preview(self._parts[index], text, self._count)


class Unheard:
    """The sink of an answer that nobody waits for any more; it is kept for who asks again."""

    to = None
    shown = False
    max_tokens = None

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Tell nobody."""

    async def show(self, markdown: str) -> None:
        """Show nobody."""

    def bodies(self, markdown: str) -> list[Body]:
        """No message is posted."""
        return []

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """The turn is kept; that is all."""

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """Tell nobody."""

    async def close(self) -> None:
        """Nothing is open."""


class Sinks:
    """Finds the sink for an answer: whoever waits on the line for it, else the platform."""

    def __init__(
        self,
        adapters: Mapping[tuple[str, str], Adapter],
        outbox: Outbox,
        delivery: Delivery,
    ) -> None:
        self._adapters = adapters
        self._outbox = outbox
        self._delivery = delivery
        self._lines: dict[str, Sink] = {}

    def hold(self, answer: str, sink: Sink) -> None:
        """Somebody waits on the line for this answer."""
        self._lines[answer] = sink

    def hang_up(self, answer: str) -> None:
        """Nobody waits any more."""
        self._lines.pop(answer, None)

    def __call__(self, event: MessageEvent, session: str, answer: str) -> Sink:
        """The sink for what is answered to `event`."""
        line = self._lines.get(answer)
        if line is not None:
            return line
        adapter = self._adapters.get((event.address.platform, event.address.account))
        if adapter is None:
            return Unheard()
        to = destination(event, session)
        return PlatformSink(adapter, to, answer, self._outbox, self._delivery)
