"""Our own web page's people, rooms and posts; a little chat server's memory.

A post's `seq` is given anew with every change, one counter for all rooms, so that a page asks for
what changed since it last looked; the order of posting never changes.
"""

import json
from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, or_, select, text, union, update
from sqlalchemy import func as sql

from storage.clock import from_micros, to_micros
from storage.connection import snapshot
from storage.database import Database
from storage.page_records import PagePerson, PagePost, PageRoom
from storage.page_tables import page_file, page_person, page_post, page_room
from storage.statement import Statement, Values, insertion

_LATEST = 2**62

_PERSON = (
    page_person.c.id,
    page_person.c.name,
    page_person.c.secret_sha256,
    page_person.c.language,
    page_person.c.joined_at,
)
_ROOM = (page_room.c.id, page_room.c.name, page_room.c.owner)
_POST = (
    page_post.c.id,
    page_post.c.room,
    page_post.c.author,
    page_post.c.author_name,
    page_post.c.text,
    page_post.c.posted_at,
    page_post.c.position,
    page_post.c.seq,
    page_post.c.reply_to,
    page_post.c.edited,
    page_post.c.removed,
    page_post.c.file_name,
    page_post.c.ratable,
)
_IS_PERSON = page_person.c.id == bindparam("id")
_IS_POST = page_post.c.id == bindparam("id")
_STANDS = text("page_post.removed = 0")

_JOIN = Statement(insertion(page_person).on_conflict_do_nothing())
_RENAME = Statement(update(page_person).where(_IS_PERSON).values(name=bindparam("name")))
_PERSON_BY_ID = Statement(select(*_PERSON).where(_IS_PERSON))
_PEOPLE = Statement(select(*_PERSON).order_by(page_person.c.joined_at, page_person.c.id))

_ADD_ROOM = Statement(insertion(page_room, but="row").on_conflict_do_nothing())
_ROOM_BY_ID = Statement(select(*_ROOM).where(page_room.c.id == bindparam("id")))
_ROOMS = Statement(
    select(*_ROOM)
    .where(or_(page_room.c.owner == "", page_room.c.owner == bindparam("person")))
    .order_by(page_room.c.row)
)

_NEXT_SEQ = Statement(select(sql.coalesce(sql.max(page_post.c.seq), 0) + 1))
_ADD = Statement(insertion(page_post).on_conflict_do_nothing())
_GET = Statement(select(*_POST).where(_IS_POST))
_REVISE = Statement(
    update(page_post)
    .where(
        _IS_POST,
        _STANDS,
        or_(page_post.c.text != bindparam("text"), page_post.c.ratable != bindparam("ratable")),
    )
    .values(text=bindparam("text"), ratable=bindparam("ratable"), edited=1, seq=bindparam("seq"))
)
_REMOVE = Statement(
    update(page_post)
    .where(_IS_POST, _STANDS)
    .values(text="", file_name="", removed=1, seq=bindparam("seq"))
)
_UNNAME = Statement(
    update(page_post).where(page_post.c.author == bindparam("person")).values(author_name="")
)
_HISTORY = Statement(
    select(*_POST)
    .where(page_post.c.room == bindparam("room"), page_post.c.position < bindparam("before"))
    .order_by(page_post.c.position.desc())
    .limit(bindparam("at_most"))
)
_CHANGES = Statement(
    select(*_POST)
    .where(
        page_post.c.seq > bindparam("after"),
        text("+room IN (SELECT value FROM json_each(:rooms))"),  # by seq: what is new is little
    )
    .order_by(page_post.c.seq)
)
_ATTACH = Statement(insertion(page_file).on_conflict_do_nothing())
_ATTACHMENT = Statement(select(page_file.c.content).where(page_file.c.post == bindparam("id")))
_DETACH = Statement(delete(page_file).where(page_file.c.post == bindparam("id")))

_AT = Statement(select(page_post.c.id).where(page_post.c.position == bindparam("position")))

