"""PURE. The messages that the model sees: system prompt, the last turns, the new question.

A turn goes in whole or not at all; when the token budget binds, the oldest go first. In a room each
question carries its speaker's name.
"""

from collections.abc import Sequence
from hashlib import sha256

from engine.base import Message
from storage.records import Turn

TOKENS_OVER_BYTES = 16
"""More tokens than a chat template adds to any message, so that bytes bound tokens from above."""


def compose(
    system: str, turns: Sequence[Turn], question: str, author: str, *, room: bool
) -> tuple[Message, ...]:
    """The prompt's messages. `room` puts the speaker's name before each question."""
    asked = Message("user", _spoken(author, question, room))
    return (*history(system, turns, room=room), asked)


def history(system: str, turns: Sequence[Turn], *, room: bool) -> tuple[Message, ...]:
    """What stands before the new question."""
    messages = [Message("system", system)]
    for turn in turns:
        messages.append(Message("user", _spoken(turn.author, turn.question, room)))
        messages.append(Message("assistant", turn.answer))
    return tuple(messages)


def prompt_version(system: str) -> str:
    """A short name for a system prompt, kept with each turn that was made under it."""
    return sha256(system.encode()).hexdigest()[:12]


def surely_fits(messages: Sequence[Message], budget_tokens: int) -> bool:
    """Whether the messages fit without counting: no tokenizer makes more tokens than bytes."""
    most = sum(len(message.content.encode()) + TOKENS_OVER_BYTES for message in messages)
    return most <= budget_tokens


def turns_within(costs: Sequence[int], budget_tokens: int) -> int:
    """How many of the newest turns fit.

    `costs` are the tokens of each message that `compose` made: system, two a turn, question.
    """
    room = budget_tokens - costs[0] - costs[-1]
    kept = 0
    for last in range(len(costs) - 2, 1, -2):
        room -= costs[last] + costs[last - 1]
        if room < 0:
            break
        kept += 1
    return kept


def _spoken(author: str, text: str, room: bool) -> str:
    return f"{author}: {text}" if room else text
