"""Telegram's HTML: strict where the real parser is (tdlib, `MessageEntity.cpp`, `parse_html`)."""

import html
import re
from dataclasses import dataclass
from typing import Any

NAMES = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "span": "spoiler",
    "tg-spoiler": "spoiler",
    "a": "text_link",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
}
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9-]*)((?:\s+[\w-]+(?:=(?:\"[^\"]*\"|'[^']*'))?)*)\s*>")
_ATTRIBUTE = re.compile(r"([\w-]+)(?:=(?:\"([^\"]*)\"|'([^']*)'))?")
_REFERENCE = re.compile(r"&(?:#\d+|#x[0-9a-fA-F]+|lt|gt|amp|quot);")


class EntityError(Exception):
    """The text breaks the rules of its parse mode."""


@dataclass(slots=True)
class _Open:
    tag: str
    attributes: dict[str, str]
    start: int


def units(text: str) -> int:
    """The length of a text as Telegram counts, in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def parse_html(source: str) -> tuple[str, list[dict[str, Any]]]:
    """The text that people read, and its entities. Raises `EntityError`."""
    text = ""
    entities: list[dict[str, Any]] = []
    stack: list[_Open] = []
    position = 0
    while position < len(source):
        if source[position] != "<":
            end = source.find("<", position)
            end = len(source) if end < 0 else end
            text += _unescaped(source[position:end])
            position = end
            continue
        tag = _TAG.match(source, position)
        if tag is None:
            raise EntityError(f"Unsupported start tag at byte offset {position}")
        closing, name = tag[1], tag[2].lower()
        if name not in NAMES:
            kind = "end" if closing else "start"
            raise EntityError(f'Unsupported {kind} tag "{name}" at byte offset {position}')
        if closing:
            entities += _close(stack, name, text, position)
        else:
            stack.append(_Open(name, _attributes(name, tag[3], position), units(text)))
        position = tag.end()
    if stack:
        raise EntityError(f'Can\'t find end tag corresponding to start tag "{stack[-1].tag}"')
    return _trimmed(text, entities)


def _close(stack: list[_Open], name: str, text: str, position: int) -> list[dict[str, Any]]:
    if not stack:
        raise EntityError(f"Unexpected end tag at byte offset {position}")
    opened = stack.pop()
    if opened.tag != name:
        expected = f'expected "</{opened.tag}>", found "</{name}>"'
        raise EntityError(f"Unmatched end tag at byte offset {position}, {expected}")
    length = units(text) - opened.start
    entity: dict[str, Any] = {"type": NAMES[name], "offset": opened.start, "length": length}
    if name == "a":
        entity["url"] = opened.attributes.get("href", "")
    if name == "code" and stack and stack[-1].tag == "pre":
        stack[-1].attributes["language"] = opened.attributes.get("class", "")[len("language-") :]
        return []
    if name == "pre" and opened.attributes.get("language"):
        entity["language"] = opened.attributes["language"]
    if name == "blockquote" and "expandable" in opened.attributes:
        entity["type"] = "expandable_blockquote"
    is_nothing = not length or (name == "a" and not entity["url"])
    return [] if is_nothing else [entity]


def _attributes(name: str, source: str, position: int) -> dict[str, str]:
    found = {each[1]: html.unescape(each[2] or each[3] or "") for each in _each(source)}
    if name == "span" and found.get("class") != "tg-spoiler":
        raise EntityError(f'Tag "span" must have class "tg-spoiler" at byte offset {position}')
    return found


def _each(source: str) -> list[re.Match[str]]:
    return list(_ATTRIBUTE.finditer(source))


def _unescaped(source: str) -> str:
    """Only four named references are known; others stay as they are."""
    return _REFERENCE.sub(lambda found: html.unescape(found[0]), source)


def _trimmed(text: str, entities: list[dict[str, Any]]) -> tuple[str, list[dict[str, Any]]]:
    """The server drops white space around a text."""
    lead = units(text) - units(text.lstrip())
    text = text.strip()
    length = units(text)
    kept: list[dict[str, Any]] = []
    for entity in sorted(entities, key=lambda each: (each["offset"], -each["length"])):
        start = max(entity["offset"] - lead, 0)
        end = min(entity["offset"] - lead + entity["length"], length)
        if end > start:
            kept.append({**entity, "offset": start, "length": end - start})
    return text, kept


_FOUND = re.compile(
    r"(?P<bot_command>(?<![\w/])/[A-Za-z0-9_]{1,32}(?:@\w{3,32})?)|(?P<mention>(?<!\w)@\w{3,32})"
)


def detected(text: str) -> list[dict[str, Any]]:
    """The entities that the server finds by itself in what a person writes."""
    return [
        {
            "type": found.lastgroup,
            "offset": units(text[: found.start()]),
            "length": units(found[0]),
        }
        for found in _FOUND.finditer(text)
    ]
