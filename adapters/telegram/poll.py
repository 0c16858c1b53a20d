"""Long polling: fetch, hand over, and confirm by asking for what comes next.

The server confirms all updates below the `offset` of a call (Bot API, getUpdates), so the offset
is always one above what `emit` has on disk. It follows the last batch wherever that goes: ids may
begin anew at a lower number, and a server asked for ids that it has not reached begins at its
first unconfirmed update (tdlib/telegram-bot-api, `Client::do_get_updates`).
"""

import asyncio
from typing import Any

import structlog

from adapters.base import AdapterError, Ambiguous, Cursor, RateLimited, Transient
from adapters.capabilities import Link
from adapters.telegram.calls import Calls
from adapters.telegram.errors import Contested, mapped
from adapters.telegram.updates import Updates
from adapters.telegram.wire import WANTED

log = structlog.get_logger(__name__)

PAUSE_S = 1.0
"""Before updates that could not be stored are fetched again."""
CONFLICT_PAUSE_S = 3.0
WEBHOOK_SET = "A webhook was set for the bot; it is removed, since telegram.webhook_url is empty."
ANOTHER = "Another program polls with the bot's token; stop it, or give one of the two a new token."


class Poll:
    """The loop of one bot. `pauses` is a factor of all pauses, for tests in a hurry."""

    def __init__(self, calls: Calls, updates: Updates, link: Link, pauses: float = 1.0) -> None:
        self._calls = calls
        self._updates = updates
        self._link = link
        self._pauses = pauses

    async def run(self, cursor: Cursor | None) -> None:
        """Receive until cancelled. Raises `Transient` when Telegram can't be reached."""
        offset = int(cursor) + 1 if cursor else None
        while True:
            batch = await self._fetch(offset)
            if not batch:
                continue
            last = max(raw["update_id"] for raw in batch)
            try:
                await self._updates.take(batch, str(last))
            except AdapterError as error:  # not on disk, so not confirmed: it is fetched again
                log.warning("updates wait for storage", count=len(batch), error=str(error))
                await self._pause(PAUSE_S)
            else:
                offset = last + 1

    async def _fetch(self, offset: int | None) -> list[dict[str, Any]]:
        """One poll's updates in order; none when it has to be tried again."""
        timeouts = self._calls.timeouts
        try:
            async with asyncio.timeout(timeouts.poll_s + timeouts.hung_s):
                batch = await self._calls.get_updates(offset, WANTED)
        except TimeoutError:
            self._link.set_down("A poll of Telegram hung; it is repeated.")
            return []
        except Contested as error:
            await self._resolve(str(error))
            return []
        except RateLimited as error:
            self._link.set_down(str(error))
            await self._pause(error.retry_after_s)
            return []
        except Ambiguous as error:  # a question may be asked again
            raise Transient(str(error)) from error
        self._link.set_up()
        numbered = [raw for raw in batch if isinstance(raw.get("update_id"), int)]
        return sorted(numbered, key=lambda raw: raw["update_id"])

    async def _resolve(self, reason: str) -> None:
        """Make way for polling where that is ours to do."""
        is_webhook = "webhook" in reason.lower()
        self._link.set_down(WEBHOOK_SET if is_webhook else ANOTHER)
        log.warning("polling is refused", why=self._link.detail)
        if is_webhook:
            with mapped():
                await self._calls.bot.delete_webhook(drop_pending_updates=False)
        else:
            await self._pause(CONFLICT_PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self._pauses)
