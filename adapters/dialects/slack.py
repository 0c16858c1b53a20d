"""Markdown as Slack's `markdown` block and `markdown_text` read it.

Their parser is not ours, so the text is written anew from the syntax tree, in plain forms: fences
for all code, links with their target in place, one marker for lists. Headings, tables, tasks and
rules are what the block itself supports (docs.slack.dev, "Markdown block"); images and spoilers are
not: those are links and words.

Nobody is called: `<` is an entity, a joiner stands between it and what would make a mention of it
(`<!channel>`, `<@U…>`, `<#C…>`, `<!subteam^…>`), in code too, and after the @ of `@channel`,
`@here`, `@everyone`.
"""

import re
from collections.abc import Iterable, Sequence

from markdown_it.tree import SyntaxTreeNode

from adapters.dialects import JOINER, language
from adapters.dialects.grid import cells
from adapters.syntax import DONE, is_bounded, readable, tree

_CALL = re.compile(
    r"(?<=<)(?=[!@#])|(?<=@)(?=$|(?:channel|here|everyone|group)\b)", re.IGNORECASE | re.MULTILINE
)
_CALLER = re.compile(r"@(?=channel|here|everyone|group)", re.IGNORECASE)
_MARKUP = re.compile(
    r"""
    [\\`]
    | (?<=\S)\* | \*(?=\S)                   # a star between spaces marks nothing
    | (?<![^\W_])_ | _(?![^\W_])             # a line inside a word neither
    | ~(?=~) | (?<=~)~
    | \](?=[(\[:])                           # no link that was refused comes back
    | !(?=\[)
    """,
    re.VERBOSE,
)
_ENTITY = re.compile(r"&(?=[#\w]+;)")
_BLOCK_START = re.compile(
    r"(?m)^(\s*)(?=[-+](?:\s|$)|\#{1,6}(?:\s|$)|>|[-=*_ ]+$|[-:| ]+$|~~~)", re.VERBOSE
)
_NUMBER = re.compile(r"(?m)^(\s*\d{1,9})(?=[.)](?:\s|$))")
_TARGET = {"(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "|": "%7C", "\\": "%5C", " ": "%20"}


def slack(markdown: str) -> str:
    """The text for a markdown block."""
    source = readable(markdown)
    if not is_bounded(source):
        return _quiet(source).replace("<", "&lt;")
    return _blocks(tree(source).children).strip("\n") or _words(source.strip())


def _blocks(nodes: Iterable[SyntaxTreeNode], *, tight: bool = False) -> str:
    """Blocks apart by empty lines; in a list's item, text and the list below it are not."""
    text, before = "", ""
    for node in nodes:
        shown = _block(node)
        if not shown.strip():
            continue
        is_tight = tight and before == "paragraph" and node.type.endswith("_list")
        text += ("\n" if is_tight else "\n\n") if text else ""
        text += shown
        before = node.type
    return text


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "fence" | "code_block":
            return _fence(node.content.rstrip("\n"), language(node.info))
        case "heading":
            return _heading(node)
        case "bullet_list":
            return "\n".join(_item("- ", item) for item in node.children)
        case "ordered_list":
            first = int(node.attrs.get("start", 1))
            items = enumerate(node.children, start=first)
            return "\n".join(_item(f"{number}. ", item) for number, item in items)
        case "blockquote":
            return "\n".join(f"> {line}".rstrip() for line in _blocks(node.children).split("\n"))
        case "table":
            return _table(node)
        case "hr":
            return "---"
        case _:
            return _lines(_inline([node]))


def _heading(node: SyntaxTreeNode) -> str:
    words = " ".join(_inline(node.children).split())
    return f"{'#' * int(node.tag[1:])} {words}" if words else ""


def _item(mark: str, item: SyntaxTreeNode) -> str:
    inner = _blocks(item.children, tight=True)
    return (mark + re.sub(r"\n(?=[^\n])", "\n" + " " * len(mark), inner)).rstrip()


def _table(node: SyntaxTreeNode) -> str:
    rows = cells(node)
    lines = [
        _row([" ".join(_inline([cell], in_table=True).split()) for cell in row]) for row in rows
    ]
    rule = _row([_rule(str(cell.attrs.get("style", ""))) for cell in rows[0]])
    return "\n".join([lines[0], rule, *lines[1:]])


def _row(texts: Sequence[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _rule(style: str) -> str:
    side = style.removeprefix("text-align:")
    return {"left": ":---", "right": "---:", "center": ":---:"}.get(side, "---")


def _fence(content: str, named: str) -> str:
    marks = _ticks(content, 3)
    return f"{marks}{named}\n{_quiet(content)}\n{marks}"


def _span(content: str) -> str:
    marks = _ticks(content, 1)
    pad = " " if content[:1] in "` " or content[-1:] in "` " else ""
    return f"{marks}{pad}{_quiet(content)}{pad}{marks}" if content.strip() else content


def _ticks(content: str, fewest: int) -> str:
    """More backticks than stand together anywhere in the content."""
    longest = max(map(len, re.findall("`+", content)), default=0)
    return "`" * max(fewest, longest + 1)


def _inline(
    nodes: Iterable[SyntaxTreeNode], *, in_link: bool = False, in_table: bool = False
) -> str:
    def shown(node: SyntaxTreeNode) -> str:
        match node.type:
            case "softbreak" | "hardbreak":
                return "\n"
            case "task":
                return "[x] " if node.content == DONE else "[ ] "
            case "code_inline":
                span = _span(node.content)
                return span.replace("|", "\\|") if in_table else span
            case "strong" | "em" | "s":
                return _marked(node.markup, below(node))
            case "link" | "image":
                return below(node) if in_link else _link(node, in_table=in_table)
            case _ if node.children:
                return below(node)
            case _:
                text = _words(node.content)
                return text.replace("|", "\\|") if in_table else text

    def below(node: SyntaxTreeNode) -> str:
        return _inline(node.children, in_link=in_link, in_table=in_table)

    return _together([shown(node) for node in nodes])


def _together(texts: Sequence[str]) -> str:
    """Texts after each other; what ends one does not make a link or an image of the next."""
    joined = ""
    for text in texts:
        is_link = joined.endswith("]") and text.startswith(("(", "[", ":"))
        if is_link or (joined.endswith("!") and text.startswith("[")):
            joined = f"{joined[:-1]}\\{joined[-1]}"
        joined += text
    return joined


def _marked(mark: str, inner: str) -> str:
    return f"{mark}{inner}{mark}" if inner.strip() else inner


def _link(node: SyntaxTreeNode, *, in_table: bool) -> str:
    target = str(node.attrs.get("href") or node.attrs.get("src") or "")
    shown = _inline(node.children, in_link=True, in_table=in_table)
    target = _CALLER.sub("%40", "".join(_TARGET.get(letter, letter) for letter in target))
    return f"[{shown if shown.strip() else _words(target)}]({target})"


def _words(text: str) -> str:
    """Text that means nothing to the parser."""
    escaped = _MARKUP.sub(r"\\\g<0>", _ENTITY.sub("&amp;", text))
    return _CALL.sub(JOINER, escaped).replace("<", "&lt;")


def _lines(paragraph: str) -> str:
    """No line of a paragraph begins another block."""
    return _NUMBER.sub(r"\1\\", _BLOCK_START.sub(r"\1\\", paragraph))


def _quiet(text: str) -> str:
    """Text or code as it is, except that it calls nobody."""
    return _CALL.sub(JOINER, text)
