"""The models in memory: each in a worker of its own, all under one budget.

A model takes its seat when there is room, if need be in the place of one that nobody uses, and
leaves when nobody has used it for as long as it may linger. Who is asked what is `pool`'s.
"""

import asyncio
import math
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import structlog

from engine.base import EngineError, NoRoom, Unavailable
from engine.client import Patience, WorkerEngine
from engine.frames import Load
from engine.gguf import ModelError
from engine.plan import available_bytes
from engine.weight import Weight, room_bytes, weigh

LOG = structlog.stdlib.get_logger("engine")
STAYS = math.inf
LEAVES = 0.0
"""How long a model lingers, in seconds: the one that answers everybody, and the one before it."""


@dataclass(frozen=True, slots=True)
class Sharing:
    """How models share the machine: `memory_bytes` for all of them, 0 for what is available; one
    that nobody used for `idle_s` leaves."""

    memory_bytes: int = 0
    idle_s: float = 600.0
    available: Callable[[], int] = available_bytes


@dataclass(slots=True, eq=False)
class Seat:
    """A model in memory; it leaves when it was unused for `linger_s`."""

    load: Load
    worker: WorkerEngine
    weight: Weight
    linger_s: float
    used_s: float
    users: int = 0
    unused: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def leaves_s(self) -> float:
        """When it leaves, by the clock of `used_s`, if nobody uses it until then."""
        return self.used_s + self.linger_s


class Seats:
    """Every model in memory. Leaving the context ends them all."""

    def __init__(
        self,
        sharing: Sharing,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sharing = sharing
        self._patience = patience
        self._clock = clock
        self._seats: dict[Load, Seat] = {}
        self._changed = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._sweeper = asyncio.create_task(self._sweep(), name="engine-sweeper")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None
    ) -> None:
        ending, impatience = asyncio.ensure_future(self._end()), None
        while not ending.done():  # whoever is cancelled meanwhile leaves no worker behind
            try:
                await asyncio.wait([ending])
            except asyncio.CancelledError as error:
                impatience = error
        if impatience:
            raise impatience
        ending.result()

    def __iter__(self) -> Iterator[Seat]:
        return iter([*self._seats.values()])

    async def start(self, load: Load) -> Seat:
        """Seat a model whatever the room is, and return before it is loaded."""
        self._check_open()
        try:
            weight = await asyncio.to_thread(weigh, load)
        except ModelError:
            weight = Weight(0, 0)  # its worker says why
        seat = self._seat(load, weight, STAYS)
        await seat.worker.start()
        return seat

    def ready(self, load: Load) -> Seat | None:
        """The seat of a model that can be asked at once; whoever wants it has to be `using` it
        before anything else happens."""
        seat = self._seats.get(load)
        return seat if seat and seat.worker.is_ready else None

    async def open(self, load: Load) -> Seat:
        """The seat of a model, which is loaded if it must be; for whoever asks again, if this one
        gives up meanwhile.

        One call at a time. Raises `NoRoom`, `ModelError` and `Unavailable`.
        """
        self._check_open()
        seat = self._seats.get(load)
        if seat and seat.worker.failed:
            await self.dismiss(seat)
            seat = None
        if seat is None:
            weight = await asyncio.to_thread(weigh, load)
            await self._make_room(load, weight)
            seat = self._seat(load, weight, self._sharing.idle_s)
            LOG.info("model loads", model=load.name, megabytes=weight.total_bytes >> 20)
        try:
            with self.using(seat):
                await seat.worker.start()
                await seat.worker.ready()
        except EngineError:
            await self.dismiss(seat)
            raise
        return seat

    @contextmanager
    def using(self, seat: Seat) -> Generator[WorkerEngine]:
        """Keep a model where it is while the block runs."""
        seat.users += 1
        seat.unused.clear()
        try:
            yield seat.worker
        finally:
            seat.users -= 1
            seat.used_s = self._clock()
            if seat.users == 0:
                seat.unused.set()
                self._changed.set()

    def keep(self, seat: Seat, linger_s: float) -> None:
        """Say how long a model lingers unused from now on."""
        seat.linger_s = linger_s
        self._changed.set()

    async def dismiss(self, seat: Seat) -> None:
        """End a model's worker; whoever uses it gets `Unavailable`. It keeps its place until its
        process is gone, so that its memory is not given away before, nor its end forgotten."""
        await seat.worker.close()
        if self._seats.get(seat.load) is seat:
            del self._seats[seat.load]

    async def vacate(self, load: Load) -> None:
        """See to it that a model is in no seat, be it loading."""
        if seat := self._seats.get(load):
            await self.dismiss(seat)

    async def _end(self) -> None:
        sweeper, self._sweeper = self._sweeper, None
        if sweeper is not None:
            sweeper.cancel()
            await asyncio.gather(sweeper, return_exceptions=True)
        await asyncio.gather(*(self.dismiss(seat) for seat in self))

    def _check_open(self) -> None:
        if self._sweeper is None:
            raise Unavailable("the engine is closed")

    def _seat(self, load: Load, weight: Weight, linger_s: float) -> Seat:
        self._check_open()  # it may have ended while the model was weighed
        worker = WorkerEngine(load, patience=self._patience)
        seat = Seat(load, worker, weight, linger_s, self._clock())
        seat.unused.set()
        self._seats[load] = seat
        return seat

    async def _make_room(self, load: Load, weight: Weight) -> None:
        """Dismiss what nobody uses until there is room; nothing where there will be none, and raise
        `NoRoom`."""
        while weight.total_bytes > (free := self.room_bytes()):
            unused = [seat for seat in self if seat.users == 0 and seat.linger_s < STAYS]
            in_reach = free + sum(seat.weight.total_bytes for seat in unused)
            if weight.total_bytes > in_reach:
                staying = sum(s.weight.total_bytes for s in self if s.linger_s == STAYS)
                helps = weight.total_bytes <= in_reach + staying
                raise NoRoom(load.name, weight.total_bytes, free, pause_helps=helps)
            await self._leave(min(unused, key=lambda seat: seat.used_s))

    def room_bytes(self) -> int:
        """Memory for one more model."""
        weights = [seat.weight for seat in self]
        return room_bytes(self._sharing.memory_bytes, self._sharing.available(), weights)

    async def _sweep(self) -> None:
        """See to it that whoever lingered long enough leaves.

        One at a time: while it ends, another may be wanted again.
        """
        while True:
            self._changed.clear()
            unused = (seat for seat in self if seat.users == 0)
            first = min(unused, key=lambda seat: seat.leaves_s, default=None)
            wait_s = STAYS if first is None else first.leaves_s - self._clock()
            if first is not None and wait_s <= 0:
                await self._leave(first)
                continue
            with suppress(TimeoutError):
                async with asyncio.timeout(None if wait_s == STAYS else wait_s):
                    await self._changed.wait()

    async def _leave(self, seat: Seat) -> None:
        LOG.info("model leaves", model=seat.load.name)
        await self.dismiss(seat)
