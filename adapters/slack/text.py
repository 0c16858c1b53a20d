"""PURE. The text of a message as Slack sends it → what its author saw, as Markdown.

Slack escapes `&`, `<` and `>` and puts what it recognised between `<` and `>`: links as
`<url|label>`, people as `<@U…>`, channels as `<#C…|name>`, groups and broadcasts as `<!…>`
(Slack, "Formatting message text").
"""

import re
from collections.abc import Callable, Iterator
from html import unescape

_TOKEN = re.compile(r"<([@#!]?)([^<>|]*)(?:\|([^<>]*))?>")
_ENTITIES = re.compile(r"&(?:amp|lt|gt);")

NameOf = Callable[[str], str]
"""What people call the user or channel with an id; the id where that is not known."""


def readable(text: str, me: str, name_of: NameOf) -> str:
    """The text with names and links spelled out, without mentions of `me`."""
    text = _without(text, me)
    text = _TOKEN.sub(lambda match: _spelled(match, name_of), text)
    return _ENTITIES.sub(lambda match: unescape(match[0]), text)


def mentions(text: str, user: str) -> bool:
    """Whether the text names a user by a mention."""
    return any(kind == "@" and found == user for kind, found in _names(text))


def named(text: str) -> set[str]:
    """The ids of the users that the text mentions, and of channels it does not name itself."""
    return {found for _, found in _names(text)}


def _names(text: str) -> Iterator[tuple[str, str]]:
    for match in _TOKEN.finditer(text):
        if match[1] == "@" or (match[1] == "#" and not match[3]):
            yield match[1], match[2]


def _without(text: str, me: str) -> str:
    """The mention goes, with the spaces around it and what separates it from the rest."""
    if not me or f"<@{me}" not in text:
        return text
    mention = rf"<@{re.escape(me)}(?:\|[^<>]*)?>"
    text = re.sub(rf"^\s*{mention}[ \t]*[,:]?\s*", "", text)
    text = re.sub(rf",?[ \t]*{mention}(?=[ \t]*(?:[,.;:!?\n]|$))", "", text)
    return re.sub(rf"{mention}[ \t]*", "", text).strip()


def _spelled(match: re.Match[str], name_of: NameOf) -> str:
    kind, target, label = match[1], match[2], match[3] or ""
    match kind:
        case "@" | "#":
            return kind + (label.removeprefix(kind) or name_of(target))
        case "!":
            return _special(target, label)
        case _:
            return _link(target, label)


def _special(target: str, label: str) -> str:
    """`<!here>`, `<!subteam^S1|@team>`, `<!date^…|yesterday>`."""
    if label:
        return label
    return f"@{target.partition('^')[0]}"


def _link(url: str, label: str) -> str:
    address = url.removeprefix("mailto:")
    if not label or label in (url, address):
        return address
    bare = url.partition("://")[2].rstrip("/")
    return url if label.rstrip("/") == bare else f"[{label}]({url})"
