"""The bot on Telegram: what `adapters.base` asks of a platform, put together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self

from starlette.routing import Route

from adapters.base import (
    Address,
    Attachment,
    AuthFailed,
    Cursor,
    Emit,
    Limits,
    MessageRef,
    Rendered,
)
from adapters.capabilities import Link, Menu, Preview
from adapters.telegram.calls import MAX_FILE_BYTES, MAX_UNITS, Calls, Timeouts
from adapters.telegram.draft import Drafts
from adapters.telegram.menu import Board
from adapters.telegram.phrases import Me
from adapters.telegram.poll import Poll
from adapters.telegram.updates import Updates
from adapters.telegram.webhook import LOOK_S, Webhook
from adapters.telegram.wire import PLATFORM

LIMITS = Limits(
    max_chars=MAX_UNITS,
    dialect="telegram",
    unit="utf16",
    can_find=False,
    edits_are_sends=True,
    edits_per_minute=60,
    sends_per_minute=60,
    room_sends_per_minute=15,
    all_sends_per_minute=1500,
    burst=5,
    typing_s=5.0,
)
"""About one message a second in a chat, 20 a minute in a group, 30 a second in all (Bots FAQ).

A burst of 5 and 15 a minute make 20 in the busiest minute.
"""


@dataclass(frozen=True, slots=True)
class TelegramSettings:
    """One bot. With a `webhook_url` Telegram calls there and shows `webhook_secret`; else polling.

    `base_url` is the root of a Bot API server.
    """

    token: str
    base_url: str
    webhook_url: str = ""
    webhook_secret: str = ""
    bot_name: str = "Parley"


class TelegramAdapter:
    """One bot account. `timeouts` are in seconds; `pauses` is a factor of what it waits after
    faults, for tests in a hurry.
    """

    name = PLATFORM
    limits = LIMITS

    def __init__(
        self,
        settings: TelegramSettings,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a frozen value
        pauses: float = 1.0,
    ) -> None:
        self.account = settings.token.partition(":")[0]
        self.link = Link()
        self._settings = settings
        self._pauses = pauses
        self._calls = Calls(settings.token, settings.base_url, timeouts)
        self._drafts = Drafts(self._calls, LIMITS)
        self._board = Board(self._calls)
        self._webhook = Webhook(settings.webhook_url, settings.webhook_secret, LOOK_S * pauses)

    async def __aenter__(self) -> Self:
        await self._calls.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._calls.close()

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """Receive until cancelled.

        Raises `AuthFailed` when the token is refused, `Transient` or `Ambiguous` when Telegram
        can't be reached.
        """
        try:
            await self._run(emit, cursor)
        except ExceptionGroup as group:  # the task group's only one: its tasks mind their own
            error = group.exceptions[0]
            if isinstance(error, AuthFailed):
                self.link.set_refused(str(error))
            else:
                self.link.set_down(str(error) or type(error).__name__)
            raise error from error.__cause__

    async def _run(self, emit: Emit, cursor: Cursor | None) -> None:
        async with asyncio.TaskGroup() as tasks:
            user = await self._calls.get_me()
            self.link.set_up()
            me = Me(self.account, user.id, user.username or "")
            updates = Updates(me, emit, self._calls, self.link)
            own = [
                tasks.create_task(work) for work in (updates.answer_buttons(), self._drafts.work())
            ]
            try:
                if self._settings.webhook_url:
                    await self._webhook.run(self._calls, updates, self.link)
                else:
                    poll = Poll(self._calls, updates, self.link, self._pauses)
                    await poll.run(cursor)
            finally:
                for task in own:
                    task.cancel()

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post a message; a draft under its key ends."""
        await self._drafts.post(key)
        return await self._calls.send(to, body)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Replace a message's text."""
        await self._drafts.end(key)
        await self._calls.edit(ref, body)

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message."""
        await self._calls.delete(ref)

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """Telegram shows bots no history."""
        return None

    async def typing(self, to: Address) -> None:
        """Show that an answer is being written."""
        await self._calls.typing(to)

    async def open_stream(self, to: Address, key: str) -> Preview | None:
        """A draft, in a private chat on a server that has drafts."""
        return await self._drafts.open(to, key)

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef:
        """Post a file of at most 50 MB."""
        await self._drafts.post(key)
        return await self._calls.send_file(to, name, content)

    async def fetch(self, file: Attachment, max_bytes: int) -> bytes:
        """A file's content, of at most 20 MB."""
        return await self._calls.fetch(file.id, min(max_bytes, MAX_FILE_BYTES))

    def routes(self) -> Sequence[Route]:
        """Where Telegram calls, if it is to."""
        return self._webhook.routes()

    async def offer(self, menu: Menu) -> None:
        """Show these commands after `/`."""
        await self._board.offer(menu)

    async def check(self) -> str:
        """The bot's name there, and what it hears in groups."""
        user = await self._calls.get_me()
        hears = (
            "reads all messages of its groups"
            if user.can_read_all_group_messages
            else "privacy mode on: in groups it hears commands, mentions and replies"
        )
        return f"@{user.username} ({hears})"
