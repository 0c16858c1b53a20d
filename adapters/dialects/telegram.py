"""Markdown as Telegram's HTML entities.

From "Formatting options" in the Bot API: bold, italic, strikethrough and spoiler may stand in each
other, code stands in none of them, a link holds no other link or code, a quote holds no quote.
Telegram drops an entity that has only spaces. It knows no lists, headings and tables: those are
marks, bold lines and monospaced text. Telegram opens no mail links, so an address follows its
words. `@name` would call a member of the group: a joiner stands after the @ (not in code and links,
where nobody is called).
"""

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

from markdown_it.tree import SyntaxTreeNode

from adapters.dialects import JOINER, language
from adapters.dialects.grid import cells, drawn
from adapters.syntax import DONE, OPEN, is_bounded, readable, tree, words

MAX_COLUMNS = 60
"""Wider tables are told row by row: a phone would break their lines."""

_TAGS = {"strong": "b", "em": "i", "s": "s", "spoiler": "tg-spoiler"}
_MENTION = re.compile(r"(?<!\w)@(?=\w|$)")
_TAG = re.compile(r"</?[a-z][^<>]*>")
_LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>', re.DOTALL)
_WEB = re.compile(r"https?://[^\s/?#]+", re.IGNORECASE)
_URL_WORDS = re.compile(r"https?://\S+", re.IGNORECASE)
_BULLET = "• "
_INDENT = "   "


