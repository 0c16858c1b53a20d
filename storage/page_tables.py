"""The tables of our own page: its people, rooms and posts; like those of `tables.py`."""

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field

from storage.row import Row, table_of


class PagePersonRow(Row, table=True):
    """Someone who joined the page."""

    id: str = Field(primary_key=True)
    name: str
    secret_sha256: str
    language: str
    joined_at: int


class PageRoomRow(Row, table=True):
    """A room of the page; `owner` is empty for a shared one."""

    __table_args__ = (UniqueConstraint("id"), Index("page_room_owner", "owner"))

    row: int | None = Field(primary_key=True)
    id: str
    name: str
    owner: str


class PagePostRow(Row, table=True):
    """A message on the page. `position` is its first `seq`, and so the order of posting."""

    __table_args__ = (
        UniqueConstraint("id"),
        UniqueConstraint("seq"),
        Index("page_post_room", "room", "position"),
        Index("page_post_author", "author"),
        Index("page_post_reply", "reply_to"),
    )

    position: int = Field(primary_key=True)
    id: str
    room: str
    author: str
    author_name: str
    text: str
    posted_at: int
    seq: int
    reply_to: str
    edited: bool
    removed: bool
    file_name: str
    ratable: bool = Field(sa_column_kwargs={"server_default": sql("0")})


class PageFileRow(Row, table=True):
    """The attachment of a post."""

    post: str = Field(primary_key=True)
    content: bytes


page_person = table_of("page_person")
page_room = table_of("page_room")
page_post = table_of("page_post")
page_file = table_of("page_file")
