"""A chat platform in memory, with the limits and faults that real ones have.

It keeps what people see (`posts`, by room, in order) and obeys `Limits`: a body over the length, an
edit of a missing message or a call over the pace is refused as platforms refuse it. Faults are
queued: each call takes the next one. A platform that is `vague` takes its newest message for the
one that it can't find, as a search by time does.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.base import (
    AdapterError,
    Address,
    Ambiguous,
    Attachment,
    Cursor,
    Emit,
    Gone,
    Limits,
    MessageEvent,
    MessageRef,
    Rejected,
    Rendered,
)
from adapters.capabilities import Link

LIMITS = Limits(
    max_chars=4096,
    dialect="markdown",
    unit="utf16",
    edits_per_minute=60_000,
    sends_per_minute=60_000,
)


@dataclass(slots=True)
class Post:
    """A message of the bot's as people see it. `texts` and `bodies` are all it ever showed."""

    id: str
    key: str
    bodies: list[Rendered]
    deleted: bool = False

    @property
    def texts(self) -> list[str]:
        return [body.text for body in self.bodies]

    @property
    def text(self) -> str:
        return self.texts[-1]


@dataclass(slots=True)
class LostResponse:
    """The call takes effect and its response is lost."""


@dataclass(slots=True)
class Hang:
    """The call takes effect and never returns."""


Fault = AdapterError | LostResponse | Hang


@dataclass(slots=True)
class FakePlatform:
    """The platform and its adapter."""

    name: str = "fake"
    account: str = "bot"
    limits: Limits = LIMITS
    vague: bool = False
    posts: dict[str, list[Post]] = field(default_factory=lambda: defaultdict(list))
    faults: deque[Fault] = field(default_factory=deque[Fault])
    calls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    typed: list[Address] = field(default_factory=list[Address])
    files: dict[str, bytes | AdapterError] = field(default_factory=dict[str, bytes | AdapterError])
    link: Link = field(default_factory=Link)
    waiting: list[MessageEvent] = field(default_factory=list[MessageEvent])
    failures: deque[Exception] = field(default_factory=deque[Exception])
    _emit: asyncio.Future[Emit] | None = None
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _held: asyncio.Event | None = None

    def connect(self) -> None:
        """A bot is about to start."""
        self._emit = None

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        if self.failures:
            raise self.failures.popleft()
        self.link.set_up()
        self._ready().set_result(emit)
        if self.waiting:
            events, self.waiting = self.waiting, []
            await emit(events, None)
        await asyncio.Event().wait()

    async def check(self) -> str:
        return self.account

    async def fetch(self, file: Attachment, max_bytes: int) -> bytes:
        content = self.files[file.id]
        if isinstance(content, AdapterError):
            self.files[file.id] = b"at last"
            raise content
        return content

    async def receive(self, events: Sequence[MessageEvent], cursor: Cursor | None = None) -> None:
        """Events come in; returning means that the platform was acknowledged."""
        emit = await self._ready()
        await emit(events, cursor)

    def hold(self) -> None:
        """Let no call through until `release`."""
        self._held = asyncio.Event()

    def release(self) -> None:
        if self._held:
            self._held.set()
        self._held = None

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        fault = await self._call("send", key)
        self._check_length(body)
        post = Post(f"r{sum(map(len, self.posts.values())) + 1}", key, [body])
        self.posts[to.room].append(post)
        await self._settle(fault)
        return MessageRef(to, post.id)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        fault = await self._call("edit", key)
        self._check_length(body)
        self._post(ref).bodies.append(body)
        await self._settle(fault)

    async def delete(self, ref: MessageRef) -> None:
        fault = await self._call("delete", ref.remote_id)
        self._post(ref).deleted = True
        await self._settle(fault)

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        await self._call("find", key)
        for post in self.posts[to.room] if self.limits.can_find else ():
            if post.key == key:
                return MessageRef(to, post.id)
        if self.vague and self.posts[to.room]:
            return MessageRef(to, self.posts[to.room][-1].id)
        return None

    async def typing(self, to: Address) -> None:
        self.typed.append(to)

    def shown(self, room: str) -> list[str]:
        """What stands in a room now."""
        return [post.text for post in self.posts[room] if not post.deleted]

    async def until(self, condition: Callable[[], bool], timeout_s: float = 60) -> None:
        """Wait until people see that a condition holds."""
        async with asyncio.timeout(timeout_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _call(self, verb: str, key: str) -> Fault | None:
        if self._held:
            await self._held.wait()
        self.calls.append((verb, key))
        fault = self.faults.popleft() if self.faults and verb != "find" else None
        if isinstance(fault, AdapterError):
            raise fault
        return fault

    async def _settle(self, fault: Fault | None) -> None:
        self._changed.set()
        if isinstance(fault, Hang):
            await asyncio.Event().wait()
        if isinstance(fault, LostResponse):
            raise Ambiguous("the response was lost")

    def _post(self, ref: MessageRef) -> Post:
        for post in self.posts[ref.address.room]:
            if post.id == ref.remote_id and not post.deleted:
                return post
        raise Gone("message to edit not found")

    def _check_length(self, body: Rendered) -> None:
        if len(body.text.encode("utf-16-le")) // 2 > self.limits.max_chars:
            raise Rejected("message is too long")

    def _ready(self) -> asyncio.Future[Emit]:
        if self._emit is None:
            self._emit = asyncio.get_running_loop().create_future()
        return self._emit
