"""PURE. A made-up conversation to measure with: questions out, answers in, the last turns kept.

The questions are all different and ask for long answers; the window is the bot's.
"""

from dataclasses import dataclass, field

from engine.base import Message

WINDOW_TURNS = 10
SYSTEM = Message("system", "You are Parley, the assistant of a team. Answer truthfully.")
SUBJECTS = (
    "foxes", "rivers", "bread", "winter", "ships", "glass", "bees", "clocks", "salt", "maps",
    "paper", "stone", "wool", "tea", "bridges", "moths", "copper", "rain", "apples", "towers",
)  # fmt: skip


@dataclass(slots=True)
class Talk:
    """One person's conversation. `words` adds to the length of a question."""

    session: str
    number: int
    words: int
    window_turns: int = WINDOW_TURNS
    turns: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def question(self) -> tuple[Message, ...]:
        """The next prompt: the system's, the window's, and a question unlike the others."""
        return (*self.window(), Message("user", self._text(len(self.turns))))

    def hear(self, answer: str) -> None:
        """The answer to the question came."""
        self.turns.append((self._text(len(self.turns)), answer))

    @property
    def slides(self) -> bool:
        """Whether the next window begins elsewhere than the last one did."""
        return len(self.turns) > self.window_turns

    def window(self) -> tuple[Message, ...]:
        """What stands before the next question."""
        messages = [SYSTEM]
        for question, answer in self.turns[max(0, len(self.turns) - self.window_turns) :]:
            messages += [Message("user", question), Message("assistant", answer)]
        return tuple(messages)

    def _text(self, turn: int) -> str:
        first = SUBJECTS[(self.number * 7 + turn) % len(SUBJECTS)]
        start = f"Write a very long story {self.number}.{turn} about {first}"
        rest = [SUBJECTS[(self.number + turn + i) % len(SUBJECTS)] for i in range(self.words)]
        return " ".join([start, *(f"and {word}" for word in rest)])
