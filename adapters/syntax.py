"""Markdown as a chat has it: CommonMark with tables, strikethrough, line ends, bare addresses,
||spoilers|| and tasks.

The parser is safe to run on what strangers write. Raw HTML is text, links lead to the web or to
mail, deep nesting is flattened to text. The work is bounded by `is_bounded`: whoever renders asks
first and shows the text as it is written if it is not.
"""

import html
import re
from collections.abc import Iterator, Sequence
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.parser_block import ParserBlock
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.tree import SyntaxTreeNode

MAX_NESTING = 20
"""Levels of quotes and lists that are told apart; deeper ones are text."""
MAX_CHARS = 50_000
MAX_LINES = 5_000
MAX_LINK_WORK = 100_000_000
"""Brackets times characters, which is what looking for links costs."""

DONE, OPEN = "☑ ", "☐ "
"""What a `task` node holds: the box before a list's item."""

_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_LINE_END = re.compile(r"\r\n?")
_SPOILER = re.compile(r"(?<![\w|])\|\|(?=[^\s|])([^\n]{1,500}?)(?<=[^\s|])\|\|(?![\w|])")
_TASK = re.compile(r"\[([ xX])\][ \u00a0]")
_SAFE_LINK = re.compile(
    r"https?://(?:\[[\da-f:.]+\]|[\w.-]+)(?::\d{1,5})?(?:[/?#]|$)|mailto:.", re.IGNORECASE
)
"""A web address whose host is plain to see, without a name before it."""
_BARE_LINK = re.compile(r"https?://[^\s<>\"'`]*[^\s<>\"'`.,;:!?*_~)\]}]")
_ALIGNMENT = re.compile(r"text-align:(left|center|right)")


def is_bounded(markdown: str) -> bool:
    """Whether a text can be parsed while others wait."""
    size = len(markdown)
    return (
        size <= MAX_CHARS
        and markdown.count("\n") <= MAX_LINES
        and markdown.count("[") * size <= MAX_LINK_WORK
    )


def readable(text: str) -> str:
    """The text without what nothing shows: control characters and halves of surrogate pairs."""
    return _CONTROLS.sub("", _LINE_END.sub("\n", text))


@cache
def parser() -> MarkdownIt:
    """The one parser."""
    return _Parser()


def tree(markdown: str) -> SyntaxTreeNode:
    """The syntax tree of a bounded text."""
    return SyntaxTreeNode(parser().parse(markdown))


def words(node: SyntaxTreeNode) -> str:
    """The text of an inline node without markup; a link's target follows its words."""
    match node.type:
        case "softbreak" | "hardbreak":
            return "\n"
        case "link" | "image":
            shown = "".join(map(_words_in_link, node.children))
            target = str(node.attrs.get("href") or node.attrs.get("src") or "")
            is_bare = not shown or shown == target.removeprefix("mailto:")
            return target if is_bare else f"{shown} ({target})"
        case _ if node.children:
            return "".join(map(words, node.children))
        case _:
            return node.content


def _words_in_link(node: SyntaxTreeNode) -> str:
    """A link leads to one place: of an image in it the alternative text is left."""
    is_image = node.type == "image" and node.children
    return "".join(map(words, node.children or [])) if is_image else words(node)


class _Blocks(ParserBlock):
    """Beyond the deepest level the lines are a paragraph; the library would drop them."""

    def tokenize(self, state: StateBlock, startLine: int, endLine: int) -> None:  # noqa: N803
        if state.level < MAX_NESTING:
            return super().tokenize(state, startLine, endLine)
        text = state.getLines(startLine, endLine, state.blkIndent, False).strip()
        state.push("paragraph_open", "p", 1)
        inline = state.push("inline", "", 0)
        inline.content, inline.children = text, []
        state.push("paragraph_close", "p", -1)
        state.line = endLine
        return None


class _Parser(MarkdownIt):
    def __init__(self) -> None:
        super().__init__("commonmark", {"html": False, "breaks": True, "maxNesting": 100})
        rules = self.get_active_rules()
        self.block = _Blocks()
        self.block.ruler.enableOnly(rules["block"])
        self.enable(["table", "strikethrough"])
        self.inline.add_terminator_char("|")
        self.inline.ruler.push("spoiler", _spoiler)
        self.core.ruler.after("inline", "empty_links", _drop_empty_links)
        self.core.ruler.after("empty_links", "bare_links", _link_bare)
        self.core.ruler.after("bare_links", "tasks", _mark_tasks)
        self.add_render_rule("task", _task)
        self.add_render_rule("image", _image)
        self.add_render_rule("th_open", _cell)
        self.add_render_rule("td_open", _cell)

    def validateLink(self, url: str) -> bool:  # noqa: N802
        """Whether a link may stand; one that may not stays text."""
        return _SAFE_LINK.match(url) is not None


