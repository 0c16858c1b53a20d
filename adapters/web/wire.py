"""The frames between a browser and the page, JSON over a WebSocket.

From the browser, in `do`: actions, each with an `id` of its own making, so that one sent twice
counts once, and sent again until it is acknowledged; and one question.

    say       room, text, reply_to    edit      post, text      delete    post
    react     post, emoji             press     room, button, post
    create    name                    history   room, before (an `order`, or null)

To the browser, in `is`:

    welcome   me, bot, notice, rooms (each with its `newest` post's order), people, commands
    stale     what the tab knows of posts is too old to mend: forget them, ask for history
    history   room, posts, more: the answer to `history`
    post      post: new, changed or removed
    taken     id: the action is on disk
    refused   id, reason, why, detail: the action will never be taken
    preview   room, key, and `wait` (place, eta_s), or `blocks` from the one numbered `from`, or
              `gone`; the post whose id is `key` takes its place
    typing    room: the bot writes
    person    person: came, went or joined
    room      room: a new one
"""

import json
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from adapters.markup import render
from adapters.web.refusal import Refused
from adapters.web.store import Member, Post, Room

MAX_TEXT_CHARS = 400_000
"""Beyond this a frame is not taken at all; what is too long for the bot is for the bot to say."""
MAX_NAME_CHARS = 40

MAX_ORDER = 2**53
"""The largest number that JavaScript tells apart from its neighbours."""

Made = Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9-]+$")]
"""An id of the browser's making. The bot's own keys have a point in them, so they never meet."""
Known = Annotated[str, Field(max_length=128, pattern=r"^[A-Za-z0-9._-]*$")]
"""The id of something that is there; empty where nothing is meant."""


class Frame(BaseModel):
    """Anything that a browser says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Made


class Say(Frame):
    """A new message, or a command if it begins with a slash."""

    do: Literal["say"]
    room: Known
    text: str = Field(max_length=MAX_TEXT_CHARS)
    reply_to: Known = ""


class Edit(Frame):
    """Another text for one's own message."""

    do: Literal["edit"]
    post: Known
    text: str = Field(max_length=MAX_TEXT_CHARS)


class Delete(Frame):
    """One's own message goes."""

    do: Literal["delete"]
    post: Known


class React(Frame):
    """An opinion about an answer."""

    do: Literal["react"]
    post: Known
    emoji: Literal["👍", "👎"]


class Press(Frame):
    """A button on an answer, or on the one that is being written."""

    do: Literal["press"]
    room: Known
    button: Literal["stop", "retry"]
    post: Known = ""


class Create(Frame):
    """A new room."""

    do: Literal["create"]
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)


class History(BaseModel):
    """Older messages of a room."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    do: Literal["history"]
    room: Known
    before: Annotated[int, Field(ge=0, le=MAX_ORDER)] | None = None


Action = Say | Edit | Delete | React | Press | Create
_FRAME: TypeAdapter[Action | History] = TypeAdapter(
    Annotated[Action | History, Field(discriminator="do")]
)


class Malformed(Exception):
    """A frame that can't be understood. `id` names the action, if that much could be read."""

    def __init__(self, action_id: str, detail: str) -> None:
        super().__init__(detail)
        self.id = action_id


def parse(text: str) -> Action | History:
    """A browser's frame. Raises `Malformed`."""
    try:
        value = json.loads(text, object_hook=_whole)
    except (ValueError, RecursionError):
        raise Malformed("", "it is not JSON") from None
    try:
        return _FRAME.validate_python(value)
    except ValidationError as error:
        fields = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
        detail = error.errors(include_url=False, include_input=False)[-1]
        place = ".".join(str(step) for step in detail["loc"][1:])
        raise Malformed(str(fields.get("id", ""))[:64], f"{place}: {detail['msg']}") from error


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


def refused(action_id: str, refusal: Refused) -> str:
    """The answer to an action that will not be done."""
    why, detail = str(refusal), refusal.detail
    return frame("refused", id=action_id, reason=refusal.reason, why=why, detail=detail)


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
        "html": render(post.text, "html").text,
        "text": post.text,
        "at": post.posted_at.isoformat(),
        "order": post.order,
        "seq": post.seq,
        "reply_to": post.reply_to,
        "edited": post.edited,
        "removed": post.removed,
        "file": post.file_name,
        "ratable": post.ratable,
    }


def person(member: Member, *, online: bool) -> dict[str, object]:
    """Somebody, as others see them."""
    return {"id": member.id, "name": member.name, "online": online}


def room(kept: Room, newest: int = 0) -> dict[str, object]:
    """A room, as those in it see it."""
    return {"id": kept.id, "name": kept.name, "direct": bool(kept.owner), "newest": newest}
