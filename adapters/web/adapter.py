"""The page as the bot sees it: a platform to post on, and where what people do comes from."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

from adapters.base import Address, Cursor, Emit, Limits, MessageRef, Rejected, Rendered
from adapters.capabilities import Preview
from adapters.web.actions import ACCOUNT, PLATFORM, Actions
from adapters.web.board import Board
from adapters.web.hub import Hub
from adapters.web.reading import PageSettings, Reading
from adapters.web.rooms import Rooms
from adapters.web.store import PageStore, Post

__all__ = ["PageSettings", "WebAdapter"]

FILE_BYTES = 50_000_000


class WebAdapter:
    """The adapter of the page. Tabs come in by `routes.PageRoutes`."""

    name = PLATFORM
    account = ACCOUNT
    limits = Limits(
        max_chars=50_000, dialect="html", edits_per_minute=60_000, sends_per_minute=60_000
    )

    def __init__(self, store: PageStore, settings: PageSettings) -> None:
        rooms = Rooms(store, settings.bot_name)
        self.hub = Hub()
        self.board = Board(self.hub, rooms)
        self.reading = Reading(store, rooms, self.hub, self.board, settings)
        self.actions = Actions(store, rooms, self.board, settings)
        self._store = store
        self._rooms = rooms
        self._bot_name = settings.bot_name

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """People's actions go to `emit` until cancelled; browsers keep them before and after."""
        self.actions.emit = emit
        try:
            await asyncio.Event().wait()
        finally:
            self.actions.emit = None

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post as the bot; a post under the same key stays the one it is."""
        post = replace(self._own_post(to, body.source, key), ratable=_is_ratable(body))
        await self.board.publish(await self._store.post(post))
        return MessageRef(to, key)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Give one of the bot's posts another text. Raises `Rejected` when it is gone."""
        ratable = _is_ratable(body)
        post = await self._store.revise(ref.remote_id, body.source, ratable=ratable)
        if post is None:
            raise Rejected("the post is gone")
        await self.board.publish(post)

    async def delete(self, ref: MessageRef) -> None:
        """Take one of the bot's posts away."""
        post = await self._store.remove(ref.remote_id)
        if post:
            await self.board.publish(post)

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The post under a key."""
        post = await self._store.get(key)
        return MessageRef(to, post.id) if post else None

    async def typing(self, to: Address) -> None:
        """Show that the bot writes."""
        await self.board.show_typing(to.room)

    async def open_stream(self, to: Address, key: str) -> Preview:
        """An answer as it grows; the post under the same key takes its place."""
        return await self.board.open(to.room, key)

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef:
        """Post a file, as a link that those who see the room may follow."""
        if len(content) > FILE_BYTES:
            raise Rejected(f"the file has more than {FILE_BYTES:,} bytes")
        post = replace(self._own_post(to, name, key), file_name=name)
        await self._store.attach(key, content)
        await self.board.publish(await self._store.post(post))
        return MessageRef(to, key)

    async def export(self, person: str) -> object:
        """What the page keeps of a person, messages to others included."""
        return await self._store.export(person)

    async def forget(self, person: str) -> int:
        """Empty what a person wrote and was answered, in the store and in every open tab."""
        before = self.board.seq
        count = await self._store.forget(person)
        if not before:  # nothing was told since the start, so what tabs show is not known
            self.board.begin_anew()
            return count
        for post in await self._store.changes(self._rooms.known, before):
            await self.board.publish(post)
        return count

    def _own_post(self, to: Address, text: str, key: str) -> Post:
        name, now = self._bot_name, datetime.now(UTC)
        return Post(key, to.room, "", name, text, now, reply_to=to.reply_to)


def _is_ratable(body: Rendered) -> bool:
    """The page knows by itself which buttons these are, and where Stop belongs."""
    return any(button.action in ("good", "bad") for button in body.buttons)
