"""People on Matrix: what stands in their rooms, and one who talks plain HTTP.

Nothing here is shared with the adapter: a message is read as a client shows it.
"""

import asyncio
import base64
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from html.parser import HTMLParser
from typing import Any, Protocol
from uuid import uuid4

import httpx

from tests.rigs.synapse import PASSWORD
from tests.venues.base import Shown

DESCRIPTION = "org.matrix.msc4391.command_description"
BLOCKS = {"p", "div", "li", "pre", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "tr", "hr"}


@dataclass(slots=True)
class Timeline:
    """The events of somebody's rooms, in clear, as they came."""

    events: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    typed: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    members: set[tuple[str, str, str]] = field(default_factory=set[tuple[str, str, str]])

    def take(self, room: str, event: dict[str, Any]) -> None:
        """An event came; one that came before is the same in clear."""
        events = self.events[room]
        for index, known in enumerate(events):
            if known["event_id"] == event["event_id"]:
                events[index] = event
                return
        events.append(event)
        if event["type"] == "m.room.member":
            self.members.add((room, event["state_key"], event["content"]["membership"]))

    def shown(self, room: str, author: str) -> list[Shown]:
        """The messages of `author` as a client shows them now."""
        events = self.events[room]
        gone = {redacted_by(event) for event in events if event["type"] == "m.room.redaction"}
        shown: dict[str, Shown] = {}
        for event in events:
            if event["type"] != "m.room.message" or event["sender"] != author:
                continue
            if event["event_id"] in gone or "msgtype" not in event["content"]:
                continue
            relates = event["content"].get("m.relates_to", {})
            if relates.get("rel_type") != "m.replace":
                shown[event["event_id"]] = _shown(event["event_id"], event["content"])
            elif before := shown.get(relates["event_id"]):
                shown[before.id] = _edited(before, event["content"]["m.new_content"])
        return list(shown.values())

    def commands(self, room: str, bot: str) -> set[str]:
        """The commands of `bot` that a client suggests (MSC4391), those with its own key alone."""
        described = [event for event in self.events[room] if event["type"] == DESCRIPTION]
        own = [event for event in described if event["sender"] == bot and event["content"]]
        return {
            event["content"]["command"]
            for event in own
            if event["state_key"] == _key(event["content"]["command"], bot)
        }


class Person(Protocol):
    """A signed-in user."""

    id: str
    timeline: Timeline

    async def create(self, body: Mapping[str, Any]) -> str:
        """Make a room; its id."""
        ...

    async def join(self, room: str) -> None: ...

    async def send(self, room: str, content: Mapping[str, Any], kind: str = ...) -> str:
        """Send an event; its id."""
        ...

    async def redact(self, room: str, event: str) -> None: ...

    async def upload(self, room: str, name: str, mime: str, content: bytes) -> dict[str, Any]:
        """Store a file; the members of its event that say where it is."""
        ...

    async def close(self) -> None: ...


