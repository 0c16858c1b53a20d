"""Slack's Markdown for any Markdown, read by a CommonMark parser that is not ours."""

import re

import pytest
from hypothesis import given, settings
from markdown_it import MarkdownIt
from markdown_it.token import Token
from slack_sdk.errors import SlackObjectFormationError
from slack_sdk.models.blocks import MarkdownBlock

from adapters.base import Limits
from adapters.dialects import JOINER
from adapters.markup import render
from adapters.split import split
from tests.unit.adapters.markdown_texts import MARKDOWN, assert_words_are_kept

NARROW = Limits(600, "slack")
READER = MarkdownIt("commonmark", {"breaks": True}).enable(["table", "strikethrough"])
CALLS = re.compile(r"<[!@#]|@(?:channel|here|everyone)\b", re.IGNORECASE)


def read(text: str) -> str:
    """What is seen. Raises AssertionError for what Slack refuses, loads, or calls somebody by."""
    if text:
        MarkdownBlock(text=text).validate_json()
    assert not CALLS.search(text), CALLS.findall(text)
    tokens = READER.parse(text)
    return "\n".join(_seen(token) for token in tokens)


def _seen(token: Token) -> str:
    assert token.type not in ("html_block", "html_inline", "image"), token.content
    if token.type == "list_item_open":
        return token.info
    if token.type != "inline":
        return token.content if token.type in ("fence", "code_block") else ""
    text, targets = "", list[str]()
    for child in token.children or []:
        text += "\n" if child.type == "softbreak" else _seen_inline(child, targets)
    return text


def _seen_inline(child: Token, targets: list[str]) -> str:
    if child.type == "link_open":
        targets.append(str(child.attrs["href"]))
        assert re.match("https?://|mailto:", targets[-1]), targets[-1]
        return ""
    if child.type == "link_close":
        return f" ({targets.pop()})"
    return _seen(child) or child.content


@pytest.mark.parametrize(
    ("markdown", "written"),
    [
        ("hello", "hello"),
        ("**b** *i* ~~s~~ `c`", "**b** *i* ~~s~~ `c`"),
        ("# Head\n\ntext", "# Head\n\ntext"),
        ("Head\n===", "# Head"),
        ("snake_case 2 * 3 ~5 [1]", "snake_case 2 * 3 ~5 [1]"),
        ("\\*no\\*", "\\*no\\*"),
        ("<b>x</b> AT&T &lt;i>", "&lt;b>x&lt;/b> AT&T &lt;i>"),
        ("&amp;lt;", "&amp;lt;"),
        ("- a\n  - b\n* c", "- a\n  - b\n\n- c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- [x] done\n- [ ] open", "- [x] done\n- [ ] open"),
        ("> a\n> > b", "> a\n>\n> > b"),
        ("```py\nx < 1 && y\n```", "```py\nx < 1 && y\n```"),
        ("~~~\n```\n~~~", "````\n```\n````"),
        ("    code", "```\ncode\n```"),
        ("a|b\n-|-:\n1|`x\\|y`", "| a | b |\n| --- | ---: |\n| 1 | `x\\|y` |"),
        ("![cat](http://x.y/c)", "[cat](http://x.y/c)"),
        ("[![cat](http://x.y/c)](http://z.y)", "[cat](http://z.y)"),
        ("[a][r]\n\n[r]: http://x.y", "[a](http://x.y)"),
        ("<http://x.y>", "[http://x.y](http://x.y)"),
        ("[x](javascript:y)", "[x\\](javascript:y)"),
        ("||secret||", "secret"),
        ("1986\\. So", "1986\\. So"),
        ("<!channel>", f"&lt;{JOINER}!channel>"),
        ("&lt;@U123>", f"&lt;{JOINER}@U123>"),
        ("`<!here>`", f"`<{JOINER}!here>`"),
        ("@channel a@b.cd @bob", f"@{JOINER}channel a@b.cd @bob"),
    ],
)
def test_markdown_written_anew(markdown: str, written: str) -> None:
    assert render(markdown, "slack").text == written
    read(written)


@pytest.mark.parametrize(
    "refused", ["<!channel>", "x @here", "![a](http://x.y)", "<b>x</b>", "x" * 12_001, "`<@U1>`"]
)
def test_the_checker_refuses(refused: str) -> None:
    with pytest.raises((AssertionError, SlackObjectFormationError)):
        read(refused)


@given(MARKDOWN)
@settings(max_examples=150, deadline=None)
def test_any_markdown_is_accepted_and_calls_nobody(markdown: str) -> None:
    assert_words_are_kept(markdown, read(render(markdown, "slack").text))


@given(MARKDOWN)
@settings(max_examples=50, deadline=None)
def test_every_part_is_accepted_and_fits(markdown: str) -> None:
    for part in split(markdown * 3, NARROW):
        shown = render(part, "slack").text
        assert len(shown) <= NARROW.max_chars
        read(shown)
