"""Markdown as Matrix's `org.matrix.custom.html`.

Tags and attributes are a part of those that the client-server API allows ("m.room.message
msgtypes", v1.11 and later). There are no images, and no pills: a link to matrix.to becomes its
words, and a joiner breaks `@room`, in code too, for push rules do not know what code is.
"""

import html
import re
from collections.abc import Sequence

import nh3
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from adapters.dialects import JOINER
from adapters.syntax import is_bounded, parser, readable, words

TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol",
    "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
ATTRIBUTES = {
    "a": {"href"},
    "code": {"class"},
    "ol": {"start"},
    "span": {"data-mx-spoiler"},
}
SCHEMES = {"http", "https", "mailto"}

_ROOM = re.compile(r"@(?=room)", re.IGNORECASE)
_PILL = re.compile(
    r"https?://(?:[^/?#@]*@)?(?:www\.)?matrix\.to\.?(?::\d*)?(?:[/?#]|$)", re.IGNORECASE
)


def matrix(markdown: str) -> str:
    """The text for `formatted_body`."""
    source = readable(markdown)
    if not is_bounded(source):
        return _as_written(source)
    tokens = parser().parse(source)
    for token in tokens:
        token.content = _quiet(token.content)
        if token.children:
            token.children = _without_pills(token.children)
    shown = _clean(parser().renderer.render(tokens, parser().options, {})).strip()
    return shown or _as_written(source.strip())


def _without_pills(tokens: Sequence[Token]) -> list[Token]:
    kept: list[Token] = []
    ends_pill: list[bool] = []
    for token in tokens:
        if token.type == "link_open":
            ends_pill.append(_is_pill(token, "href"))
        is_gone = token.type in ("link_open", "link_close") and ends_pill[-1]
        if token.type == "link_close":
            ends_pill.pop()
        if not is_gone:
            kept.append(_quieted(token))
    return kept


def _quieted(token: Token) -> Token:
    if token.type == "image":
        inner = SyntaxTreeNode(token.children or [])
        shown = _quiet("".join(map(words, inner.children)))
        if _is_pill(token, "src"):
            return Token("text", "", 0, content=shown or str(token.attrs["src"]))
        token.children = [Token("text", "", 0, content=shown)]
    token.content = _quiet(token.content)
    return token


def _is_pill(token: Token, attribute: str) -> bool:
    return _PILL.match(str(token.attrs.get(attribute, ""))) is not None


def _quiet(text: str) -> str:
    return _ROOM.sub(f"@{JOINER}", text)


def _as_written(source: str) -> str:
    return html.escape(_quiet(source), quote=False).replace("\n", "<br>")


def _clean(unclean: str) -> str:
    return nh3.clean(
        unclean,
        tags=TAGS,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        url_relative="deny",
        link_rel=None,
    )
