"""The frozen values of our own page: its people, rooms and posts."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PagePerson:
    """Someone who joined the page. `secret_sha256` is of the token in their browser's cookie."""

    id: str
    name: str
    secret_sha256: str
    language: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class PageRoom:
    """A room of the page; a direct one belongs to `owner`, others to everybody (owner empty)."""

    id: str
    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class PagePost:
    """One message on the page. `order` is its place; `seq` grows with every change to any post.

    Storage gives both (0 before).
    `author` is a page person's id, empty for the bot. `text` is Markdown. `removed` posts keep
    their place and lose their text. `file_name` names an attachment, read with `Page.attachment`.
    `ratable`: people are asked below it what they think of the answer.
    """

    id: str
    room: str
    author: str
    author_name: str
    text: str
    posted_at: datetime
    order: int = 0
    seq: int = 0
    reply_to: str = ""
    edited: bool = False
    removed: bool = False
    file_name: str = ""
    ratable: bool = False
