"""The door between the bot and a language model: a request in, a stream of deltas out.

EngineError
├── Overloaded       the waiting line is full; come back later
├── ContextTooLong   the messages do not fit the model's context
├── Unavailable      no model is ready to answer
├── Interrupted      the model died in the middle of the answer; the request may be tried again
└── NoRoom           a model does not fit in memory beside those that are loaded
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the prompt, in the roles that chat templates know."""

    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn. `temperature` 0 is greedy; `max_tokens` bounds the answer.

    With 0 of them, a worker only reads the messages, for a prompt that will begin with them.
    """

    temperature: float = 0.7
    top_p: float = 0.95
    top_k: int = 40
    min_p: float = 0.05
    repeat_penalty: float = 1.05
    max_tokens: int = 512
    stop: tuple[str, ...] = ()
    seed: int | None = None

    @property
    def only_reads(self) -> bool:
        """Whether nothing is to be written."""
        return self.max_tokens == 0


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to compute.

    `session` names the conversation whose prefix may be reused; `person` is who the work is
    counted for when the engine shares its time; `deadline_s` is the longest the request may take,
    in seconds from its submission, waiting included. `model` names the one that is to answer;
    empty, or where there is no choice: the one that answers everybody.
    """

    session: str
    person: str
    messages: tuple[Message, ...]
    sampling: Sampling = field(default_factory=Sampling)
    deadline_s: float | None = None
    model: str = ""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`place` in the waiting line, from 1, and the seconds until the first word, if known."""

    place: int
    eta_s: float | None


Slide = Literal["", "shifted", "warmed", "refilled"]
"""How a prompt's prefix came to be there after the window had slid; empty: it had not."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer took. `prompt_tokens` = `reused_tokens` + `prefilled_tokens`.

    `slide` says what became of the prefix when the window slid before this answer. Of
    `drafted_tokens`, guessed from the context, `taken_tokens` were the answer's.
    """

    prompt_tokens: int
    reused_tokens: int
    prefilled_tokens: int
    completion_tokens: int
    queued_s: float
    prefill_s: float
    decode_s: float
    slide: Slide = ""
    drafted_tokens: int = 0
    taken_tokens: int = 0


Finish = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Delta:
    """One step of an answer: new text, a change of place in the line, or (last of all) the end.

    The last delta of a stream has `finish` and `usage`, and no other one has. `tokens` are those
    that `text` was made of; an engine that does not know calls a piece of text one.
    """

    text: str = ""
    waiting: Waiting | None = None
    finish: Finish | None = None
    usage: Usage | None = None
    tokens: int = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """Conversations that wait without a sequence: what they take in memory and in `files`, and
    how many are `moving` between the two.

    Since the engine's process began, `restored` went on where they had been, `fetched` came back
    from a file for that, and `lost` were in a file that could not be read or was refused.
    """

    memory_bytes: int = 0
    file_bytes: int = 0
    files: int = 0
    moving: int = 0
    restored: int = 0
    fetched: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """The state of an engine. Rates are tokens per second, measured lately; 0 before the first.

    `parks`: conversations are kept beyond those that are computed at once.
    """

    state: Literal["loading", "ready", "failed"]
    model: str = ""
    sha256: str = ""
    detail: str = ""
    context_tokens: int = 0
    running: int = 0
    waiting: int = 0
    prefill_rate: float = 0.0
    decode_rate: float = 0.0
    restarts: int = 0
    parks: bool = False
    kept: Kept = field(default_factory=Kept)


class Engine(Protocol):
    """Something that answers."""

    def stream(self, request: Request) -> AsyncGenerator[Delta, None]:
        """Answer; closing the generator cancels the work. Raises `EngineError`s."""
        ...

    async def status(self) -> EngineStatus: ...

    async def count(self, messages: Sequence[Message]) -> tuple[int, ...]:
        """Tokens of each message as it stands in a prompt, its share of the template included."""
        ...

    async def prepare(self, session: str, messages: Sequence[Message]) -> None:
        """Say what the session's next prompt begins with, when its window slid.

        The engine may use spare time for it. Returns at once; an engine may do nothing.
        """
        ...

    async def forget(self, session: str) -> None:
        """Drop whatever is kept of the session's text."""
        ...


ToldOfReading = Callable[[int], Awaitable[None]]
"""Hears that a model is loaded, and of how many conversations it may read before it answers."""


async def untold(_conversations: int) -> None:
    """Nobody wants to hear."""


@runtime_checkable
class Swaps(Protocol):
    """An engine that can let another model answer while it runs."""

    async def use(self, model: str, *, pause: bool = False, reads: ToldOfReading = untold) -> None:
        """Let `model` answer from now on; returns when it does. `reads` is told if it reads first.

        The model before it answers until then, and finishes what it has begun. With `pause` it
        finishes and leaves first, for two that do not fit in memory together; what comes meanwhile
        waits. Raises `EngineError`, and the model before it goes on: `NoRoom` when there is no
        room beside it.
        """
        ...

    async def loaded(self) -> tuple[EngineStatus, ...]:
        """The models in memory, the one that answers everybody first."""
        ...


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Vectors of length 1, one a text, the `model` they are of, and the tokens it read."""

    model: str
    vectors: tuple[tuple[float, ...], ...]
    tokens: int


@runtime_checkable
class Embeds(Protocol):
    """An engine that says what texts are about: like texts have vectors that point alike."""

    async def embed(self, texts: Sequence[str]) -> Embeddings:
        """Raises `EngineError`, `ContextTooLong` when one text is too long."""
        ...


class EngineError(Exception):
    """An answer that could not be computed."""


class Overloaded(EngineError):
    """The waiting line is full. `retry_after_s` says when a place may be free, `waiting` where a
    longer line would have one now, if it is known."""

    def __init__(self, message: str, retry_after_s: float, waiting: Waiting | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.waiting = waiting


class ContextTooLong(EngineError):
    """The prompt has `tokens`, and the context leaves room for `limit`."""

    def __init__(self, tokens: int, limit: int) -> None:
        super().__init__(f"the prompt has {tokens} tokens, and there is room for {limit}")
        self.tokens = tokens
        self.limit = limit


class Unavailable(EngineError):
    """No model is ready: it is missing, failed to load, or its server cannot be reached."""


class Interrupted(EngineError):
    """The model died while it answered. `alone` if this request has to be taken for the cause: no
    other one, as far as is known, was in flight with it."""

    def __init__(self, message: str, *, alone: bool) -> None:
        super().__init__(message)
        self.alone = alone


class NoRoom(EngineError):
    """A model needs `needed_bytes`, and `free_bytes` are free; `pause_helps` if it fits alone."""

    def __init__(
        self, model: str, needed_bytes: int, free_bytes: int, *, pause_helps: bool
    ) -> None:
        super().__init__(
            f"The model {model} needs about {needed_bytes >> 20} MB, and {free_bytes >> 20} MB are "
            "free beside what is loaded."
        )
        self.needed_bytes = needed_bytes
        self.free_bytes = free_bytes
        self.pause_helps = pause_helps
