"""The page's store, kept in the bot's database: the page's values mapped to storage's and back."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

from adapters.base import Transient
from adapters.web.store import Member, Post, Room
from storage.page import Page
from storage.page_records import PagePerson, PagePost, PageRoom
from storage.records import StorageError


class StoredPage:
    """`adapters.web.store.PageStore` over `storage.page.Page`."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def join(self, member: Member) -> None:
        async with _mapped():
            await self._page.join(_to_person(member))

    async def member(self, member_id: str) -> Member | None:
        async with _mapped():
            return _optional(_member, await self._page.person(member_id))

    async def members(self) -> list[Member]:
        async with _mapped():
            return [_member(person) for person in await self._page.people()]

    async def add_room(self, room: Room) -> None:
        async with _mapped():
            await self._page.add_room(PageRoom(room.id, room.name, room.owner))

    async def room(self, room_id: str) -> Room | None:
        async with _mapped():
            return _optional(_room, await self._page.room(room_id))

    async def rooms(self, member_id: str) -> list[Room]:
        async with _mapped():
            return [_room(room) for room in await self._page.rooms(member_id)]

    async def post(self, post: Post) -> Post:
        async with _mapped():
            return _post(await self._page.post(_to_post(post)))

    async def revise(self, post_id: str, text: str, *, ratable: bool = False) -> Post | None:
        async with _mapped():
            return _optional(_post, await self._page.revise(post_id, text, ratable=ratable))

    async def remove(self, post_id: str) -> Post | None:
        async with _mapped():
            return _optional(_post, await self._page.remove(post_id))

    async def get(self, post_id: str) -> Post | None:
        async with _mapped():
            return _optional(_post, await self._page.get(post_id))

    async def history(self, room: str, before: int | None, limit: int) -> list[Post]:
        async with _mapped():
            return [_post(post) for post in await self._page.history(room, before, limit)]

    async def changes(self, rooms: Sequence[str], after: int) -> list[Post]:
        async with _mapped():
            return [_post(post) for post in await self._page.changes(rooms, after)]

    async def attach(self, post_id: str, content: bytes) -> None:
        async with _mapped():
            await self._page.attach(post_id, content)

    async def attachment(self, post_id: str) -> bytes | None:
        async with _mapped():
            return await self._page.attachment(post_id)

    async def export(self, member_id: str) -> object:
        async with _mapped():
            return await self._page.export(member_id)

    async def forget(self, member_id: str) -> int:
        async with _mapped():
            return await self._page.forget(member_id)


@asynccontextmanager
async def _mapped() -> AsyncGenerator[None]:
    """What storage can't do now, the page can't take now."""
    try:
        yield
    except StorageError as error:
        raise Transient(str(error)) from error


def _to_person(member: Member) -> PagePerson:
    return PagePerson(
        member.id, member.name, member.secret_sha256, member.language, member.joined_at
    )


def _member(person: PagePerson) -> Member:
    return Member(person.id, person.name, person.secret_sha256, person.language, person.joined_at)


def _room(room: PageRoom) -> Room:
    return Room(room.id, room.name, room.owner)


def _to_post(post: Post) -> PagePost:
    return PagePost(
        id=post.id,
        room=post.room,
        author=post.author,
        author_name=post.author_name,
        text=post.text,
        posted_at=post.posted_at,
        reply_to=post.reply_to,
        file_name=post.file_name,
        ratable=post.ratable,
    )


def _post(post: PagePost) -> Post:
    return Post(
        id=post.id,
        room=post.room,
        author=post.author,
        author_name=post.author_name,
        text=post.text,
        posted_at=post.posted_at,
        order=post.order,
        seq=post.seq,
        reply_to=post.reply_to,
        edited=post.edited,
        removed=post.removed,
        file_name=post.file_name,
        ratable=post.ratable,
    )


V = TypeVar("V")
W = TypeVar("W")


def _optional(convert: Callable[[V], W], value: V | None) -> W | None:
    return None if value is None else convert(value)
