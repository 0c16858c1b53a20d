"""One Markdown syntax tree, rendered in each platform's dialect.

People's and models' Markdown is hostile input: raw HTML stays text, images are never loaded (their
alternative text links to them), links go to the web or to mail only, nesting is bounded. The page's
HTML passes an allow-list after rendering as well.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

from adapters.base import Dialect, Rendered

MAX_NESTING = 20
"""Levels of quotes, lists and brackets that are told apart; deeper ones are text."""

_TAGS = {
    "a", "blockquote", "br", "code", "del", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
    "li", "ol", "p", "pre", "s", "strong", "table", "tbody", "td", "th", "thead", "tr", "ul",
}  # fmt: skip
_ATTRIBUTES = {
    "a": {"href", "title"},
    "code": {"class"},
    "ol": {"start"},
    "td": {"style"},
    "th": {"style"},
}
_SCHEMES = {"http", "https", "mailto"}
_PLAIN = re.compile(r"[\w ,.!?():;\u3000-\u303f\uff00-\uffef-]*")
"""Text in which no character can mean anything to Markdown or HTML."""


def render(markdown: str, dialect: Dialect) -> Rendered:
    """The text in a dialect: `html` (sanitised), `markdown` (without images) or `plain`."""
    return Rendered(_RENDERERS[dialect](markdown), markdown)


def html_blocks(markdown: str) -> list[str]:
    """The sanitised HTML of each top-level block, so that a growing text changes its last only."""
    parser = _parser()
    tokens = parser.parse(markdown)
    blocks: list[str] = []
    start = 0
    for end, token in enumerate(tokens, start=1):
        if token.level == 0 and token.nesting <= 0:
            blocks.append(_clean(parser.renderer.render(tokens[start:end], parser.options, {})))
            start = end
    return blocks


def _html(markdown: str) -> str:
    if _is_plain(markdown):
        return f"<p>{markdown}</p>"
    return _clean(_parser().render(markdown))


def _clean(html: str) -> str:
    return nh3.clean(
        html,
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


def _markdown(markdown: str) -> str:
    """The source, with images turned into links so that no client loads them."""
    return markdown.replace("![", "[") if "![" in markdown else markdown


def _plain(markdown: str) -> str:
    """The words alone, blocks apart by empty lines, for screens without any markup."""
    if _is_plain(markdown):
        return markdown
    tree = SyntaxTreeNode(_parser().parse(markdown))
    return "\n\n".join(filter(None, (_block(node) for node in tree.children)))


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "fence" | "code_block" | "html_block":
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
            return "\n".join(" | ".join(map(_inline, row.children)) for row in rows)
        case "hr":
            return "———"
        case _:
            return _inline(node)


def _indented(item: SyntaxTreeNode) -> str:
    return "\n".join(map(_block, item.children)).replace("\n", "\n  ")


def _inline(node: SyntaxTreeNode) -> str:
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "link" | "image":
            words = "".join(map(_inline, node.children)) or node.content
            target = str(node.attrs.get("href") or node.attrs.get("src") or "")
            return words if target in ("", words) else f"{words} ({target})"
        case _ if node.children:
            return "".join(map(_inline, node.children))
        case _:
            return node.content


def _is_plain(markdown: str) -> bool:
    return (
        "\n" not in markdown and _PLAIN.fullmatch(markdown) is not None and markdown[:1].isalpha()
    )


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": MAX_NESTING})
    parser.enable(["table", "strikethrough"])
    parser.add_render_rule("image", _image)
    return parser


def _image(
    _renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object
) -> str:
    token = tokens[index]
    source = nh3.clean_text(str(token.attrs.get("src", "")))
    return f'<a href="{source}">{nh3.clean_text(token.content or source)}</a>'


_RENDERERS: Mapping[Dialect, Callable[[str], str]] = {
    "html": _html,
    "markdown": _markdown,
    "plain": _plain,
}