_BY_PERSON = page_post.c.author == bindparam("person")
_POSTS_BY = Statement(select(*_POST).where(_BY_PERSON).order_by(page_post.c.position))
_asked = page_post.alias("asked")
_BY_BOT = text("+page_post.author = ''")  # found by what it replies to or stands in
_TO_FORGET = Statement(
    union(
        select(page_post.c.id).where(_BY_PERSON, _STANDS),
        select(page_post.c.id)
        .join(_asked, page_post.c.reply_to == _asked.c.id)
        .where(_asked.c.author == bindparam("person"), _BY_BOT, _STANDS),
        select(page_post.c.id)
        .join(page_room, page_post.c.room == page_room.c.id)
        .where(page_room.c.owner == bindparam("person"), _BY_BOT, _STANDS),
    )
)


class Page:
    """Every method raises `StorageError` when the database can't do it."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def join(self, person: PagePerson) -> None:
        """Keep someone who joined; one with the same id stays as they are."""
        row = {
            "id": person.id,
            "name": person.name,
            "secret_sha256": person.secret_sha256,
            "language": person.language,
            "joined_at": to_micros(person.joined_at),
        }
        await self._db.write(lambda connection: _JOIN.run(connection, row))

    async def rename(self, person_id: str, name: str) -> None:
        """Give a person another name; posts keep the one they were written under."""
        values = {"id": person_id, "name": name}
        await self._db.write(lambda connection: _RENAME.run(connection, values))

    async def person(self, person_id: str) -> PagePerson | None:
        row = await self._db.read(
            lambda connection: _PERSON_BY_ID.row(connection, {"id": person_id})
        )
        return None if row is None else _person(row)

    async def people(self) -> list[PagePerson]:
        """Everybody, in the order they joined."""
        return await self._db.read(
            lambda connection: [_person(row) for row in _PEOPLE.rows(connection, {})]
        )

    async def add_room(self, room: PageRoom) -> None:
        """Keep a room; one with the same id stays as it is."""
        row = {"id": room.id, "name": room.name, "owner": room.owner}
        await self._db.write(lambda connection: _ADD_ROOM.run(connection, row))

    async def room(self, room_id: str) -> PageRoom | None:
        row = await self._db.read(lambda connection: _ROOM_BY_ID.row(connection, {"id": room_id}))
        return None if row is None else PageRoom(*row)

    async def rooms(self, person_id: str) -> list[PageRoom]:
        """The shared rooms and the person's own, in the order they were made."""
        key = {"person": person_id}
        return await self._db.read(
            lambda connection: [PageRoom(*row) for row in _ROOMS.rows(connection, key)]
        )

    async def post(self, post: PagePost) -> PagePost:
        """Keep a post, once: the one that is stored under this id, with its `seq`."""
        return await self._db.write(lambda connection: _add(connection, post))

    async def revise(self, post_id: str, text: str, *, ratable: bool = False) -> PagePost | None:
        """Give a post another text; as it is now, None when it is not there any more."""
        values = {"id": post_id, "text": text, "ratable": ratable}

        def op(connection: Connection) -> PagePost | None:
            _REVISE.run(connection, {**values, "seq": _next(connection)})
            post = _get(connection, post_id)
            return None if post is None or post.removed else post

        return await self._db.write(op)

    async def remove(self, post_id: str) -> PagePost | None:
        """Take a post's text and attachment away; its empty place, None when there is none."""

        def op(connection: Connection) -> PagePost | None:
            _remove(connection, post_id)
            return _get(connection, post_id)

        return await self._db.write(op)

    async def get(self, post_id: str) -> PagePost | None:
        return await self._db.read(lambda connection: _get(connection, post_id))

    async def history(self, room: str, before: int | None, limit: int) -> list[PagePost]:
        """The last `limit` posts of a room, or those before the place `before`, oldest first."""
        place = _LATEST if before is None else before
        values = {"room": room, "before": place, "at_most": limit}
        rows = await self._db.read(lambda connection: _HISTORY.rows(connection, values))
        return [_post(row) for row in reversed(rows)]

    async def changes(self, room_ids: Sequence[str], after_seq: int) -> list[PagePost]:
        """The posts of these rooms that are new or changed since `after_seq`, by `seq`."""
        values = {"rooms": json.dumps(list(room_ids)), "after": after_seq}
        rows = await self._db.read(lambda connection: _CHANGES.rows(connection, values))
        return [_post(row) for row in rows]

    async def attach(self, post_id: str, content: bytes) -> None:
        """Keep the attachment of a post, once."""
        row = {"post": post_id, "content": content}
        await self._db.write(lambda connection: _ATTACH.run(connection, row))

    async def attachment(self, post_id: str) -> bytes | None:
        return await self._db.read(
            lambda connection: _ATTACHMENT.value(connection, {"id": post_id})
        )

    async def forget(self, person_id: str) -> int:
        """Empty a person's posts, the bot's replies to them, and the bot's posts in their room.

        How many were emptied. Their places stay, without the person's name.
        """

        return await self._db.write(lambda connection: empty_posts(connection, person_id))

    async def export(self, person_id: str) -> dict[str, object]:
        """What the page keeps of a person, ready for JSON; times in ISO 8601."""
        key = {"id": person_id, "person": person_id}

        def query(connection: Connection) -> tuple[Values | None, list[Values]]:
            with snapshot(connection):
                return _PERSON_BY_ID.row(connection, key), _POSTS_BY.rows(connection, key)

        person, posts = await self._db.read(query)
        return {
            "person": None if person is None else _about(_person(person)),
            "posts": [_written(_post(row)) for row in posts],
        }


