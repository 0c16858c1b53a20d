"""What the page keeps, and the door to whoever keeps it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who joined. `secret_sha256` is of the secret in their browser's cookie."""

    id: str
    name: str
    secret_sha256: str
    language: str
    joined_at: datetime


@dataclass(frozen=True, slots=True)
class Room:
    """A room; a direct one has an `owner`, who alone sees it."""

    id: str
    name: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Post:
    """A message. `author` is empty for the bot; `text` is Markdown.

    `order` is its place among posts, `seq` grows with every change to any post; the store gives
    both (0 before). A removed post keeps its place and loses its text. `ratable`: people are asked
    what they think of it, and may ask for another answer.
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


class PageStore(Protocol):
    """Every call is durable when it returns, and harmless when it is repeated."""

    async def join(self, member: Member) -> None: ...

    async def member(self, member_id: str) -> Member | None: ...

    async def members(self) -> list[Member]: ...

    async def add_room(self, room: Room) -> None: ...

    async def room(self, room_id: str) -> Room | None: ...

    async def rooms(self, member_id: str) -> list[Room]:
        """The shared rooms and the member's own."""
        ...

    async def post(self, post: Post) -> Post:
        """Keep a post under its id; the one that stands there."""
        ...

    async def revise(self, post_id: str, text: str, *, ratable: bool = False) -> Post | None: ...

    async def remove(self, post_id: str) -> Post | None: ...

    async def get(self, post_id: str) -> Post | None: ...

    async def history(self, room: str, before: int | None, limit: int) -> list[Post]:
        """The last posts of a room, those before the `order` given, oldest first."""
        ...

    async def changes(self, rooms: Sequence[str], after: int) -> list[Post]:
        """What is new or changed since the `seq` given."""
        ...

    async def attach(self, post_id: str, content: bytes) -> None: ...

    async def attachment(self, post_id: str) -> bytes | None: ...

    async def export(self, member_id: str) -> object:
        """What is kept of a member, ready for JSON."""
        ...

    async def forget(self, member_id: str) -> int:
        """Empty a member's posts and what was answered to them; how many those were."""
        ...
