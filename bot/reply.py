"""Where an answer shows while it is written, and where its end goes.

A `Sink` takes the whole answer so far, as often as there is more; pacing is not the caller's
concern. `PlatformSink` shows a preview where the platform has one and edits a message elsewhere;
whoever waits for an answer on the line (the HTTP API) has a sink of their own.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from adapters.base import Adapter, AdapterError, Limits, MessageEvent
from adapters.capabilities import Preview, Streams
from adapters.split import split
from bot.codec import address_of, destination
from bot.delivery import Delivery
from bot.texts import Texts, texts_for
from storage.outbox import Outbox
from storage.records import Body, Destination, Part, Turn

log = structlog.get_logger(__name__)

PREVIEW_INTERVAL_S = 0.25
"""Edited messages are rendered again at most this often; the platform's own pace comes on top."""
WORTH_A_MESSAGE_S = 5.0
"""Shorter waits are shown by a typing sign alone."""
TYPING_SHARE = 0.8
"""A typing sign is renewed after this share of the time that the platform shows it."""
MARK_ROOM = 16
"""Characters kept free for the mark that more is to come."""


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

    def working(self) -> AbstractAsyncContextManager[None]:
        """While an answer is computed: show that it is, until its first word does."""
        ...

    async def wait(self, place: int, eta_s: float | None) -> None: ...

    async def show(self, markdown: str) -> None: ...

    async def report(self, markdown: str) -> None:
        """Say what goes on, in the place where a command's reply will stand.

        Only the first report of a sink may raise `StorageError`.
        """
        ...

    def bodies(self, markdown: str, *, ratable: bool = False) -> list[Body]:
        """The parts of a final text, for the outbox; the last may ask what people think of it."""
        ...

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """The turn is committed."""
        ...

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """There is no answer; `text` says why to a person, `reason` to a program."""
        ...

    async def close(self, instead: str | None = None) -> None:
        """Nothing more comes, and what was shown goes; `instead` stood there before, if given."""
        ...