def empty_posts(connection: Connection, person_id: str) -> int:
    """The statements of `Page.forget`, for a commit that does more."""
    key = {"person": person_id}
    ids = [str(row[0]) for row in _TO_FORGET.rows(connection, key)]
    for post_id in ids:
        _remove(connection, post_id)
    _UNNAME.run(connection, key)
    return len(ids)


def empty(connection: Connection, positions: Sequence[int]) -> None:
    """Take the texts and attachments of posts away; their places stay."""
    for position in positions:
        _remove(connection, str(_AT.value(connection, {"position": position})))


def _next(connection: Connection) -> int:
    return _NEXT_SEQ.value(connection, {})


def _add(connection: Connection, post: PagePost) -> PagePost:
    seq = _next(connection)
    row = {
        "position": seq,
        "id": post.id,
        "room": post.room,
        "author": post.author,
        "author_name": post.author_name,
        "text": post.text,
        "posted_at": to_micros(post.posted_at),
        "seq": seq,
        "reply_to": post.reply_to,
        "edited": post.edited,
        "removed": post.removed,
        "file_name": post.file_name,
        "ratable": post.ratable,
    }
    _ADD.run(connection, row)
    return _post(_GET.rows(connection, row)[0])


def _remove(connection: Connection, post_id: str) -> None:
    _REMOVE.run(connection, {"id": post_id, "seq": _next(connection)})
    _DETACH.run(connection, {"id": post_id})


def _get(connection: Connection, post_id: str) -> PagePost | None:
    row = _GET.row(connection, {"id": post_id})
    return None if row is None else _post(row)


def _person(row: Values) -> PagePerson:
    id_, name, secret_sha256, language, joined_at = row
    return PagePerson(id_, name, secret_sha256, language, from_micros(joined_at))


def _post(row: Values) -> PagePost:
    (
        id_,
        room,
        author,
        author_name,
        body,
        posted_at,
        order,
        seq,
        reply_to,
        edited,
        removed,
        name,
        ratable,
    ) = row
    return PagePost(
        id_,
        room,
        author,
        author_name,
        body,
        from_micros(posted_at),
        order,
        seq,
        reply_to,
        bool(edited),
        bool(removed),
        name,
        bool(ratable),
    )


def _about(person: PagePerson) -> dict[str, object]:
    return {
        "id": person.id,
        "name": person.name,
        "language": person.language,
        "joined_at": person.joined_at.isoformat(),
    }


def _written(post: PagePost) -> dict[str, object]:
    return {
        "id": post.id,
        "room": post.room,
        "posted_at": post.posted_at.isoformat(),
        "text": post.text,
        "reply_to": post.reply_to,
        "edited": post.edited,
        "removed": post.removed,
        "file_name": post.file_name,
    }
