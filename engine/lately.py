"""Which conversations were had lately, and what the next prompt of each begins with. PURE: the time
is given.

Texts are held only for `handover`, which has a model that takes over read them: of few
conversations, for as long as somebody may still be in the middle of one, and not after a `forget`.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from engine.base import Message

CONVERSATIONS = 64
"""A team of fifty, and some; of each the text of one window is held."""

LATELY_S = 3600.0
"""Whoever has said nothing for an hour is not waited for."""


@dataclass(slots=True, eq=False)
class Talk:
    """A conversation up to an answer of which pieces are still heard, in seconds of any clock."""

    session: str
    messages: tuple[Message, ...]
    at_s: float
    heard: list[str] = field(default_factory=list[str])

    def hear(self, text: str) -> None:
        """A piece of the answer came."""
        if text:
            self.heard.append(text)

    def history(self) -> tuple[Message, ...]:
        """What the next prompt begins with.

        White space around the answer is left out, as whoever keeps history may.
        """
        said = "".join(self.heard).strip()
        return (*self.messages, Message("assistant", said)) if said else self.messages


class Lately:
    """The latest conversations, `most` of them, none older than `age_s`."""

    def __init__(self, most: int = CONVERSATIONS, age_s: float = LATELY_S) -> None:
        self._most = most
        self._age_s = age_s
        self._talks: OrderedDict[str, Talk] = OrderedDict()

    def begin(self, talk: Talk) -> None:
        """Somebody asks; what was noted of the conversation goes."""
        self._talks[talk.session] = talk
        self._talks.move_to_end(talk.session)
        self._make_room(talk.at_s)

    def drop(self, talk: Talk) -> None:
        """Nothing was heard of an answer; the prompt may be one that no model takes."""
        if self._talks.get(talk.session) is talk:
            self.forget(talk.session)

    def prepare(self, session: str, messages: Sequence[Message], now_s: float) -> None:
        """A conversation's window slid; nothing is noted of one that is not known."""
        if session in self._talks and messages:
            self.begin(Talk(session, tuple(messages), now_s))

    def forget(self, session: str) -> None:
        """Drop a conversation; what is still heard of it is not noted."""
        self._talks.pop(session, None)

    def latest(self, now_s: float) -> Iterator[Talk]:
        """The conversations, the latest first."""
        self._make_room(now_s)
        return iter([*reversed(self._talks.values())])

    def _make_room(self, now_s: float) -> None:
        while self._talks and (len(self._talks) > self._most or self._oldest < now_s - self._age_s):
            self._talks.popitem(last=False)

    @property
    def _oldest(self) -> float:
        return next(iter(self._talks.values())).at_s
