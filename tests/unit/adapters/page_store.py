"""A page's store in memory, for tests of the page alone."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from adapters.web.store import Member, Post, Room


@dataclass(slots=True)
class MemoryStore:
    """`adapters.web.store.PageStore`."""

    people: dict[str, Member] = field(default_factory=dict[str, Member])
    places: dict[str, Room] = field(default_factory=dict[str, Room])
    posts: dict[str, Post] = field(default_factory=dict[str, Post])
    files: dict[str, bytes] = field(default_factory=dict[str, bytes])
    seq: int = 0

    async def join(self, member: Member) -> None:
        self.people.setdefault(member.id, member)

    async def member(self, member_id: str) -> Member | None:
        return self.people.get(member_id)

    async def members(self) -> list[Member]:
        return list(self.people.values())

    async def add_room(self, room: Room) -> None:
        self.places.setdefault(room.id, room)

    async def room(self, room_id: str) -> Room | None:
        return self.places.get(room_id)

    async def rooms(self, member_id: str) -> list[Room]:
        return [room for room in self.places.values() if room.owner in ("", member_id)]

    async def post(self, post: Post) -> Post:
        await asyncio.sleep(0)  # as a commit would
        if post.id not in self.posts:
            self.seq += 1
            self.posts[post.id] = replace(post, order=self.seq, seq=self.seq)
        return self.posts[post.id]

    async def revise(self, post_id: str, text: str, *, ratable: bool = False) -> Post | None:
        post = self.posts.get(post_id)
        if post is None or post.removed:
            return None
        return self._keep(replace(post, text=text, ratable=ratable, edited=True))

    async def remove(self, post_id: str) -> Post | None:
        post = self.posts.get(post_id)
        if post is None or post.removed:
            return post
        self.files.pop(post_id, None)
        return self._keep(replace(post, text="", file_name="", removed=True))

    async def get(self, post_id: str) -> Post | None:
        return self.posts.get(post_id)

    async def history(self, room: str, before: int | None, limit: int) -> list[Post]:
        posts = sorted((p for p in self.posts.values() if p.room == room), key=lambda p: p.order)
        return [post for post in posts if before is None or post.order < before][-limit:]

    async def changes(self, rooms: Sequence[str], after: int) -> list[Post]:
        changed = [p for p in self.posts.values() if p.room in rooms and p.seq > after]
        return sorted(changed, key=lambda post: post.seq)

    async def attach(self, post_id: str, content: bytes) -> None:
        self.files.setdefault(post_id, content)

    async def attachment(self, post_id: str) -> bytes | None:
        return self.files.get(post_id)

    async def export(self, member_id: str) -> object:
        return [post.text for post in self.posts.values() if post.author == member_id]

    async def forget(self, member_id: str) -> int:
        own = [post.id for post in self.posts.values() if post.author == member_id]
        for post_id in own:
            await self.remove(post_id)
        return len(own)

    def _keep(self, post: Post) -> Post:
        self.seq += 1
        self.posts[post.id] = replace(post, seq=self.seq)
        return self.posts[post.id]
