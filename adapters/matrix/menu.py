"""The bot's commands as clients suggest them after `/`: in-room bot commands (MSC4391, unstable).

Each command is a state event of each room where the bot may set one. The descriptions have the
shape that clients read today, `cmdschema` of mautrix-go, where it differs from the proposal. What a
client makes of a chosen command is read in `adapters.matrix.words`.
"""

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Any, cast

import structlog

from adapters.base import AdapterError, RateLimited
from adapters.capabilities import Menu
from adapters.matrix.http import Homeserver
from adapters.matrix.words import ARGUMENTS, COMMAND

log = structlog.get_logger(__name__)

KIND = "org.matrix.msc4391.command_description"
STATE_POWER = 50
"""What it takes to set a state event where a room's power levels don't say (`state_default`)."""


class Suggestions:
    """The commands that rooms show. `offer` and `joined` say that some are due, `run` serves."""

    def __init__(self, server: Homeserver) -> None:
        self._server = server
        self._menu: Menu | None = None
        self._shown: dict[str, Menu] = {}
        self._due = asyncio.Event()

    def offer(self, menu: Menu) -> None:
        """Suggest these commands from now on."""
        self._menu = menu
        self._due.set()

    def joined(self) -> None:
        """The bot came into a room."""
        self._due.set()

    async def run(self, user_id: str) -> None:
        """Keep the rooms up to date until cancelled; what fails waits for the next occasion."""
        self._due.set()
        while True:
            await self._due.wait()
            self._due.clear()
            if self._menu:
                try:
                    await self._everywhere(user_id, self._menu)
                except AdapterError as error:
                    log.warning("no command menu", why=str(error))

    async def _everywhere(self, user_id: str, menu: Menu) -> None:
        answer = await self._server.get("v3", "joined_rooms")
        for room in cast("list[str]", answer.get("joined_rooms", [])):
            while self._shown.get(room) != menu:
                try:
                    await self._show(user_id, room, menu)
                except RateLimited as error:
                    await asyncio.sleep(error.retry_after_s)
                else:
                    self._shown[room] = menu

    async def _show(self, user_id: str, room: str, menu: Menu) -> None:
        state = await self._server.state(room)
        if not may_set(state, user_id):
            return
        known = {
            str(event.get("state_key")): event.get("content")
            for event in state
            if event.get("type") == KIND and event.get("sender") == user_id
        }
        for content in descriptions(menu):
            key = state_key(content["command"], user_id)
            if known.get(key) != content:
                await self._server.put("v3", "rooms", room, "state", KIND, key, body=content)


def descriptions(menu: Menu) -> list[dict[str, Any]]:
    """The contents of the state events, everybody's commands in every language (MSC3554)."""
    by_name: dict[str, list[tuple[str, str, str]]] = {}
    for language, hints in menu.everyone.items():
        for hint in hints:
            texts = by_name.setdefault(hint.name, [])
            texts.append((language, hint.arguments, hint.purpose))
    return [_description(name, texts) for name, texts in by_name.items()]


def _description(name: str, texts: list[tuple[str, str, str]]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "command": f"{COMMAND} {name}",
        "description": _text({language: purpose for language, _, purpose in texts}),
    }
    if any(arguments for _, arguments, _ in texts):
        parameter = {
            "key": ARGUMENTS,
            "schema": {"schema_type": "primitive", "type": "string"},
            "optional": True,
            "description": _text({language: arguments for language, arguments, _ in texts}),
        }
        content |= {"parameters": [parameter], "fi.mau.tail_parameter": ARGUMENTS}
    return content


def _text(by_language: Mapping[str, str]) -> dict[str, Any]:
    return {"m.text": [{"body": body, "lang": lang} for lang, body in by_language.items()]}


def state_key(command: str, user_id: str) -> str:
    """The only key under which clients believe that the sender describes this command."""
    digest = hashlib.sha256((command + user_id).encode()).digest()
    return base64.b64encode(digest).decode()


def may_set(state: list[dict[str, Any]], user_id: str) -> bool:
    """Whether a room lets the bot describe its commands: by `m.room.power_levels`, or as a creator.

    From room version 12 on, whom a creator named as another one stands above the levels.
    """
    created, power = (_content(state, kind) for kind in ("m.room.create", "m.room.power_levels"))
    creators = created.get("additional_creators")
    if isinstance(creators, list) and user_id in creators:
        return True
    own = _level(power.get("users"), user_id, _level(power, "users_default", 0))
    needed = _level(power.get("events"), KIND, _level(power, "state_default", STATE_POWER))
    return own >= needed


def _content(state: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    found = [event.get("content") for event in state if event.get("type") == kind]
    return cast("dict[str, Any]", found[-1]) if found and isinstance(found[-1], dict) else {}


def _level(levels: object, key: str, default: int) -> int:
    value = cast("dict[str, Any]", levels).get(key) if isinstance(levels, dict) else None
    return value if isinstance(value, int) else default