@dataclass(frozen=True, slots=True)
class _Piece:
    """Part of a line. Code stands in no other entity."""

    html: str
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines of a message. Code and quotes are drawn as boxes that hold nothing else."""

    html: str
    kind: Literal["text", "code", "quote"] = "text"


def telegram(markdown: str) -> str:
    """The text for `parse_mode="HTML"`."""
    source = readable(markdown)
    if not is_bounded(source):
        return _text(source)
    shown = readable(_joined(_blocks(tree(source).children)).strip())
    return shown or _text(source.strip())


def read(shown: str) -> str:
    """What a text in this dialect says, for a server that can't parse it: it calls nobody.

    Addresses of links stand behind their words; it is never longer than `shown`.
    """
    text = _TAG.sub("", _LINK.sub(_address_behind, shown))
    return _MENTION.sub("\uff20", html.unescape(text)).strip()


def _address_behind(link: re.Match[str]) -> str:
    address, words = link.groups()
    return words if address == words else f"{words} ({address})"


def _blocks(nodes: Iterable[SyntaxTreeNode]) -> list[_Block]:
    return [block for node in nodes for block in _block(node) if block.html.strip()]


def _block(node: SyntaxTreeNode) -> list[_Block]:
    match node.type:
        case "fence" | "code_block":
            return [_code(node.content, language(node.info))]
        case "bullet_list" | "ordered_list":
            return _list(node)
        case "blockquote":
            return _quote(_blocks(node.children))
        case "table":
            return [_table(node)]
        case "heading":
            return [_Block(_joined_pieces(_wrapped("b", _inline(node.children, frozenset("b")))))]
        case "hr":
            return [_Block("———")]
        case _:
            return [_Block(_joined_pieces(_inline([node], frozenset())))]


def _joined(blocks: Sequence[_Block], gap: str = "\n\n") -> str:
    """Blocks below each other; a box has room around it already."""
    text = ""
    for before, block in zip([None, *blocks], blocks, strict=False):
        if before:
            is_box = (before.kind == "text") != (block.kind == "text")
            text += "\n" if is_box else gap
        text += block.html
    return text


def _code(content: str, named: str) -> _Block:
    shown = html.escape(content.rstrip(), quote=False).strip("\n")
    if named and shown:
        shown = f'<code class="language-{html.escape(named)}">{shown}</code>'
    return _Block(f"<pre>{shown}</pre>" if shown else "", "code")


def _quote(inner: Sequence[_Block]) -> list[_Block]:
    """Text in one quote; code stands between quotes, a quote in the quote keeps a mark."""
    blocks: list[_Block] = []
    for is_code, group in groupby(inner, key=lambda block: block.kind == "code"):
        if is_code:
            blocks += group
        else:
            blocks.append(
                _Block(f"<blockquote>{_joined([*map(_flat, group)])}</blockquote>", "quote")
            )
    return blocks


def _flat(block: _Block) -> _Block:
    if block.kind != "quote":
        return block
    inner = block.html.removeprefix("<blockquote>").removesuffix("</blockquote>")
    return _Block(_prefixed("&gt; ", inner, "&gt; "))


def _list(node: SyntaxTreeNode) -> list[_Block]:
    """Items as lines with marks; what is a box stands between them, not indented."""
    first = int(node.attrs.get("start", 1)) if node.type == "ordered_list" else None
    blocks: list[_Block] = []
    for number, item in enumerate(node.children):
        mark = _BULLET if first is None else f"{first + number}. "
        blocks += _item(mark, _blocks(item.children))
    return _merged(blocks)


def _item(mark: str, inner: Sequence[_Block]) -> list[_Block]:
    if not inner or inner[0].kind != "text":
        inner = [_Block(""), *inner]
    if mark == _BULLET and inner[0].html.startswith((DONE, OPEN)):
        mark = ""
    blocks: list[_Block] = []
    for number, block in enumerate(inner):
        is_text = block.kind == "text"
        start = _INDENT if number else mark
        blocks.append(_Block(_prefixed(start, block.html, _INDENT)) if is_text else block)
    return blocks


def _merged(blocks: Sequence[_Block]) -> list[_Block]:
    merged: list[_Block] = []
    for is_text, group in groupby(blocks, key=lambda block: block.kind == "text"):
        together = [*group]
        merged += [_Block(_joined(together, "\n"))] if is_text else together
    return merged


def _prefixed(start: str, text: str, further: str) -> str:
    return start + text.replace("\n", f"\n{further}")


def _table(node: SyntaxTreeNode) -> _Block:
    rows = cells(node)
    grid = drawn(node, [[" ".join(words(cell).split()) for cell in row] for row in rows])
    if grid and max(map(len, grid)) <= MAX_COLUMNS:
        return _code("\n".join(grid), "")
    names = [_joined_pieces(_wrapped("b", _inline([cell], frozenset("b")))) for cell in rows[0]]
    if len(rows) == 1:
        return _Block(" | ".join(names))
    return _Block("\n\n".join(_record(names, row) for row in rows[1:]))


def _record(names: Sequence[str], row: Sequence[SyntaxTreeNode]) -> str:
    values = [_joined_pieces(_inline([cell], frozenset())) for cell in row]
    return "\n".join(
        f"{name}: {value}" if name else value
        for name, value in zip(names, values, strict=False)
        if name or value
    )


def _inline(nodes: Iterable[SyntaxTreeNode], inside: frozenset[str]) -> list[_Piece]:
    return [piece for node in nodes for piece in _pieces(node, inside)]


def _pieces(node: SyntaxTreeNode, inside: frozenset[str]) -> list[_Piece]:
    match node.type:
        case "softbreak" | "hardbreak":
            return [_Piece("\n")]
        case "code_inline" if "a" not in inside and node.content.strip():
            return [_Piece(f"<code>{html.escape(node.content, quote=False)}</code>", True)]
        case "link" | "image":
            return _link(node, inside)
        case "strong" | "em" | "s" | "spoiler":
            tag = _TAGS[node.type]
            inner = _inline(node.children, inside | {tag})
            return inner if tag in inside else _wrapped(tag, inner)
        case _ if node.children:
            return _inline(node.children, inside)
        case _:
            return [_Piece(_text(node.content))]


def _link(node: SyntaxTreeNode, inside: frozenset[str]) -> list[_Piece]:
    target = str(node.attrs.get("href") or node.attrs.get("src") or "")
    inner = _inline(node.children, inside | {"a"})
    shown = _joined_pieces(inner).strip()
    if "a" in inside:
        return inner if shown else [_Piece(html.escape(target, quote=False))]
    if not _WEB.match(target):
        return [_Piece(_text(words(node).replace("mailto:", "")))]
    plain = "".join(map(words, node.children)).strip()
    if not shown or _URL_WORDS.fullmatch(plain):
        shown = html.escape(plain or target, quote=False)
    return [_Piece(f'<a href="{html.escape(target)}">{shown}</a>')]


def _wrapped(tag: str, pieces: Iterable[_Piece]) -> list[_Piece]:
    """The pieces in an entity, which ends before code and begins again after it."""
    wrapped: list[_Piece] = []
    for is_code, group in groupby(pieces, key=lambda piece: piece.is_code):
        text = _joined_pieces(group)
        shown = text if is_code or not text.strip() else f"<{tag}>{text}</{tag}>"
        wrapped.append(_Piece(shown, is_code))
    return wrapped


def _joined_pieces(pieces: Iterable[_Piece]) -> str:
    return "".join(piece.html for piece in pieces)


def _text(content: str) -> str:
    return html.escape(_MENTION.sub(f"@{JOINER}", content), quote=False)
