"""Chat template → the parts of a prompt, in a sandbox.

A model brings its template as a jinja2 program: code from a stranger. It runs in jinja2's
`ImmutableSandboxedEnvironment` with a budget of lines, sizes and memory, and it never sees what
people wrote: each message's content is a mark while the template runs, and the marks are replaced
by the contents afterwards. So a prompt's parts are known apart: the template's own text may spell
control tokens, a person's may not.
"""

import re
import resource
import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import lru_cache
from types import FrameType
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.base import Message, Role

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
MAX_SOURCE_CHARS = 128 << 10
MAX_OUTPUT_CHARS = 1 << 20
MAX_LINES = 200_000
"""Lines of template code that one rendering may run; the longest known template needs hundreds."""
MAX_MEMORY_BYTES = 128 << 20
REHEARSED_TURNS = 12

_MARK = re.compile("\ue000([0-9]{1,9})\ue001")

Part = str | int
"""A piece of the template's own text, or the index of the message whose content stands here."""


class TemplateFault(Exception):
    """The template cannot be used, or not for these messages."""


class ChatTemplate:
    """A model's template. `bos` and `eos` are the texts of its control tokens."""

    def __init__(self, source: str | None, *, bos: str = "", eos: str = "") -> None:
        """Compile it; ChatML without a source. Raises `TemplateFault`."""
        source = source or CHATML
        if len(source) > MAX_SOURCE_CHARS:
            raise TemplateFault(f"the chat template has more than {MAX_SOURCE_CHARS} characters")
        self._variables = {"bos_token": bos, "eos_token": eos}
        try:
            # jinja2 runs constant expressions while it compiles.
            with _bounded_memory():
                self._template = _Sandbox().from_string(source)
        except (jinja2.TemplateError, RecursionError, MemoryError) as exc:
            raise TemplateFault(f"the chat template does not compile: {exc}") from exc
        self._parts = lru_cache(maxsize=256)(self._try_roles)

    def rehearse(self) -> None:
        """Render usual conversations before they are had.

        A rendering bounds the memory of the whole process, which a step beside it may need.
        """
        turns = [Message("user", "")]
        with suppress(TemplateFault):
            for _ in range(REHEARSED_TURNS):
                self.parts([Message("system", ""), *turns])
                self.parts(turns)
                turns += [Message("assistant", ""), Message("user", "")]

    def parts(self, messages: Sequence[Message]) -> tuple[tuple[Part, ...], tuple[Message, ...]]:
        """The prompt's parts, and the messages their indices mean.

        The messages are those given, or, where the template refuses them (no system role, roles
        must alternate), the same folded into what every template takes. Raises `TemplateFault`.
        """
        given = tuple(messages)
        parts = self._parts(tuple(m.role for m in given))
        if not isinstance(parts, TemplateFault):
            return parts, given
        folded = fold(given)
        parts = self._parts(tuple(m.role for m in folded))
        if isinstance(parts, TemplateFault):
            raise parts.with_traceback(None)
        return parts, folded

    def _try_roles(self, roles: tuple[Role, ...]) -> tuple[Part, ...] | TemplateFault:
        """A refusal is remembered like a rendering."""
        try:
            return self._render_roles(roles)
        except TemplateFault as fault:
            return fault

    def _render_roles(self, roles: tuple[Role, ...]) -> tuple[Part, ...]:
        marked = [{"role": role, "content": f"\ue000{i}\ue001"} for i, role in enumerate(roles)]
        parts = _split(self._render(marked))
        if {part for part in parts if isinstance(part, int)} != set(range(len(roles))):
            raise TemplateFault("the chat template leaves messages out, or makes some up")
        return parts

    def _render(self, messages: list[dict[str, str]]) -> str:
        try:
            with _bounded_memory(), _bounded_lines():
                text = self._template.render(
                    messages=messages,
                    add_generation_prompt=True,
                    enable_thinking=False,
                    raise_exception=_refuse,
                    strftime_now=datetime.now(UTC).strftime,
                    **self._variables,
                )
        except TemplateFault:
            raise
        # Whatever a stranger's code raises inside the sandbox is a fault of that code.
        except Exception as exc:
            raise TemplateFault(f"the chat template failed: {type(exc).__name__}: {exc}") from exc
        if len(text) > MAX_OUTPUT_CHARS:
            raise TemplateFault(f"the chat template writes over {MAX_OUTPUT_CHARS} characters")
        return text


def fold(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The same conversation with the system prompt inside the first user message, and alternating.

    Neighbours of one role become one message; a first answer gets an empty question before it.
    """
    folded: list[Message] = []
    for message in messages:
        role: Role = "user" if message.role == "system" else message.role
        if folded and folded[-1].role == role:
            folded[-1] = Message(role, f"{folded[-1].content}\n\n{message.content}")
        else:
            folded.append(Message(role, message.content))
    if folded and folded[0].role == "assistant":
        folded.insert(0, Message("user", ""))
    return tuple(folded)


class _Sandbox(ImmutableSandboxedEnvironment):
    """jinja2's sandbox, and no products or powers large enough to matter."""

    intercepted_binops = frozenset(["*", "**"])

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
        )

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        for side in (left, right):
            size = abs(side) if isinstance(side, int) else len(side) if _sized(side) else 0
            if size > MAX_SOURCE_CHARS or (operator == "**" and size > 64):
                raise TemplateFault("the chat template computes something too large")
        return super().call_binop(context, operator, left, right)


def _sized(value: Any) -> bool:
    return isinstance(value, str | bytes | list | tuple)


def _refuse(message: str) -> None:
    raise TemplateFault(f"the chat template refuses these messages: {message}")


def _split(text: str) -> tuple[Part, ...]:
    pieces = _MARK.split(text)
    parts: list[Part] = [int(p) if i % 2 else p for i, p in enumerate(pieces)]
    return tuple(part for part in parts if part != "")


@contextmanager
def _bounded_lines() -> Generator[None]:
    """Stop code that runs more than `MAX_LINES` lines; a rendering has no other way to be long."""
    lines = 0

    def count(_frame: FrameType, _event: str, _arg: object) -> Callable[..., Any]:
        nonlocal lines
        lines += 1
        if lines > MAX_LINES:
            raise TemplateFault("the chat template runs too long")
        return count

    tracer = sys.gettrace()
    sys.settrace(count)
    try:
        yield
    finally:
        sys.settrace(tracer)


@contextmanager
def _bounded_memory() -> Generator[None]:
    """Let the process grow by `MAX_MEMORY_BYTES` within and no more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + MAX_MEMORY_BYTES
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[0]) * resource.getpagesize()