class PlatformSink:
    """An answer in a chat."""

    max_tokens = None

    def __init__(
        self, adapter: Adapter, to: Destination, answer: str, outlet: "Outlet", texts: Texts
    ) -> None:
        self.to: Destination = to
        self.shown = False
        self._adapter = adapter
        self._limits = adapter.limits
        self._address = address_of(to)
        self._answer = answer
        self._outbox, self._delivery = outlet.outbox, outlet.delivery
        self._language = texts
        self._preview: Preview | None = None
        self._is_open = False
        self._parts: list[Part] = []
        self._texts: list[str] = []
        self._count = 0
        self._due = 0.0

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[None]:
        """Show the preview or a typing sign until the first word is shown."""
        if await self._open():
            yield
            return
        typing = asyncio.create_task(self._type())
        try:
            yield
        finally:
            typing.cancel()
            await asyncio.wait({typing})

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the line; by a message only if the wait is worth one."""
        preview = await self._open()
        if preview:
            await preview.wait(place, eta_s)
        elif eta_s is not None and eta_s >= WORTH_A_MESSAGE_S:
            await self._show_by_edits(self._language.waiting.format(place=place, eta_s=eta_s))

    async def show(self, markdown: str) -> None:
        """Show the answer so far."""
        preview = await self._open()
        if not self.shown:
            self.shown, self._due = True, 0.0
        if preview:
            await preview.show(markdown)
        else:
            await self._show_by_edits(markdown)

    async def report(self, markdown: str) -> None:
        """Show it by one message that changes, where there can be one; it is no preview, for
        nothing grows that a person could stop.
        """
        if not self._limits.can_edit:
            return
        if not self._parts:
            self._parts.append(await self._outbox.open(self._answer, 0, self.to))
        self._count += 1
        self._delivery.preview(self._parts[0], markdown, self._count, whole=True)

    def bodies(self, markdown: str, *, ratable: bool = False) -> list[Body]:
        """The parts that fit the platform's message length."""
        return bodies_of(markdown, self._limits, ratable=ratable)

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """Bring the final parts; they take the preview's place."""
        self._delivery.deliver(parts)

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """Bring the notice, in the place of what was shown."""
        self._delivery.deliver(parts)

    async def close(self, instead: str | None = None) -> None:
        """Take away what was shown, or bring back what stood there before."""
        if self._preview:
            await self._preview.close()
        if instead is None:
            await self._outbox.withdraw([self._answer])
        elif self._parts:
            bodies = self.bodies(instead, ratable=True)
            await self._outbox.post(self._answer, self.to, bodies)
        else:
            return  # what stood there was never written over
        self._delivery.deliver(await self._outbox.parts(self._answer))

    async def _open(self) -> Preview | None:
        """The preview, where the platform has one. Raises `Fenced` when another bot answers."""
        self._outbox.assert_held()
        if not self._is_open and isinstance(self._adapter, Streams):
            key = f"{self._answer}.0"
            self._preview = await self._adapter.open_stream(self._address, key)
        self._is_open = True
        return self._preview

    async def _type(self) -> None:
        """That it can't be shown is no fault."""
        while self._limits.typing_s and not self.shown:
            try:
                await self._adapter.typing(self._address)
            except AdapterError as error:
                log.debug("no typing sign", platform=self.to.platform, error=str(error))
            await asyncio.sleep(self._limits.typing_s * TYPING_SHARE)

    async def _show_by_edits(self, markdown: str) -> None:
        now = asyncio.get_running_loop().time()
        if now < self._due or not self._limits.can_edit:
            return
        self._due = now + PREVIEW_INTERVAL_S
        narrow = replace(self._limits, max_chars=self._limits.max_chars - MARK_ROOM)
        for index, text in enumerate(split(markdown, narrow)):
            if index == len(self._parts):  # its row is there before its first send
                self._parts.append(await self._outbox.open(self._answer, index, self.to))
                self._texts.append("")
            if self._texts[index] != text:
                self._texts[index] = text
                self._count += 1
                self._delivery.preview(self._parts[index], text, self._count)


@dataclass(frozen=True, slots=True)
class Outlet:
    """The way out of the bot: rows, and what brings them to their platform."""

    outbox: Outbox
    delivery: Delivery


class Unheard:
    """The sink of an answer that nobody waits for any more; it is kept for who asks again."""

    to = None
    shown = False
    max_tokens = None

    def working(self) -> AbstractAsyncContextManager[None]:
        """Nobody looks."""
        return nullcontext()

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Tell nobody."""

    async def show(self, markdown: str) -> None:
        """Show nobody."""

    async def report(self, markdown: str) -> None:
        """Nobody hears it."""

    def bodies(self, markdown: str, *, ratable: bool = False) -> list[Body]:
        """No message is posted."""
        return []

    async def answered(self, turn: Turn, parts: Sequence[Part]) -> None:
        """The turn is kept; that is all."""

    async def refused(self, reason: str, text: str, parts: Sequence[Part]) -> None:
        """Tell nobody."""

    async def close(self, instead: str | None = None) -> None:
        """Nothing is open."""


def bodies_of(markdown: str, limits: Limits, *, ratable: bool = False) -> list[Body]:
    """The parts of a final text that fit a platform; see `Sink.bodies`."""
    texts = split(markdown, limits)
    last = len(texts) - 1
    return [Body(index, text, ratable and index == last) for index, text in enumerate(texts)]


class Sinks:
    """Finds the sink for an answer: whoever waits on the line for it, else the platform."""

    def __init__(
        self,
        adapters: Mapping[tuple[str, str], Adapter],
        outlet: Outlet,
        language: str,
    ) -> None:
        self._adapters = adapters
        self._outlet = outlet
        self._language = language
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
        texts = texts_for(event.sender.language, self._language)
        return PlatformSink(adapter, destination(event, session), answer, self._outlet, texts)
