"""End-to-end encryption: nio's Olm machine (vodozemac), its store, and its calls to the server.

The one file that touches nio. Every device of a room's members gets the room's key, whether
anybody verified it or not: the bot answers whom its roles allow, on all their devices. Key requests
of others are not answered; their clients get the key with the next message.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import structlog
from nio.crypto import Olm
from nio.events.room_events import MegolmEvent
from nio.events.to_device import EncryptedToDeviceEvent, ToDeviceEvent
from nio.exceptions import EncryptionError
from nio.responses import (
    KeysClaimResponse,
    KeysQueryResponse,
    KeysUploadResponse,
    ToDeviceResponse,
)
from nio.store import SqliteStore

from adapters.matrix.http import Homeserver
from adapters.matrix.login import Session

log = structlog.get_logger(__name__)

STORE = "crypto.db"
MEGOLM = "m.megolm.v1.aes-sha2"
FEDERATION_TIMEOUT_MS = 8_000
"""How long the homeserver asks other servers for keys."""
UNREACHED_PAUSE_S = 300.0
"""Whose server could not be reached is asked for again so much later."""


class Undecryptable(Exception):
    """The bot has no key for an event, or it is not its sender's."""


class Machine:
    """The keys of one device. Use it from one task group; it locks what must not interleave."""

    def __init__(self, server: Homeserver, session: Session, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._server = server
        self._session = session
        self._store: Any = SqliteStore(
            session.user_id, session.device_id, str(directory), "", STORE
        )
        (directory / STORE).chmod(0o600)
        self._olm: Any = Olm(session.user_id, session.device_id, self._store)
        self._lock = asyncio.Lock()
        self._ask_again_at: dict[str, float] = {}

    @staticmethod
    def knows(session: Session, directory: Path) -> bool:
        """Whether the store in `directory` holds the keys of the session's device."""
        if not (directory / STORE).exists():
            return False
        store: Any = SqliteStore(session.user_id, session.device_id, str(directory), "", STORE)
        try:
            return store.load_account() is not None
        finally:
            store.database.close()

    def close(self) -> None:
        """Close the store."""
        self._store.database.close()

    def receive(self, sync: Mapping[str, Any]) -> bool:
        """Take in what a sync says about keys; whether keys of rooms may have come."""
        counts = sync.get("device_one_time_keys_count", {})
        self._olm.uploaded_key_count = counts.get("signed_curve25519", 0)
        lists = sync.get("device_lists", {})
        changed = {str(user) for user in lists.get("changed", ())}
        self._olm.add_changed_users(changed & (self._olm.tracked_users | self._known_users()))
        self._olm.tracked_users -= {str(user) for user in lists.get("left", ())}
        messages: Sequence[dict[str, Any]] = sync.get("to_device", {}).get("events", ())
        for message in messages:
            self._receive_message(message)
        return bool(messages)

    async def upkeep(self) -> None:
        """Upload, query and claim the keys that are due, and send what the machine has to say."""
        async with self._lock:
            if self._olm.should_upload_keys:
                await self._upload()
            if self._olm.users_for_key_query:
                await self._query(set(self._olm.users_for_key_query))
            if self._olm.wedged_devices:
                await self._claim(self._olm.get_users_for_key_claiming())
            for message in list(self._olm.outgoing_to_device_messages):
                await self._send_to_device(message.type, message.as_dict())
                self._olm.handle_response(ToDeviceResponse(message))

    async def meet(self, users: Iterable[str]) -> None:
        """Learn the devices of people whose events are about to be decrypted."""
        async with self._lock:
            await self._learn(users)

    def decrypt(self, event: Mapping[str, Any], room: str) -> dict[str, Any]:
        """The event with its `type` and `content` in clear.

        Raises `Undecryptable`, also when the key was made by a device of somebody else.
        """
        megolm: Any = cast("Any", MegolmEvent).from_dict(dict(event) | {"room_id": room})
        if not isinstance(megolm, MegolmEvent):
            raise Undecryptable("the event is malformed")
        try:
            clear = self._olm.decrypt_megolm_event(megolm, room)
        except (EncryptionError, ValueError) as error:
            raise Undecryptable(str(error)) from error
        self._check_owner(megolm)
        source: dict[str, Any] = clear.source
        return dict(event) | {"type": source["type"], "content": source["content"]}

    def ask_for_key(self, event: Mapping[str, Any], room: str) -> None:
        """Ask the sender's devices for the key of an event; `upkeep` sends it."""
        megolm: Any = cast("Any", MegolmEvent).from_dict(dict(event) | {"room_id": room})
        if not isinstance(megolm, MegolmEvent) or self._asked(megolm.session_id):
            return
        request = megolm.as_key_request(
            megolm.sender, self._session.device_id, megolm.session_id, "*"
        )
        self._olm.outgoing_to_device_messages.append(request)

    async def encrypt(
        self, room: str, people: Sequence[str], kind: str, content: Mapping[str, Any]
    ) -> dict[str, Any]:
        """The content of the `m.room.encrypted` event, its key shared with all who are to read it.

        What the event relates to stays in clear, as the server must see it.
        """
        async with self._lock:
            await self._share(room, people)
            session = self._olm.outbound_group_sessions[room]
            inner = {key: value for key, value in content.items() if key != "m.relates_to"}
            payload = {"type": kind, "content": inner, "room_id": room}
            sealed: dict[str, Any] = {
                "algorithm": MEGOLM,
                "sender_key": self._olm.account.identity_keys["curve25519"],
                "ciphertext": session.encrypt(json.dumps(payload, ensure_ascii=False)),
                "session_id": session.id,
                "device_id": self._session.device_id,
            }
        if "m.relates_to" in content:
            sealed["m.relates_to"] = content["m.relates_to"]
        return sealed

    def forget_key(self, room: str) -> None:
        """Encrypt what comes next under a new key: somebody left, or has another device."""
        self._olm.outbound_group_sessions.pop(room, None)

    async def _share(self, room: str, people: Sequence[str]) -> None:
        due = {user for user in people if user in self._olm.users_for_key_query}
        await self._learn(people)
        if due:
            await self._query(due)
        if not self._olm.should_share_group_session(room):
            return
        missing = self._olm.get_missing_sessions(list(people))
        if missing:
            await self._claim(missing)
        self._olm.outbound_group_sessions.pop(room, None)
        chunks = self._olm.share_group_session_parallel(
            room, list(people), ignore_unverified_devices=True
        )
        for devices, messages in list(chunks):
            await self._send_to_device("m.room.encrypted", messages)
            self._olm.outbound_group_sessions[room].users_shared_with.update(devices)
        self._olm.outbound_group_sessions[room].shared = True

    async def _learn(self, people: Iterable[str]) -> None:
        now = asyncio.get_running_loop().time()
        strangers = {user for user in people if user not in self._olm.tracked_users}
        strangers -= {user for user in strangers if now < self._ask_again_at.get(user, now)}
        if strangers:
            await self._query(strangers)

    async def _upload(self) -> None:
        """One-time keys are on disk before anybody can claim them."""
        body = self._olm.share_keys()
        self._olm.save_account()
        answer = await self._server.post("v3", "keys", "upload", body=body)
        count = int(answer.get("one_time_key_counts", {}).get("signed_curve25519", 0))
        self._olm.handle_response(KeysUploadResponse(0, count))

    async def _query(self, users: set[str]) -> None:
        every: list[str] = []
        body = {"device_keys": dict.fromkeys(users, every), "timeout": FEDERATION_TIMEOUT_MS}
        answer = await self._server.post("v3", "keys", "query", body=body)
        response = KeysQueryResponse(answer.get("device_keys", {}), answer.get("failures", {}))
        self._olm.handle_response(response)
        self._olm.users_for_key_query -= users
        again_at = asyncio.get_running_loop().time() + UNREACHED_PAUSE_S
        for user in users - set(answer.get("device_keys", {})):
            self._ask_again_at[user] = again_at
        if response.changed:
            self._olm.outbound_group_sessions.clear()

    async def _claim(self, devices: Mapping[str, Sequence[str]]) -> None:
        wanted = {
            user: dict.fromkeys((getattr(each, "id", each) for each in theirs), "signed_curve25519")
            for user, theirs in devices.items()
        }
        body = {"one_time_keys": wanted, "timeout": FEDERATION_TIMEOUT_MS}
        answer = await self._server.post("v3", "keys", "claim", body=body)
        claimed = answer.get("one_time_keys", {})
        self._olm.handle_response(KeysClaimResponse(claimed, answer.get("failures", {})))
        self._olm.wedged_devices.clear()

    async def _send_to_device(self, kind: str, messages: Mapping[str, Any]) -> None:
        await self._server.put("v3", "sendToDevice", kind, str(uuid4()), body=messages)

    def _receive_message(self, message: dict[str, Any]) -> None:
        if message.get("type") != "m.room.encrypted":
            return
        event: Any = cast("Any", ToDeviceEvent).parse_event(message)
        if not isinstance(event, EncryptedToDeviceEvent):
            return
        try:
            self._olm.handle_to_device_event(event)
        except Exception as error:  # noqa: BLE001 - a stranger's message must not stop the sync
            log.warning("a message between devices can't be read", error=type(error).__name__)

    def _check_owner(self, event: Any) -> None:
        """The room key's maker must be a device of the event's sender: a server could lie."""
        devices = self._olm.device_store[event.sender].values()
        if event.sender_key not in {device.curve25519 for device in devices}:
            raise Undecryptable("the key is not of one of the sender's devices")

    def _asked(self, megolm_session: str | None) -> bool:
        waiting = self._olm.outgoing_to_device_messages
        return megolm_session in self._olm.outgoing_key_requests or any(
            getattr(message, "session_id", "") == megolm_session for message in waiting
        )

    def _known_users(self) -> set[str]:
        return set(self._olm.device_store.users)
