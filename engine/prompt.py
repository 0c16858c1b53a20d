"""Messages → the tokens of a prompt, and what each message takes of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from engine.base import Message, Role
from engine.template import ChatTemplate, Part, TemplateFault

Spelling = Callable[[str], Sequence[int] | None]
"""The token ids an assistant's text was generated as, or None."""

ANSWER_ROOM_TOKENS = 256
"""A prompt must leave this much of the context to its answer, or `max_tokens` if that is less."""


def prompt_limit(context_tokens: int, max_tokens: int) -> int:
    """The most tokens a prompt may have; at least half the context is the prompt's."""
    return context_tokens - min(max(1, max_tokens), ANSWER_ROOM_TOKENS, context_tokens // 2)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The tokens of a prompt; the first `shared` of them are the same for every conversation that
    has this system prompt."""

    tokens: list[int]
    shared: int = 0


_PROBE: tuple[Role, ...] = ("system", "user", "assistant", "user")


class Tokenizer(Protocol):
    """What a prompt needs of a vocabulary."""

    bos: int
    adds_bos: bool

    def tokenize(self, text: str, *, special: bool) -> list[int]: ...


class Prompter:
    """Builds prompts for one model. Raises `TemplateFault` at once if its template is unusable."""

    def __init__(self, vocabulary: Tokenizer, template: ChatTemplate) -> None:
        self._vocabulary = vocabulary
        self._template = template
        self._overhead = self._measure()

    def prompt(self, messages: Sequence[Message], spelling: Spelling) -> Prompt:
        """The whole prompt up to where the answer begins.

        Only the template's own text may become control tokens. Raises `TemplateFault`.
        """
        parts, meant = self._template.parts(messages)
        tokens: list[int] = []
        shared: int | None = None
        for part in parts:
            if shared is None and isinstance(part, int) and meant[part].role != "system":
                shared = len(tokens)
            tokens += self._part(part, meant, spelling)
        if self._vocabulary.adds_bos and tokens[:1] != [self._vocabulary.bos]:
            tokens.insert(0, self._vocabulary.bos)
            shared = shared + 1 if shared else shared
        return Prompt(tokens, shared or 0)

    def beginning(self, messages: Sequence[Message], spelling: Spelling) -> list[int]:
        """The tokens of `messages` up to where the next user's text would stand.

        Raises `TemplateFault`.
        """
        parts, meant = self._template.parts([*messages, Message("user", "")])
        tokens: list[int] = []
        for part in parts:
            if isinstance(part, int) and part == len(meant) - 1:
                break
            tokens += self._part(part, meant, spelling)
        if self._vocabulary.adds_bos and tokens[:1] != [self._vocabulary.bos]:
            tokens.insert(0, self._vocabulary.bos)
        return tokens

    def reading(self, messages: Sequence[Message], spelling: Spelling) -> Prompt:
        """`beginning`, as a prompt to be read and not to be answered. Raises `TemplateFault`."""
        whole = self.prompt([*messages, Message("user", "")], spelling)
        return Prompt(self.beginning(messages, spelling), whole.shared)

    def count(self, messages: Sequence[Message]) -> list[int]:
        """Tokens of each message with its share of the template.

        The share depends on the role only, and a system message carries the prompt's end, so the
        sum over a conversation with a system prompt is what its prompt takes.
        """
        return [
            self._overhead[message.role]
            + len(self._vocabulary.tokenize(message.content, special=False))
            for message in messages
        ]

    def _part(self, part: Part, meant: Sequence[Message], spelling: Spelling) -> Sequence[int]:
        if isinstance(part, str):
            return self._vocabulary.tokenize(part, special=True)
        message = meant[part]
        spelled = spelling(message.content) if message.role == "assistant" else None
        return spelled or self._vocabulary.tokenize(message.content, special=False)

    def _measure(self) -> dict[Role, int]:
        """Tokens the template writes before a message of each role, and at the prompt's end."""
        parts, meant = self._template.parts([Message(role, "") for role in _PROBE])
        before: dict[Role, int] = {}
        pending = 1 if self._vocabulary.adds_bos else 0
        for part in parts:
            if isinstance(part, str):
                pending += len(self._vocabulary.tokenize(part, special=True))
            else:
                role = meant[part].role
                before[role] = max(before.get(role, 0), pending)
                pending = 0
        if "user" not in before or "assistant" not in before:
            raise TemplateFault("the chat template knows no users or no answers")
        # Without a role of its own, the system prompt stands inside the first user message.
        before["system"] = before.get("system", 0) + pending
        return before
