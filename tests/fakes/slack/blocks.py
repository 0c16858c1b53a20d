"""How Slack reads a message: what it refuses, what a person sees, whom it calls.

The Markdown of `markdown` blocks is read by markdown-it alone, not by the code that wrote it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

MAX_TEXT = 40_000
MAX_BLOCKS, MAX_VIEW_BLOCKS = 50, 100
MAX_MARKDOWN = 12_000
MAX_SECTION = 3_000
MAX_HEADER = 150
MAX_BUTTONS = 25
MAX_LABEL = 75
_CALL = re.compile(r"<(!(?:channel|here|everyone)\b[^>]*|!subteam\^[^>]*|@[UW][A-Z0-9]+[^>]*)>")
_UNSEEN = re.compile("[\u2060\u200b\ufeff]")

Block = Mapping[str, Any]


class BlockError(Exception):
    """Slack's code for what is wrong with the blocks of a message."""


def check(blocks: Sequence[Block], *, in_view: bool = False) -> None:
    """Raise `BlockError` when Slack would not take them."""
    if len(blocks) > (MAX_VIEW_BLOCKS if in_view else MAX_BLOCKS):
        raise BlockError("invalid_blocks")
    for block in blocks:
        _check(block, in_view=in_view)
    if sum(len(block["text"]) for block in blocks if block["type"] == "markdown") > MAX_MARKDOWN:
        raise BlockError("msg_blocks_too_long")


def _check(block: Block, *, in_view: bool) -> None:
    match block:
        case {"type": "markdown", "text": str(text)} if text and not in_view:
            return
        case {"type": "section", "text": {"type": str(kind), "text": str(text)}}:
            is_kind = kind in ("plain_text", "mrkdwn")
            is_sound = is_kind and 0 < len(text) <= MAX_SECTION
        case {"type": "header", "text": {"type": "plain_text", "text": str(text)}}:
            is_sound = 0 < len(text) <= MAX_HEADER
        case {"type": "actions", "elements": [*elements]}:
            buttons: list[Any] = elements
            is_sound = 0 < len(buttons) <= MAX_BUTTONS and all(map(_is_button, buttons))
        case {"type": "divider"}:
            is_sound = True
        case _:
            is_sound = False
    if not is_sound:
        raise BlockError("invalid_blocks")


def _is_button(element: Any) -> bool:
    match element:
        case {
            "type": "button",
            "action_id": str(action),
            "text": {"type": "plain_text", "text": str(label)},
        }:
            return 0 < len(action) <= 255 and 0 < len(label) <= MAX_LABEL
        case _:
            return False


def buttons(blocks: Iterable[Block]) -> list[str]:
    """The actions that can be pressed."""
    return [
        element["action_id"]
        for block in blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def source(blocks: Iterable[Block]) -> str:
    """What was sent, with its markup."""
    return "\n\n".join(_raw(block) for block in blocks if block["type"] not in _SILENT)


_SILENT = ("actions", "divider")


def _raw(block: Block) -> str:
    text = block["text"]
    return text if isinstance(text, str) else text["text"]


def seen(blocks: Iterable[Block]) -> str:
    """What can be read, without markup."""
    texts = (
        read(_raw(block)) if block["type"] == "markdown" else _raw(block)
        for block in blocks
        if block["type"] not in _SILENT
    )
    return "\n\n".join(texts)


def calls(text: str) -> list[str]:
    """Whom a text calls: channels, groups and people."""
    return _CALL.findall(text)


def plain(mrkdwn: str) -> str:
    """A text without blocks as it is seen."""
    return unescape(mrkdwn)


def read(markdown: str) -> str:
    """Markdown as it is seen."""
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    text = "\n\n".join(_paragraphs(parser.parse(markdown)))
    return _UNSEEN.sub("", text)


def _paragraphs(tokens: Iterable[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "inline":
            yield "".join(map(_inline, token.children or ()))
        elif token.type in ("fence", "code_block", "html_block"):
            yield token.content.rstrip("\n")


def _inline(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return token.content
