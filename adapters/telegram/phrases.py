"""PURE. A text and its entities → what was written: without the bot's name, code as Markdown.

Entities count in UTF-16 code units (Bot API, MessageEntity).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from telegram import MessageEntity

PREFIX = "/"


@dataclass(frozen=True, slots=True)
class Me:
    """The bot's own account. `username` is without `@`."""

    account: str
    id: int
    username: str


@dataclass(frozen=True, slots=True)
class Phrase:
    """What somebody wrote.

    `command` is the name of a command that the text begins with, `target` the bot it names; both
    are empty in a plain text. `text` is the rest.
    """

    text: str
    mentioned: bool = False
    command: str = ""
    target: str = ""


def read(text: str, entities: Sequence[MessageEntity], me: Me) -> Phrase:
    """Read a text as Telegram delivers it."""
    command = target = ""
    mentioned = False
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    for entity in sorted(entities, key=lambda entity: entity.offset, reverse=True):
        start, end = _index(text, entity.offset), _index(text, entity.offset + entity.length)
        words = text[start:end]
        if entity.type == MessageEntity.BOT_COMMAND and not text[:start].strip():
            command, _, target = words.removeprefix(PREFIX).partition("@")
            text = text[end:]
        elif _names(entity, words, me):
            mentioned, text = True, _without(text, start, end)
        else:
            text = text[:start] + _marked(entity, words) + text[end:]
    return Phrase(text.strip(), mentioned, command, target)


def _index(text: str, units: int) -> int:
    """The index of the character that begins at so many UTF-16 units."""
    return len(text.encode("utf-16-le")[: 2 * units].decode("utf-16-le", "ignore"))


def _names(entity: MessageEntity, words: str, me: Me) -> bool:
    if entity.type == MessageEntity.TEXT_MENTION:
        return entity.user is not None and entity.user.id == me.id
    return entity.type == MessageEntity.MENTION and words.lower() == f"@{me.username}".lower()


def _without(text: str, start: int, end: int) -> str:
    """The text without the name, and without what set it off: `@bot, why?` asks `why?`."""
    before, after = text[:start], text[end:]
    if not before.strip():
        return after.lstrip(" ,:;\t")
    if before[-1].isspace() and (not after or after[0].isspace()):
        return before[:-1] + after
    return before + after


def _marked(entity: MessageEntity, words: str) -> str:
    match entity.type:
        case MessageEntity.PRE:
            return f"```{entity.language or ''}\n{words}\n```"
        case MessageEntity.CODE:
            return f"`{words}`"
        case MessageEntity.TEXT_LINK if entity.url:
            return f"[{words}]({entity.url})"
        case _:
            return words