def _spoiler(state: StateInline, silent: bool) -> bool:
    """Words between bars that stand apart from other words, on one line."""
    match = _SPOILER.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if not silent:
        end = state.posMax
        state.push("spoiler_open", "span", 1).attrs = {"data-mx-spoiler": ""}
        state.pos, state.posMax = match.span(1)
        state.md.inline.tokenize(state)
        state.push("spoiler_close", "span", -1)
        state.posMax = end
    state.pos = match.end()
    return True


def _mark_tasks(state: StateCore) -> None:
    """`[ ]` and `[x]` at the beginning of a list's item become boxes."""
    for before, item, block in zip(state.tokens[:-2], state.tokens[1:], state.tokens[2:]):  # noqa: B905
        starts_item = before.type == "list_item_open" and item.type == "paragraph_open"
        first = block.children[0] if starts_item and block.children else None
        match = _TASK.match(first.content) if first and first.type == "text" else None
        if first and match and block.children:
            box = Token("task", "", 0, content=OPEN if match[1] == " " else DONE)
            first.content = first.content[match.end() :]
            block.children.insert(0, box)


def _drop_empty_links(state: StateCore) -> None:
    """Links that lead nowhere become their words."""
    for block in state.tokens:
        if block.children and "]" in block.content:
            block.children = [kept for token in _led(block.children) for kept in token]


def _led(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    is_empty = False
    for token in tokens:
        is_empty = not token.attrs.get("href") if token.type == "link_open" else is_empty
        if token.type == "image" and not token.attrs.get("src"):
            yield token.children or []
        elif token.type not in ("link_open", "link_close") or not is_empty:
            yield [token]


def _link_bare(state: StateCore) -> None:
    """Addresses that stand in the text as they are become links."""
    for block in state.tokens:
        if block.children and "://" in block.content:
            block.children = _with_links(block.children)


def _with_links(tokens: Sequence[Token]) -> list[Token]:
    linked: list[Token] = []
    for token, depth in zip(tokens, _link_depths(tokens), strict=True):
        is_free = token.type == "text" and depth == 0
        linked += _link_pieces(token) if is_free and "://" in token.content else [token]
    return linked


def _link_pieces(token: Token) -> list[Token]:
    pieces: list[Token] = []
    end = 0
    for match in _BARE_LINK.finditer(token.content):
        if not _SAFE_LINK.match(match[0]):
            continue
        pieces.append(_text(token.content[end : match.start()], token.level))
        pieces.append(Token("link_open", "a", 1, level=token.level, attrs={"href": match[0]}))
        pieces.append(_text(match[0], token.level + 1))
        pieces.append(Token("link_close", "a", -1, level=token.level))
        end = match.end()
    return [*pieces, _text(token.content[end:], token.level)]


def _text(content: str, level: int) -> Token:
    return Token("text", "", 0, level=level, content=content)


def _link_depths(tokens: Sequence[Token]) -> list[int]:
    """How many links each token stands in."""
    depths: list[int] = []
    depth = 0
    for token in tokens:
        depth += {"link_open": 1, "link_close": -1}.get(token.type, 0)
        depths.append(depth)
    return depths


def _task(
    _renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object
) -> str:
    return tokens[index].content


def _image(
    _renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object
) -> str:
    """A link to the image under its alternative text; inside another link the words alone."""
    token = tokens[index]
    source = str(token.attrs.get("src", ""))
    shown = "".join(map(words, SyntaxTreeNode(token.children or []).children)) or source
    text = html.escape(shown, quote=False)
    return text if _link_depths(tokens)[index] else f'<a href="{html.escape(source)}">{text}</a>'


def _cell(
    _renderer: object, tokens: Sequence[Token], index: int, _options: object, _env: object
) -> str:
    """A table's cell; its alignment as an attribute, for the page forbids styles in the text."""
    token = tokens[index]
    aligned = _ALIGNMENT.match(str(token.attrs.get("style", "")))
    return f'<{token.tag} align="{aligned[1]}">' if aligned else f"<{token.tag}>"
