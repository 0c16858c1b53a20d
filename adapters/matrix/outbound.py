"""Sending: one attempt each, encrypted wherever the server says that the room is.

The key of a message is its transaction id: the server carries a repeated one out once and answers
with the same event, for a day at least, as long as the bot's device is the same. `find` looks a
message up by it, for under one key a longer text may follow a placeholder.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from adapters.base import AdapterError, Address, Gone, MessageRef, Rejected, Rendered, Transient
from adapters.matrix import content, media
from adapters.matrix.errors import NotFound
from adapters.matrix.http import Homeserver
from adapters.matrix.machine import Machine
from adapters.matrix.rooms import Rooms

TYPING_S = 20
PAGE = 100
MAX_PAGES = 20
"""How far back a message is looked for: 2,000 events of its room."""
NO_KEYS = "The room is encrypted and the bot has no keys yet: it has to sign in first."
NOT_SIGNED_IN = "The bot is not signed in yet."


class Outbound:
    """What the bot says. `machine` and `user_id` are set once it is signed in."""

    def __init__(self, server: Homeserver, rooms: Rooms) -> None:
        self._server = server
        self._rooms = rooms
        self._typing: set[str] = set()
        self.machine: Machine | None = None
        self.user_id = ""

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post a message."""
        event_id = await self._put(to.room, content.message(body, to), key)
        await self._stop_typing(to.room)
        return MessageRef(to, event_id)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Replace a text. A final one is not put on a message that is gone."""
        if not body.growing:
            await self._check_there(ref)
        await self._put(ref.address.room, content.replacement(body, ref.remote_id), key)

    async def send_file(self, to: Address, name: str, file: bytes, key: str) -> MessageRef:
        """Post a file."""
        seal = await self._must_seal(to.room)
        source = await media.store(self._server, name, file, seal=seal)
        message = content.file(name, media.mime_of(name), len(file), to, **source)
        return MessageRef(to, await self._put(to.room, message, key))

    async def delete(self, ref: MessageRef) -> None:
        """Take a message back."""
        self._check_signed_in()
        room, event = ref.address.room, ref.remote_id
        with suppress(NotFound):
            await self._server.put("v3", "rooms", room, "redact", event, f"gone.{event}", body={})

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The message sent under `key` by this device, looked for from the newest back."""
        self._check_signed_in()
        oldest_ms, start = since.timestamp() * 1000, ""
        for _ in range(MAX_PAGES):
            query: dict[str, str | int] = {"dir": "b", "limit": PAGE}
            if start:
                query["from"] = start
            page = await self._server.get("v3", "rooms", to.room, "messages", query=query)
            events: list[dict[str, Any]] = page.get("chunk", [])
            for event in events:
                if event.get("unsigned", {}).get("transaction_id") == key:
                    return MessageRef(to, str(event["event_id"]))
            start = str(page.get("end", ""))
            if not start or not events or events[-1].get("origin_server_ts", 0) < oldest_ms:
                return None
        return None

    async def typing(self, to: Address) -> None:
        """Show that an answer is being written."""
        self._check_signed_in()
        await self._type(to.room, {"typing": True, "timeout": TYPING_S * 1000})
        self._typing.add(to.room)

    async def _put(self, room: str, message: Mapping[str, Any], key: str) -> str:
        self._check_signed_in()
        kind = "m.room.message"
        if await self._must_seal(room):
            message = await self._sealed(room, kind, message)
            kind = "m.room.encrypted"
        answer = await self._server.put("v3", "rooms", room, "send", kind, key, body=message)
        return str(answer.get("event_id", ""))

    async def _must_seal(self, room: str) -> bool:
        try:
            return await self._rooms.is_encrypted(room)
        except Rejected as error:
            raise Rejected("The bot is not in the room.") from error

    async def _sealed(self, room: str, kind: str, message: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.machine is None:
            raise Transient(NO_KEYS)
        people = (await self._rooms.get(room)).people
        return await self.machine.encrypt(room, people, kind, message)

    async def _check_there(self, ref: MessageRef) -> None:
        try:
            event = await self._server.get("v3", "rooms", ref.address.room, "event", ref.remote_id)
        except NotFound as error:
            raise Gone("The message is gone.") from error
        if "redacted_because" in event.get("unsigned", {}):
            raise Gone("The message is gone.")

    async def _stop_typing(self, room: str) -> None:
        if room in self._typing:
            self._typing.discard(room)
            with suppress(AdapterError):  # it ends by itself
                await self._type(room, {"typing": False})

    async def _type(self, room: str, sign: Mapping[str, Any]) -> None:
        await self._server.put("v3", "rooms", room, "typing", self.user_id, body=sign)

    def _check_signed_in(self) -> None:
        if not self._server.token:
            raise Transient(NOT_SIGNED_IN)
