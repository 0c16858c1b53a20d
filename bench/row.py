"""What a row of the comparison is: a name, what it says, its aims, and how a round is measured."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from bench.llama_server import SETTINGS, Setting, Shape
from bench.load import Crowd

Figures = dict[str, float]
"""What a round brought, by name. Names end in their unit; ratios have none."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured; `QUICK` only shows that everything runs."""

    widths: tuple[int, ...]
    decode_tokens: int
    chat_turns: int
    chat_tokens: int
    chat_pause_s: float
    team: Crowd
    rush: Crowd
    trial: Crowd
    swapping: Crowd
    slots: tuple[int, int]
    light_asks: int
    flood: int
    long_words: int
    read_tokens: int
    repeat_texts: int
    repeat_tokens: int
    stops: int
    memory_turns: tuple[int, int]
    agreement_talks: int
    turn_tokens: int


FULL = Size(
    widths=(1, 8, 32),
    decode_tokens=96,
    chat_turns=17,
    chat_tokens=16,
    chat_pause_s=1.5,
    team=Crowd(people=50, first=1, last=13, think_s=60.0, words=5, answer_tokens=32),
    rush=Crowd(people=50, first=10, last=12, think_s=0.0, words=1, answer_tokens=8),
    trial=Crowd(people=12, first=10, last=12, think_s=4.0, words=1, answer_tokens=8),
    swapping=Crowd(people=16, first=8, last=14, think_s=16.0, words=1, answer_tokens=8),
    slots=(50, 8),
    light_asks=8,
    flood=8,
    long_words=1000,
    read_tokens=250,
    repeat_texts=6,
    repeat_tokens=160,
    stops=12,
    memory_turns=(500, 10_000),
    agreement_talks=8,
    turn_tokens=40,
)
QUICK = Size(
    widths=(1, 2),
    decode_tokens=4,
    chat_turns=12,
    chat_tokens=1,
    chat_pause_s=0.0,
    team=Crowd(people=3, first=10, last=12, think_s=0.02, words=0, answer_tokens=2),
    rush=Crowd(people=3, first=1, last=2, think_s=0.0, words=0, answer_tokens=2),
    trial=Crowd(people=2, first=1, last=2, think_s=0.0, words=0, answer_tokens=2),
    swapping=Crowd(people=2, first=1, last=2, think_s=0.05, words=0, answer_tokens=2),
    slots=(3, 2),
    light_asks=2,
    flood=2,
    long_words=40,
    read_tokens=10,
    repeat_texts=1,
    repeat_tokens=8,
    stops=1,
    memory_turns=(5, 10),
    agreement_talks=1,
    turn_tokens=4,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What every row is given. `best` is the best setting found for so many slots."""

    model: Path
    threads: int
    size: Size
    best: dict[int, Setting]

    def shape(self, slots: int, context: int) -> Shape:
        """What all sides have in common."""
        return Shape(self.model, self.threads, context, slots)

    def best_for(self, slots: int) -> Setting:
        """The server's best setting; before any was measured, the one that was best before."""
        return self.best.get(slots, SETTINGS[2])


@dataclass(frozen=True, slots=True)
class Aim:
    """A figure and its bound."""

    figure: str
    bound: float
    at_least: bool = False

    def met_by(self, value: float) -> bool:
        """Whether a measured value keeps the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement."""

    name: str
    title: str
    aims: tuple[Aim, ...]
    measure: Callable[[Bench], Awaitable[Figures]]
