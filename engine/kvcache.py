"""What is in the cache: which sequence holds which tokens, and the token ids of past answers. PURE.

Two facts keep a conversation's next prompt cheap. A sequence keeps its tokens after an answer, so
the next prompt of the session computes only what follows the common prefix. And an answer's text
does not always tokenise back into the ids it was generated as, so the ids are kept and stand for
that text when it comes back as history.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from engine.prefix import common_prefix

ANSWERS_A_SESSION = 32
SESSIONS_WITH_ANSWERS = 1024


@dataclass(slots=True)
class Held:
    """One sequence of the cache: the tokens in it, whose they are, whether it is being written."""

    number: int
    tokens: list[int] = field(default_factory=list[int])
    session: str | None = None
    busy: bool = False
    used: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A sequence to write to, of whose tokens the first `keep` stay."""

    sequence: int
    keep: int


class Ledger:
    """Who has which sequence. Tokens in the ledger are exactly the tokens in the cache."""

    def __init__(self, sequences: int) -> None:
        self._held = [Held(number) for number in range(sequences)]
        self._clock = 0

    @property
    def free(self) -> int:
        """Sequences nobody writes to."""
        return sum(not held.busy for held in self._held)

    def tokens(self, sequence: int) -> Sequence[int]:
        """What the sequence holds."""
        return self._held[sequence].tokens

    def reusable(self, session: str, prompt: Sequence[int]) -> int:
        """Tokens of the prompt that the session's own sequences hold already."""
        return max((_keep(h, prompt) for h in self._held if h.session == session), default=0)

    def choose(self, session: str, prompt: Sequence[int]) -> int | None:
        """The sequence that an answer should get; None when all are busy.

        The session's own one first, then an empty one, then the least recently used: another
        session's prefix is worth more to its owner than the shared beginning is to a newcomer.
        """
        free = [held for held in self._held if not held.busy]
        if not free:
            return None
        return min(free, key=lambda held: _preference(held, session, prompt)).number

    def owner(self, sequence: int) -> str | None:
        """Whose tokens the sequence holds."""
        held = self._held[sequence]
        return held.session if held.tokens else None

    def resident(self, session: str) -> int | None:
        """The sequence that holds a session's tokens and that nobody writes to."""
        for held in self._held:
            if held.session == session and held.tokens and not held.busy:
                return held.number
        return None

    def is_busy(self, sequence: int) -> bool:
        """Whether an answer is written to the sequence."""
        return self._held[sequence].busy

    def cut(self, sequence: int, start: int, end: int) -> None:
        """Note that the tokens from `start` to `end` left and the others moved up."""
        del self._held[sequence].tokens[start:end]

    def keep(self, sequence: int, prompt: Sequence[int]) -> int:
        """How much of the prompt the sequence holds and may keep."""
        return _keep(self._held[sequence], prompt)

    def put(self, sequence: int, tokens: Iterable[int]) -> None:
        """Note that a state was copied into a sequence, in the place of what it held."""
        self._held[sequence].tokens = list(tokens)

    def claim(self, sequence: int, session: str, prompt: Sequence[int]) -> Claim:
        """Take a sequence for an answer; what is not the prompt's beginning goes."""
        held = self._held[sequence]
        keep = _keep(held, prompt)
        del held.tokens[keep:]
        held.session, held.busy = session, True
        self._touch(held)
        return Claim(held.number, keep)

    def append(self, sequence: int, tokens: Iterable[int]) -> None:
        """Note tokens that were computed into a sequence."""
        self._held[sequence].tokens.extend(tokens)

    def truncate(self, sequence: int, length: int) -> None:
        """Note that only the first `length` tokens are left."""
        del self._held[sequence].tokens[length:]

    def release(self, sequence: int) -> None:
        """The answer is over; the tokens stay for the session's next one."""
        self._held[sequence].busy = False
        self._touch(self._held[sequence])

    def forget(self, session: str) -> list[int]:
        """Drop the session's tokens; returns the sequences to clear. Busy ones keep theirs."""
        idle = [h for h in self._held if h.session == session and not h.busy]
        for held in idle:
            held.session = None
            held.tokens.clear()
        return [held.number for held in idle]

    def _touch(self, held: Held) -> None:
        self._clock += 1
        held.used = self._clock


def _keep(held: Held, prompt: Sequence[int]) -> int:
    # The prompt's last token is always computed: the first answer token is drawn from its logits.
    return min(common_prefix(held.tokens, prompt), max(0, len(prompt) - 1))


def _preference(held: Held, session: str, prompt: Sequence[int]) -> tuple[int, int, int]:
    if held.session == session and held.tokens:
        return 0, -_keep(held, prompt), held.number
    if not held.tokens:
        return 1, 0, held.number
    return 2, held.used, held.number


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer as it was generated; `ends[i]` is the length of its text once token `i` is in."""

    text: str
    tokens: tuple[int, ...]
    ends: tuple[int, ...]

    def spelling(self, text: str) -> tuple[int, ...] | None:
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

    def __init__(self) -> None:
        self._answers: OrderedDict[str, deque[Recorded]] = OrderedDict()

    def record(self, session: str, answer: Recorded) -> None:
        """Keep an answer; the oldest of the session, and the oldest session, make room."""
        if not answer.tokens:
            return
        self._answers.setdefault(session, deque(maxlen=ANSWERS_A_SESSION)).append(answer)
        self._answers.move_to_end(session)
        if len(self._answers) > SESSIONS_WITH_ANSWERS:
            self._answers.popitem(last=False)

    def spelling(self, session: str, text: str) -> tuple[int, ...] | None:
        """The ids a text of this session's history was generated as, if it was."""
        # A copy, made in one go: the other thread may record meanwhile.
        for answer in reversed(tuple(self._answers.get(session, ()))):
            spelled = answer.spelling(text)
            if spelled is not None:
                return spelled
        return None

    def forget(self, session: str) -> None:
        """Drop the session's answers."""
        self._answers.pop(session, None)
