"""PURE. What the bot's messages are made of: a Markdown block, buttons, a text to be notified by.

A markdown block takes 12,000 characters of Markdown in all, a section 3,000, a header 150, and a
message 50 blocks, a view 100 (Slack, "Block Kit"). Markdown blocks are for messages; App Home is
drawn with headers and sections.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from adapters.base import Button, Rendered
from adapters.markup import render

MAX_CHARS = 11_000
"""Less than the 12,000 of a markdown block: Slack counts what its parser adds."""
NOTICE_CHARS = 300
SECTION_CHARS = 3000
HEADER_CHARS = 150
VIEW_BLOCKS = 100
EVENT_TYPE = "parley_answer"
"""Tells the metadata of our messages from that of other apps."""

Block = dict[str, Any]

_HEADING = re.compile(r"#{1,6}\s+(.*)")
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def message(body: Rendered) -> dict[str, Any]:
    """The content of a message: its blocks, and the text that notifications show."""
    return {"text": notice(body.source), "blocks": [_markdown(body.text), *actions(body.buttons)]}


def metadata(key: str) -> dict[str, Any]:
    """What a message is found by."""
    return {"event_type": EVENT_TYPE, "event_payload": {"key": key}}


def key_of(metadata: object) -> str:
    """The key in a message's metadata; empty when it carries none of ours."""
    match metadata:
        case {"event_type": str(kind), "event_payload": {"key": str(key)}} if kind == EVENT_TYPE:
            return key
        case _:
            return ""


def actions(buttons: Sequence[Button]) -> list[Block]:
    """A row of buttons, if there are any."""
    if not buttons:
        return []
    elements = [
        {
            "type": "button",
            "action_id": button.action,
            "value": button.action,
            "text": {"type": "plain_text", "text": button.label, "emoji": True},
        }
        for button in buttons
    ]
    return [{"type": "actions", "block_id": "parley", "elements": elements}]


def notice(markdown: str) -> str:
    """The beginning of a text without markup, in which nothing is a mention or a link."""
    plain = " ".join(render(markdown, "plain").text.split())
    short = plain if len(plain) <= NOTICE_CHARS else f"{plain[: NOTICE_CHARS - 1]}…"
    return escaped(short) or "…"


def escaped(text: str) -> str:
    """Text that Slack shows as it stands."""
    return "".join(_ESCAPES.get(char, char) for char in text)


def home(markdown: str) -> dict[str, Any]:
    """A page for App Home."""
    blocks = [block for part in re.split(r"\n{2,}", markdown) for block in _sections(part)]
    return {"type": "home", "blocks": blocks[:VIEW_BLOCKS]}


def _markdown(text: str) -> Block:
    return {"type": "markdown", "text": text.strip("\n") or "…"}


def _sections(part: str) -> Iterator[Block]:
    heading = _HEADING.match(part.strip())
    if heading:
        title, _, rest = part.strip().partition("\n")
        yield _header(render(title, "plain").text)
        part = rest
    text = render(part, "plain").text.strip()
    for start in range(0, len(text), SECTION_CHARS):
        yield {
            "type": "section",
            "text": {"type": "plain_text", "text": text[start : start + SECTION_CHARS]},
        }


def _header(text: str) -> Block:
    return {"type": "header", "text": {"type": "plain_text", "text": text[:HEADER_CHARS] or "…"}}