class PlainPerson:
    """A user of plain rooms, without any SDK."""

    def __init__(self, url: str, user: str) -> None:
        self.id = user
        self.timeline = Timeline()
        self._http = httpx.AsyncClient(base_url=f"{url}/_matrix", timeout=60)
        self._since = ""
        self._watching: asyncio.Task[None] | None = None

    async def open(self, *, watch: bool = True) -> None:
        """Sign in and begin to watch."""
        identifier = {"type": "m.id.user", "user": self.id}
        body = {"type": "m.login.password", "identifier": identifier, "password": PASSWORD}
        answer = await self.call("POST", "/client/v3/login", body)
        self._http.headers["Authorization"] = f"Bearer {answer['access_token']}"
        if watch:
            await self._look(0)
            self._watching = asyncio.create_task(self._watch())

    async def close(self) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.wait({self._watching})
        await self._http.aclose()

    async def create(self, body: Mapping[str, Any]) -> str:
        return (await self.call("POST", "/client/v3/createRoom", body))["room_id"]

    async def join(self, room: str) -> None:
        await self.call("POST", f"/client/v3/join/{room}", {})

    async def send(
        self, room: str, content: Mapping[str, Any], kind: str = "m.room.message"
    ) -> str:
        path = f"/client/v3/rooms/{room}/send/{kind}/{uuid4()}"
        return (await self.call("PUT", path, content))["event_id"]

    async def state(self, room: str, kind: str, content: Mapping[str, Any], key: str = "") -> None:
        """Set a room's state."""
        await self.call("PUT", f"/client/v3/rooms/{room}/state/{kind}/{key}", content)

    async def redact(self, room: str, event: str) -> None:
        await self.call("PUT", f"/client/v3/rooms/{room}/redact/{event}/{uuid4()}", {})

    async def upload(self, room: str, name: str, mime: str, content: bytes) -> dict[str, Any]:
        answer = await self._http.post(
            "/media/v3/upload",
            params={"filename": name},
            content=content,
            headers={"Content-Type": mime},
        )
        return {"url": answer.raise_for_status().json()["content_uri"]}

    async def call(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """One call, which must succeed."""
        answer = await self._http.request(method, path, json=dict(body))
        assert answer.is_success, (path, answer.text)
        return answer.json()

    async def raw(self, room: str, event: str) -> dict[str, Any]:
        """An event as the server keeps it."""
        answer = await self._http.get(f"/client/v3/rooms/{room}/event/{event}")
        return answer.raise_for_status().json()

    async def _watch(self) -> None:
        while True:
            await self._look(20_000)

    async def _look(self, timeout_ms: int) -> None:
        params = {"timeout": timeout_ms} | ({"since": self._since} if self._since else {})
        answer = await self._http.get("/client/v3/sync", params=params)
        batch = answer.raise_for_status().json()
        self._since = batch["next_batch"]
        for room, joined in batch.get("rooms", {}).get("join", {}).items():
            for event in [*joined["state"]["events"], *joined["timeline"]["events"]]:
                self.timeline.take(room, event)
            for event in joined["ephemeral"]["events"]:
                self._take_ephemeral(room, event)

    def _take_ephemeral(self, room: str, event: Mapping[str, Any]) -> None:
        if event["type"] == "m.typing":
            self.timeline.typed |= {(room, user) for user in event["content"]["user_ids"]}


def redacted_by(event: Mapping[str, Any]) -> str:
    """The event that a redaction takes back."""
    return event.get("redacts") or event["content"].get("redacts", "")


def readable(html: str) -> str:
    """HTML as a client shows it, each block on lines of its own."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = "".join(reader.text).split("\n")
    return "\n".join(line for line in lines if line.strip())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in BLOCKS or tag == "br":
            self.text.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in BLOCKS:
            self.text.append("\n")


def _key(command: str, sender: str) -> str:
    return base64.standard_b64encode(sha256(f"{command}{sender}".encode()).digest()).decode()


def _shown(event_id: str, content: Mapping[str, Any]) -> Shown:
    relates = content.get("m.relates_to", {})
    is_thread = relates.get("rel_type") == "m.thread"
    reply_to = relates.get("m.in_reply_to", {}).get("event_id", "")
    html = content.get("formatted_body")
    return Shown(
        event_id,
        text=readable(html) if html else content["body"],
        raw=html or content["body"],
        thread=relates["event_id"] if is_thread else "",
        reply_to="" if relates.get("is_falling_back") else reply_to,
        file=content.get("filename", "") if content["msgtype"] != "m.text" else "",
    )


def _edited(before: Shown, content: Mapping[str, Any]) -> Shown:
    now = _shown(before.id, content)
    return Shown(
        before.id,
        text=now.text,
        raw=now.raw,
        edits=before.edits + 1,
        thread=before.thread,
        reply_to=before.reply_to,
    )
