"""What is in the cache: which sequence holds which tokens, and the token ids of past answers. PURE.

Two facts keep a conversation's next prompt cheap. A sequence keeps its tokens after an answer, so
the next prompt that begins alike computes only what follows the common prefix; which prompts may
have it, is `owner`'s. And an answer's text does not always tokenise back into the ids it was
generated as, so the ids are kept and stand for that text when it comes back as history.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.owner import Owner

ANSWERS_A_SESSION = 32
BOOK_BYTES = 32 << 20
"""For the answers of all sessions: ten turns of 50 people, 2,500 tokens an answer."""
RECORD_BYTES = 512
"""For what holds an answer's numbers and text."""


@dataclass(slots=True)
class Held:
    """One sequence of the cache: the tokens in it, whose they are, whether it is being written."""

    number: int
    tokens: list[int] = field(default_factory=list[int])
    owner: Owner | None = None
    busy: bool = False
    used: int = 0

    @property
    def session(self) -> str | None:
        return self.owner.session if self.owner else None

    def keep(self, length: int) -> None:
        """Drop what follows the first `length` tokens."""
        del self.tokens[length:]
        self.owner = self.owner.after_keeping(length) if self.owner else None


@dataclass(frozen=True, slots=True)
class Claim:
    """A sequence to write to, of whose tokens the first `keep` stay."""

    sequence: int
    keep: int


