"""PURE. The body of a message → what was written: without the bot's name, commands apart.

Mentions are those of `m.mentions` (client-server API, "User and room mentions"), pills in the HTML
body, and the name that a text begins with, as people wrote before there were either.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.parse import unquote

COMMAND = "parley"
PREFIX = f"!{COMMAND}"
CALL = "org.matrix.msc4391.command"
"""Where a client puts a command that was chosen from those that it suggested."""
ARGUMENTS = "arguments"
_SHORT_COMMAND = re.compile(r"!([a-zA-Z]+)(?=\s|$)")
_PILL = re.compile(r'href="https://matrix\.to/#/([^"?]+)"')
_FALLBACK = re.compile(r"\A> <@[^\n]*\n(?:>[^\n]*\n)*\n?")


@dataclass(frozen=True, slots=True)
class Me:
    """The bot's own account; `names` are what people may call it."""

    user_id: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Words:
    """What somebody wrote. `is_command`: `text` is a command's name and arguments."""

    text: str
    mentioned: bool = False
    is_command: bool = False


def read(content: Mapping[str, Any], me: Me, *, direct: bool, is_reply: bool) -> Words:
    """Read the content of an `m.room.message` event, or the `m.new_content` of an edit."""
    body = _string(content, "body")
    if is_reply:
        body = _FALLBACK.sub("", body)
    named = _mentions(content, me.user_id)
    chosen = _chosen(content) if named else None
    if chosen is not None:
        return Words(chosen, mentioned=True, is_command=True)
    bare = _without_name(body.lstrip(), me)
    command = _command(bare if bare is not None else body.strip(), direct=direct)
    if command is not None:
        return Words(command, mentioned=True, is_command=True)
    if bare is not None:
        return Words(bare.strip(), mentioned=True)
    return Words(_without_pill(body, me).strip() if named else body.strip(), named)


def caption(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """A file's content with what was written below it as its body, if anything was."""
    name, body = _string(content, "filename"), _string(content, "body")
    return content if name and body != name else {**content, "body": "", "formatted_body": ""}


def _command(text: str, *, direct: bool) -> str | None:
    head, rest = text[: len(PREFIX)], text[len(PREFIX) :]
    if head.lower() == PREFIX and (not rest or rest[0].isspace()):
        return rest.strip() or "help"
    return text[1:] if direct and _SHORT_COMMAND.match(text) else None


def _chosen(content: Mapping[str, Any]) -> str | None:
    """A command chosen from `adapters.matrix.menu`, which the body may not even name."""
    call = _mapping(content, CALL)
    command, _, name = _string(call, "command").partition(" ")
    if command != COMMAND or not name:
        return None
    return f"{name} {_string(_mapping(call, 'arguments'), ARGUMENTS)}".strip()


def _mentions(content: Mapping[str, Any], user_id: str) -> bool:
    users: Any = _mapping(content, "m.mentions").get("user_ids")
    if isinstance(users, list) and user_id in users:
        return True
    pills = _PILL.findall(_string(content, "formatted_body"))
    return user_id in map(unquote, pills)


def _without_name(text: str, me: Me) -> str | None:
    """What follows the bot's name at the beginning of a text; None if another word is there."""
    for name in _longest_first([me.user_id, *me.names]):
        for written in (name, f"@{name}"):
            head, rest = text[: len(written)], text[len(written) :]
            if head.lower() == written.lower() and not _goes_on(rest):
                return rest.lstrip(" ,:;\t")
    return None


def _goes_on(rest: str) -> bool:
    """Whether what follows a name is more of the same word."""
    return rest[:1].isalnum() or rest[:1] in ("-", "_", "'", "’", ".")


def _without_pill(text: str, me: Me) -> str:
    """The text without the bot's name as a word of its own with an `@`, or as its id."""
    for name in _longest_first([me.user_id, *(f"@{name}" for name in me.names)]):
        text = re.sub(rf"(^|\s){re.escape(name)}(?=\s|$)", "", text, flags=re.IGNORECASE)
    return text


def _longest_first(names: Iterable[str]) -> list[str]:
    return sorted({name for name in names if name}, key=len, reverse=True)


def _mapping(content: Mapping[str, Any], key: str) -> dict[str, Any]:
    value = content.get(key)
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _string(content: Mapping[str, Any], key: str) -> str:
    value = content.get(key)
    return value if isinstance(value, str) else ""
