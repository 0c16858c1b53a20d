"""One Markdown syntax tree in each platform's dialect.

`render` gives a whole text; `Growing` gives the blocks of one that grows. Whatever is written,
nothing of it runs or loads where it is read: `adapters/syntax.py` keeps raw HTML as text and images
as links, and the page's HTML passes an allow-list after rendering as well. A dialect is one
function from Markdown to its text, in `_DIALECTS`; those of the chat platforms stand in
`adapters/dialects/`.
"""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import nh3
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from adapters.base import Dialect, Rendered
from adapters.dialects.matrix import matrix
from adapters.dialects.slack import slack
from adapters.dialects.telegram import telegram
from adapters.syntax import is_bounded, parser, readable, tree, words

CACHED_CHARS = 20_000
"""Texts up to this length are rendered once and kept for a while."""

_TAGS = {
    "a", "blockquote", "br", "code", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "ol": {"start"},
    "td": {"align"},
    "th": {"align"},
}
_SCHEMES = {"http", "https", "mailto"}
_PLAIN = re.compile(r"[\w ,.!?();\u3000-\u303f\uff00-\uffef-]*")
_MARKUP_SHARE = 8
"""Characters of Markdown looked at for each that the first words show."""
_PUNCTUATION = re.compile(r"[\\`*_\[\]<>&|~#!]")
_BLOCK_MARK = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+=]))")

_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


def render(markdown: str, dialect: Dialect) -> Rendered:
    """The text in a dialect: a platform's, or `html` (sanitised), `markdown` (loads nothing) and
    `plain`.
    """
    convert = _cached if len(markdown) <= CACHED_CHARS else _convert
    return Rendered(convert(markdown, dialect), markdown)


def first_words(markdown: str, max_chars: int) -> str:
    """The beginning of a text as Markdown that means just these words, with a mark for the rest.

    At most `max_chars` characters and " …" are shown, whatever the text's markup is.
    """
    plain = " ".join(_convert(markdown[: max_chars * _MARKUP_SHARE], "plain").split())
    if len(plain) > max_chars:
        plain = plain[:max_chars].rpartition(" ")[0] or plain[:max_chars]
    return _BLOCK_MARK.sub(r"\1\\", _PUNCTUATION.sub(r"\\\g<0>", plain)) + (" …" if plain else "…")


class Growing:
    """The sanitised HTML of a text that grows, one string for each top-level block.

    Only the last two blocks can change when text is added (a list's next number begins as a
    paragraph), so only those are parsed again. What follows can't reach back (a link's target given
    at the end): the whole text, rendered once it is complete, has the last word.
    """

    def __init__(self) -> None:
        self._text = ""
        self._settled: list[str] = []
        self._start = 0

    def blocks(self, markdown: str) -> list[str]:
        """The blocks of the whole text so far; a text that does not continue the last is new."""
        if not markdown.startswith(self._text):
            self._settled, self._start = [], 0
        self._text = markdown
        if not self._settled and _is_plain(markdown):
            return [f"<p>{markdown}</p>\n"]
        rest = markdown[self._start :]
        if not is_bounded(rest):
            return [*self._settled, _as_written(rest)]
        blocks = _top_level(parser().parse(rest))
        shown = [*self._settled, *map(_block_html, blocks)]
        if len(blocks) > 2:
            self._settled = shown[:-2]
            self._start += _offset_of(blocks[-2], rest)
        return shown


def _top_level(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    blocks: list[Sequence[Token]] = []
    start = 0
    for end, token in enumerate(tokens, start=1):
        if token.level == 0 and token.nesting <= 0:
            blocks.append(tokens[start:end])
            start = end
    return blocks


def _offset_of(block: Sequence[Token], text: str) -> int:
    """Where a block's first line begins."""
    first_line = (block[0].map or [0])[0]
    offset = 0
    for _ in range(first_line):
        offset = text.index("\n", offset) + 1
    return offset


def _convert(markdown: str, dialect: Dialect) -> str:
    return _DIALECTS[dialect](markdown)


_cached = lru_cache(maxsize=256)(_convert)


def _is_plain(markdown: str) -> bool:
    """Whether no character can mean anything to Markdown or HTML."""
    return markdown[:1].isalpha() and "_" not in markdown and _PLAIN.fullmatch(markdown) is not None


def _html(markdown: str) -> str:
    if _is_plain(markdown):
        return f"<p>{markdown}</p>"
    if not is_bounded(markdown):
        return _as_written(markdown)
    return _clean(parser().render(markdown))


def _block_html(block: Sequence[Token]) -> str:
    return _clean(parser().renderer.render(block, parser().options, {}))


def _clean(unclean: str) -> str:
    return nh3.clean(
        unclean,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
    )


def _as_written(markdown: str) -> str:
    paragraphs = re.split(r"\n{2,}", markdown.strip("\n"))
    shown = (html.escape(text, quote=False).replace("\n", "<br>\n") for text in paragraphs)
    return "\n".join(f"<p>{text}</p>" for text in shown)


def _markdown(markdown: str) -> str:
    """The source, with images turned into links so that no client loads them."""
    if "![" not in markdown:
        return markdown
    if not is_bounded(markdown):
        return markdown.replace("![", "!\\[")
    code = _verbatim_lines(markdown)
    chunks: list[tuple[bool, list[str]]] = []
    for number, line in enumerate(markdown.split("\n")):
        if not chunks or chunks[-1][0] != (number in code):
            chunks.append((number in code, []))
        chunks[-1][1].append(line)
    texts = ((is_code, "\n".join(lines)) for is_code, lines in chunks)
    return "\n".join(text if is_code else _without_images(text) for is_code, text in texts)


def _verbatim_lines(markdown: str) -> set[int]:
    """The numbers of the lines in code blocks."""
    tokens = parser().parse(markdown)
    code = [token.map for token in tokens if token.map and token.type in ("fence", "code_block")]
    return {line for first, end in code for line in range(first, end)}


def _without_images(text: str) -> str:
    """Images as links, except where code spans only show how one is written."""
    done: list[str] = []
    end = 0
    for span in _CODE_SPAN.finditer(text):
        done += [text[end : span.start()].replace("![", "["), span[0]]
        end = span.end()
    return "".join([*done, text[end:].replace("![", "[")])


def _plain(markdown: str) -> str:
    """The words alone, blocks apart by empty lines, for screens without any markup."""
    source = readable(markdown)
    if _is_plain(source) or not is_bounded(source):
        return source
    blocks = filter(None, (_block(node) for node in tree(source).children))
    return readable("\n\n".join(blocks))


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "fence" | "code_block":
            return node.content.rstrip("\n")
        case "bullet_list":
            return "\n".join(f"• {_indented(item)}" for item in node.children)
        case "ordered_list":
            first = int(node.attrs.get("start", 1))
            return "\n".join(
                f"{number}. {_indented(item)}"
                for number, item in enumerate(node.children, start=first)
            )
        case "blockquote":
            inner = "\n".join(map(_block, node.children))
            return "\n".join(f"> {line}" for line in inner.split("\n"))
        case "table":
            rows = [row for part in node.children for row in part.children]
            return "\n".join(" | ".join(map(words, row.children)) for row in rows)
        case "hr":
            return "———"
        case _:
            return words(node)


def _indented(item: SyntaxTreeNode) -> str:
    return "\n".join(map(_block, item.children)).replace("\n", "\n  ")


_DIALECTS: Mapping[Dialect, Callable[[str], str]] = {
    "html": _html,
    "markdown": _markdown,
    "plain": _plain,
    "telegram": telegram,
    "slack": slack,
    "matrix": matrix,
}
