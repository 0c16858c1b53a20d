"""The door between a row of the comparison and what it measures: ours, or one of the peers.

A question goes in, and what its reader had of the answer comes back, with the moment of each piece
of text. All sides run on one machine, answer from one model file and are measured by one clock.
"""

from dataclasses import dataclass
from typing import Protocol

from bot.heard import Heard
from engine.base import Message


@dataclass(frozen=True, slots=True)
class Ask:
    """One question with what stands before it. Drawn greedily, so that all sides say the same."""

    session: str
    person: str
    messages: tuple[Message, ...]
    max_tokens: int


class Side(Protocol):
    """Something that answers and can be compared."""

    async def ask(self, ask: Ask) -> Heard:
        """Put a question and read the answer to its end."""
        ...

    async def rest(self, session: str, messages: tuple[Message, ...]) -> None:
        """Say what the next prompt begins with, where a side wants to know; costs no time here."""
        ...
