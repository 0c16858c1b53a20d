"""The frames between a browser and the page, JSON over a WebSocket.

From the browser, each with an `id` of its own making, so that an action sent twice counts once:
`say` (room, text, reply_to), `edit` (post, text), `delete` (post), `react` (post, emoji), `press`
(room, button, post), `create` (name), `history` (room, before). To the browser: `welcome`,
`history`, `post`, `taken`, `refused`, `preview`, `typing`, `person`, `room`.
"""

import json
from functools import lru_cache
from typing import Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.markup import render
from adapters.web.store import Member, Post, Room

MAX_TEXT_CHARS = 400_000
"""Beyond this a frame is not taken at all; what is too long for the bot is for the bot to say."""
MAX_NAME_CHARS = 40

_Id = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")


class Frame(BaseModel):
    """Anything that a browser says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = _Id


class Say(Frame):
    """A new message, or a command if it begins with a slash."""

    do: Literal["say"]
    room: str
    text: str = Field(max_length=MAX_TEXT_CHARS)
    reply_to: str = ""


class Edit(Frame):
    """Another text for one's own message."""

    do: Literal["edit"]
    post: str
    text: str = Field(max_length=MAX_TEXT_CHARS)


class Delete(Frame):
    """One's own message goes."""

    do: Literal["delete"]
    post: str


class React(Frame):
    """An opinion about an answer."""

    do: Literal["react"]
    post: str
    emoji: Literal["👍", "👎"]


class Press(Frame):
    """A button on an answer, or on the one that is being written."""

    do: Literal["press"]
    room: str
    button: Literal["stop", "retry"]
    post: str = ""


class Create(Frame):
    """A new room."""

    do: Literal["create"]
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)


class History(BaseModel):
    """Older messages of a room."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    do: Literal["history"]
    room: str
    before: int | None = None


Action = Say | Edit | Delete | React | Press | Create
_FRAME: TypeAdapter[Action | History] = TypeAdapter(Action | History)


class Malformed(Exception):
    """A frame that can't be understood. `id` names the action, if that much could be read."""

    def __init__(self, action_id: str, reason: str) -> None:
        super().__init__(reason)
        self.id = action_id


def parse(text: str) -> Action | History:
    """A browser's frame. Raises `Malformed`."""
    try:
        value = json.loads(text, object_hook=_whole)
    except (ValueError, RecursionError):
        raise Malformed("", "The frame is not JSON.") from None
    try:
        return _FRAME.validate_python(value)
    except ValidationError as error:
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        detail = error.errors(include_url=False, include_input=False)[-1]
        place = ".".join(str(step) for step in detail["loc"][1:])
        raise Malformed(str(fields.get("id", "")), f"{place}: {detail['msg']}") from error


def _whole(fields: dict[str, Any]) -> dict[str, Any]:
    """Halves of surrogate pairs, which JSON can escape and nothing can store, become U+FFFD."""
    return {
        name: value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        if isinstance(value, str)
        else value
        for name, value in fields.items()
    }


def frame(kind: str, **fields: object) -> str:
    """A frame to the browser."""
    return json.dumps({"is": kind, **fields}, ensure_ascii=False, separators=(",", ":"))


def post_frame(post: Post) -> str:
    """A post, new or changed."""
    return frame("post", post=shown(post))


def shown(post: Post) -> dict[str, object]:
    """A post as the browser gets it, with its text rendered."""
    return {
        "id": post.id,
        "room": post.room,
        "author": post.author,
        "name": post.author_name,
        "html": html(post.text),
        "text": post.text,
        "at": post.posted_at.isoformat(),
        "order": post.order,
        "seq": post.seq,
        "reply_to": post.reply_to,
        "edited": post.edited,
        "removed": post.removed,
        "file": post.file_name,
    }


def person(member: Member, *, online: bool) -> dict[str, object]:
    """Somebody, as others see them."""
    return {"id": member.id, "name": member.name, "online": online}


def room(kept: Room) -> dict[str, object]:
    """A room, as those in it see it."""
    return {"id": kept.id, "name": kept.name, "direct": bool(kept.owner)}


@lru_cache(maxsize=512)
def html(markdown: str) -> str:
    """Sanitised HTML; the same text is asked for by every browser in the room."""
    return render(markdown, "html").text