class Ledger:
    """Who has which sequence. Tokens in the ledger are exactly the tokens in the cache.

    With `lends` a sequence's beginning may serve another session too, as its owner allows.
    """

    def __init__(self, sequences: int, *, lends: bool = True) -> None:
        self._held = [Held(number) for number in range(sequences)]
        self._lends = lends
        self._clock = 0

    @property
    def free(self) -> int:
        """Sequences nobody writes to."""
        return sum(not held.busy for held in self._held)

    @property
    def busy(self) -> list[int]:
        """Sequences somebody writes to."""
        return [held.number for held in self._held if held.busy]

    @property
    def idle(self) -> list[int]:
        """The others; those first that hold least."""
        idle = (held for held in self._held if not held.busy)
        return [held.number for held in sorted(idle, key=lambda held: len(held.tokens))]

    def tokens(self, sequence: int) -> Sequence[int]:
        """What the sequence holds."""
        return self._held[sequence].tokens

    def lender(self, to: Owner, prompt: Sequence[int]) -> int:
        """The sequence, busy or not, of which a prompt may have most; see `keep`."""
        return max(self._held, key=lambda held: self._keep(held, to, prompt)).number

    def choose(self, to: Owner, prompt: Sequence[int]) -> int | None:
        """The sequence that an answer should get; None when all are busy.

        The session's own one first, then an empty one, then the least recently used: another
        session's prefix is worth more to its owner than the shared beginning is to a newcomer.
        """
        free = [held for held in self._held if not held.busy]
        if not free:
            return None
        return min(free, key=lambda held: self._preference(held, to, prompt)).number

    def owner(self, sequence: int) -> Owner | None:
        """Whose tokens the sequence holds."""
        held = self._held[sequence]
        return held.owner if held.tokens else None

    def resident(self, session: str) -> int | None:
        """The sequence that holds a session's tokens and that nobody writes to."""
        for held in self._held:
            if held.session == session and held.tokens and not held.busy:
                return held.number
        return None

    def cut(self, sequence: int, start: int, end: int) -> None:
        """Note that the tokens from `start` to `end` left and the others moved up."""
        held = self._held[sequence]
        del held.tokens[start:end]
        held.owner = held.owner.after_cutting(start) if held.owner else None

    def keep(self, sequence: int, to: Owner, prompt: Sequence[int]) -> int:
        """How much of the prompt the sequence holds and may give to it."""
        return self._keep(self._held[sequence], to, prompt)

    def put(self, sequence: int, owner: Owner, tokens: Iterable[int]) -> None:
        """Note that somebody's tokens were copied into a sequence, in the place of its own."""
        held = self._held[sequence]
        held.owner, held.tokens = owner, list(tokens)

    def claim(self, sequence: int, to: Owner, prompt: Sequence[int]) -> Claim:
        """Take a sequence for an answer; what is not the prompt's beginning goes."""
        held = self._held[sequence]
        keep = self._keep(held, to, prompt)
        held.keep(keep)
        held.owner = to.succeeding(held.owner) if held.owner else to
        held.busy = True
        self._touch(held)
        return Claim(held.number, keep)

    def exchange(self, one: int, other: int) -> None:
        """Note that what two sequences hold has changed places."""
        held, others = self._held[one], self._held[other]
        held.number, others.number = other, one
        self._held[one], self._held[other] = others, held

    def append(self, sequence: int, tokens: Iterable[int]) -> None:
        """Note tokens that were computed into a sequence."""
        self._held[sequence].tokens.extend(tokens)

    def truncate(self, sequence: int, length: int) -> None:
        """Note that only the first `length` tokens are left."""
        self._held[sequence].keep(length)

    def release(self, sequence: int) -> None:
        """The answer is over; the tokens stay for the session's next one."""
        self._held[sequence].busy = False
        self._touch(self._held[sequence])

    def forget(self, session: str) -> list[int]:
        """Drop the session's tokens; returns the sequences to clear. Busy ones keep theirs."""
        idle = [h for h in self._held if h.session == session and not h.busy]
        for held in idle:
            held.owner = None
            held.tokens.clear()
        return [held.number for held in idle]

    def _touch(self, held: Held) -> None:
        self._clock += 1
        held.used = self._clock

    def _keep(self, held: Held, to: Owner, prompt: Sequence[int]) -> int:
        own = held.session == to.session and not held.busy
        if held.owner is None or not (self._lends or own):
            return 0
        # The last token is always computed: the first answer token is drawn from its logits.
        return min(held.owner.lends(to, held.tokens, prompt), max(0, len(prompt) - 1))

    def _preference(self, held: Held, to: Owner, prompt: Sequence[int]) -> tuple[int, int, int]:
        if held.session == to.session and held.tokens:
            return 0, -self._keep(held, to, prompt), held.number
        if not held.tokens:
            return 1, 0, held.number
        return 2, held.used, held.number


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it was generated; `ends[i]` is the length of its text once token `i` is in."""

    text: str
    tokens: Sequence[int]
    ends: Sequence[int]

    @property
    def size_bytes(self) -> int:
        """What it takes at most: two numbers of four bytes a token, and four a character."""
        return RECORD_BYTES + 4 * len(self.text) + 8 * len(self.tokens)

    def spelling(self, text: str) -> Sequence[int] | None:
        """The token ids that generated `text`: all of the answer, or its beginning up to a token.

        White space around the answer does not count, for whoever keeps history may strip it.
        """
        lead = len(self.text) - len(self.text.lstrip())
        if text.strip() == self.text.strip():
            return self.tokens
        end = lead + len(text.rstrip())
        if not text.strip() or self.text[lead:end] != text.rstrip() or end not in self.ends:
            return None
        last = len(self.ends) - 1 - self.ends[::-1].index(end)
        return self.tokens[: last + 1]


class AnswerBook:
    """The latest answers of the latest sessions, to spell history as it was generated.

    One thread may record while another looks spellings up.
    """

    def __init__(self, budget_bytes: int = BOOK_BYTES) -> None:
        self._budget_bytes = budget_bytes
        self._answers: OrderedDict[str, deque[Recorded]] = OrderedDict()
        self.size_bytes = 0

    def record(self, session: str, answer: Recorded) -> None:
        """Keep an answer; the oldest of the session, and the longest unused session, make room."""
        if not answer.tokens or answer.size_bytes > self._budget_bytes:
            return
        self._answers.setdefault(session, deque()).append(answer)
        self.size_bytes += answer.size_bytes
        self._answers.move_to_end(session)
        if len(self._answers[session]) > ANSWERS_A_SESSION:
            self._drop_oldest(session)
        while self.size_bytes > self._budget_bytes:
            self._drop_oldest(next(iter(self._answers)))

    def spelling(self, session: str, text: str) -> Sequence[int] | None:
        """The ids a text of this session's history was generated as, if it was."""
        # A copy, made in one go: the other thread may record meanwhile.
        for answer in reversed(tuple(self._answers.get(session, ()))):
            spelled = answer.spelling(text)
            if spelled is not None:
                return spelled
        return None

    def _drop_oldest(self, session: str) -> None:
        self.size_bytes -= self._answers[session].popleft().size_bytes
        if not self._answers[session]:
            del self._answers[session]

    def forget(self, session: str) -> None:
        """Drop the session's answers."""
        self.size_bytes -= sum(answer.size_bytes for answer in self._answers.pop(session, ()))
