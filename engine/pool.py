"""An engine over several models, one of which answers everybody; that one is swapped without a gap.

Until the new one is ready the old one answers, and then it finishes what it has begun. What the new
one reads before is `handover`'s. A request that names another model has it loaded on the way. What
is in memory, and for how long, is `seats`'.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import TracebackType
from typing import Self

import structlog

from engine.base import (
    Delta,
    Embeddings,
    EngineStatus,
    Message,
    NoRoom,
    Request,
    ToldOfReading,
    Unavailable,
    untold,
)
from engine.deadline import Deadline
from engine.frames import Load, Purpose
from engine.handover import Capacity, Handover
from engine.lobby import Lobby
from engine.seats import LEAVES, STAYS, Seat, Seats

LOG = structlog.stdlib.get_logger("engine")

Find = Callable[[str], Load]
"""What to load for a model's name; may read files. Raises `ModelError`."""


class Pool:
    """An `Engine` that `Swaps` and `Embeds`.

    `async with` starts `first`, and returns before it is loaded.
    """

    def __init__(
        self,
        first: Load,
        find: Find,
        seats: Seats,
        *,
        embedder: str = "",
        handover: Handover | None = None,
    ) -> None:
        """`embedder` names the model that embeds; without one there is none."""
        self._first = first
        self._find = find
        self._seats = seats
        self._embedder = embedder
        self._handover = handover or Handover()
        self._current: Seat
        self._swapping = asyncio.Lock()
        self._loading = asyncio.Lock()
        self._answering = asyncio.Event()
        self._outside = Lobby(first.plan.waiting, "for another model")
        self._embedding = Lobby(first.plan.waiting, "for vectors of their texts")

    async def __aenter__(self) -> Self:
        await self._seats.__aenter__()
        self._current = await self._seats.start(self._first)
        self._answering.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self._seats.__aexit__(kind, exc, tb)

    async def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """See `engine.base.Engine.stream`."""
        deadline = Deadline(request.deadline_s)
        with self._handover.answering(request) as talk:
            seat = await deadline.bound(self._seat_for(request.model))
            with self._seats.using(seat) as worker:
                left = replace(request, deadline_s=deadline.left_s())
                async with aclosing(worker.stream(left)) as deltas:
                    async for delta in deltas:
                        talk.hear(delta.text)
                        yield delta

    async def status(self) -> EngineStatus:
        """Of the model that answers everybody."""
        status = await self._current.worker.status()
        if not self._answering.is_set():
            return replace(status, state="loading", detail="another model takes its place")
        return status

    async def loaded(self) -> tuple[EngineStatus, ...]:
        """See `engine.base.Swaps.loaded`."""
        others = [seat for seat in self._seats if seat is not self._current]
        statuses = [await seat.worker.status() for seat in others]
        return (await self.status(), *statuses)

    async def count(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """See `engine.base.Engine.count`."""
        seat = await self._seat_for("")
        with self._seats.using(seat) as worker:
            return await worker.count(messages)

    async def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """See `engine.base.Engine.prepare`."""
        self._handover.prepare(session, messages)
        for seat in self._seats:
            if seat.load.purpose == "answer":
                await seat.worker.prepare(session, messages)

    async def forget(self, session: str) -> None:
        """See `engine.base.Engine.forget`; every model forgets."""
        self._handover.forget(session)
        for seat in self._seats:
            with self._seats.using(seat) as worker:
                await worker.forget(session)

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """See `engine.base.Embeds.embed`."""
        if not self._embedder:
            raise Unavailable("no model is there to embed texts: engine.embedding_model names one")
        with self._embedding.place():
            seat = await self._seat_for(self._embedder, "embed")
            with self._seats.using(seat) as worker:
                return await worker.embed(texts)

    async def use(self, model: str, *, pause: bool = False, reads: ToldOfReading = untold) -> None:
        """See `engine.base.Swaps.use`."""
        async with self._swapping:
            before = self._current
            async with self._loading:
                load = await asyncio.to_thread(self._find, model)
                try:
                    seat = await self._seats.open(load)
                except NoRoom as error:
                    if not (pause and error.pause_helps):
                        raise
                    seat = await self._open_in_place_of(before, load)
            if seat is not self._current:
                await self._read_before(seat, reads)
            self._take_over(seat, before)

    async def _read_before(self, seat: Seat, reads: ToldOfReading) -> None:
        """Have a model read what it is to go on with. Raises `Unavailable` if it is no more."""
        plan, token_bytes = seat.load.plan, seat.weight.token_bytes
        with self._seats.using(seat) as worker:
            parks = token_bytes and (await worker.status()).parks
            parked_tokens = int(plan.park_bytes / token_bytes) if parks else 0
            capacity = Capacity(plan.sequences, parked_tokens)
            if count := self._handover.expected(capacity):
                await reads(count)
            await self._handover.read(worker.stream, capacity)
            await worker.ready()

    def _take_over(self, seat: Seat, before: Seat) -> None:
        self._current = seat
        self._seats.keep(before, LEAVES)
        self._seats.keep(seat, STAYS)
        LOG.info("model answers", model=seat.load.name)

    async def _open_in_place_of(self, before: Seat, load: Load) -> Seat:
        """Let a model finish and leave, and load another; what comes meanwhile waits.

        If the other one fails, or nobody wants it any more, the model before it is loaded again.
        """
        self._answering.clear()
        try:
            await before.unused.wait()
            await self._seats.dismiss(before)
            try:
                self._current = await self._seats.open(load)
                return self._current
            except BaseException:
                await self._seats.vacate(load)  # there is no room for both
                self._current = await self._seats.start(before.load)
                raise
        finally:
            self._answering.set()

    async def _seat_for(self, model: str, purpose: Purpose = "answer") -> Seat:
        """The seat of a model, which is loaded if it must be.

        One that is there is not kept from anybody while another one loads, unless it may be the one
        that makes room for that.
        """
        if not model:
            if not self._answering.is_set():
                await self._wait_for_answering()
            return self._current
        load = replace(await asyncio.to_thread(self._find, model), purpose=purpose)
        if self._answering.is_set() and (seat := self._seats.ready(load)):
            return seat
        async with self._loading:
            return await self._seats.open(load)

    async def _wait_for_answering(self) -> None:
        with self._outside.place():
            await self._answering.wait()
