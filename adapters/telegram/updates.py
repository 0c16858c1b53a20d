"""Updates on their way in, however they came: read, handed over, and pressed buttons answered."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import structlog
from telegram import Update

from adapters.base import AdapterError, Cursor, Emit, MessageEvent
from adapters.capabilities import Link
from adapters.telegram.calls import Calls
from adapters.telegram.errors import mapped
from adapters.telegram.phrases import Me
from adapters.telegram.wire import events

log = structlog.get_logger(__name__)

MAX_BUTTONS = 256
"""Pressed buttons that wait for an answer; with more, people's clients give up by themselves."""


class Updates:
    """What is done with updates, while a bot known as `me` hands them to `emit`."""

    def __init__(self, me: Me, emit: Emit, calls: Calls, link: Link) -> None:
        self._me = me
        self._emit = emit
        self._calls = calls
        self._link = link
        self._pressed: asyncio.Queue[str] = asyncio.Queue(MAX_BUTTONS)

    async def take(self, raws: Sequence[dict[str, Any]], cursor: Cursor | None) -> None:
        """Hand over what a batch says. Raises what `emit` raises; then nothing was taken."""
        found: list[MessageEvent] = []
        pressed: list[str] = []
        for raw in raws:
            update = _parse(raw)
            if update is None:
                continue
            found += events(update, self._me)
            if update.callback_query:
                pressed.append(update.callback_query.id)
        if found or cursor is not None:
            await self._emit(found, cursor)
        if found:
            self._link.note_event()
        for button in pressed:
            with suppress(asyncio.QueueFull):
                self._pressed.put_nowait(button)

    async def answer_buttons(self) -> None:
        """Tell clients that a press arrived, until cancelled; it is a courtesy, so one attempt."""
        while True:
            button = await self._pressed.get()
            try:
                with mapped():
                    await self._calls.bot.answer_callback_query(button)
            except AdapterError as error:
                log.debug("a button was not answered", error=str(error))


def _parse(raw: dict[str, Any]) -> Update | None:
    """An update; None if it can't be understood, which must not keep the others back."""
    try:
        return Update.de_json(raw)
    except Exception as error:  # noqa: BLE001 - the SDK promises none in particular
        kind = type(error).__name__
        log.warning("an update was skipped", update=raw.get("update_id"), error=kind)
        return None
