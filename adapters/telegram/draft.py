"""Answers that grow as drafts: `sendMessageDraft`, in private chats, where the server has it.

A draft shows for 30 seconds and goes when the message comes (Bot API, sendMessageDraft). Whoever
writes an answer only leaves its newest text here; one task of the adapter's sends what is due.
"""

import asyncio
import hashlib
from collections import deque
from dataclasses import replace

import structlog

from adapters import markup
from adapters.base import AdapterError, Address, Limits, RateLimited, Rejected, Rendered
from adapters.split import split
from adapters.telegram.calls import Calls
from adapters.telegram.errors import NoSuchMethod

log = structlog.get_logger(__name__)

GROWING = " …"
THINKING = Rendered("…", "…", growing=True)
MARK_ROOM = 16
"""Units kept free for the mark that more is to come."""
FORGOTTEN_S = 600.0
MAX_REMEMBERED = 10_000
MAX_OPEN = 64
"""Drafts at a time; of more, answers show as messages that are edited."""


class Draft:
    """One answer's preview."""

    def __init__(self, to: Address, key: str, limits: Limits, every_s: float) -> None:
        self._to = to
        self._id = draft_id(key)
        self._narrow = replace(limits, max_chars=limits.max_chars - MARK_ROOM)
        self._every_s = every_s
        self._text = THINKING
        self._changed = asyncio.Event()
        self._over = asyncio.Event()
        self._sending = asyncio.Lock()

    async def wait(self, place: int, eta_s: float | None) -> None:
        """Show the place in the queue, in signs that need no language."""
        eta = "" if eta_s is None else f" · {eta_s:.0f} s"
        self._put(Rendered(f"⏳ {place}{eta}", f"⏳ {place}{eta}", growing=True))

    async def show(self, markdown: str) -> None:
        """Show the end of the answer so far; its beginning, once it is too long, comes later."""
        source = split(markdown, self._narrow)[-1].rstrip() + GROWING if markdown.strip() else "…"
        rendered = markup.render(source, self._narrow.dialect)
        self._put(replace(rendered, source=source, growing=True))

    async def close(self) -> None:
        """Send nothing more. A draft can't be taken back: it goes with the next message."""
        self._over.set()
        self._changed.set()
        async with self._sending:  # a draft that came after the message would stand beside it
            return

    async def begin(self, calls: Calls) -> None:
        """Show that the answer begins. Raises as calls do."""
        await calls.draft(self._to, self._id, THINKING)

    async def keep_up(self, calls: Calls, renew_s: float) -> None:
        """Send what is newest, as often as the pace allows, and again before it fades.

        Whoever has nothing new for so long that it seems forgotten is not waited for.
        """
        quiet_s = 0.0
        while not self._over.is_set() and quiet_s < FORGOTTEN_S:
            self._changed.clear()
            await _wait(self._over, await self._send(calls))
            await _wait(self._changed, renew_s)
            quiet_s = 0.0 if self._changed.is_set() else quiet_s + renew_s

    async def _send(self, calls: Calls) -> float:
        """The seconds to wait after it."""
        async with self._sending:
            if self._over.is_set():
                return 0.0
            try:
                await calls.draft(self._to, self._id, self._text)
            except RateLimited as error:
                return error.retry_after_s
            except Rejected as error:
                log.debug("a draft is refused", error=str(error))
                self._over.set()
            except AdapterError as error:
                log.debug("a draft was not shown", error=str(error))
        return self._every_s

    def _put(self, text: Rendered) -> None:
        if text != self._text:
            self._text = text
            self._changed.set()


class Drafts:
    """All drafts of one bot."""

    def __init__(
        self, calls: Calls, limits: Limits, every_s: float = 1.0, renew_s: float = 20.0
    ) -> None:
        self._calls = calls
        self._limits = limits
        self._every_s = every_s
        self._renew_s = renew_s
        self._open: dict[str, Draft] = {}
        self._posted: deque[str] = deque(maxlen=MAX_REMEMBERED)
        self._tasks: asyncio.TaskGroup | None = None
        self._are_known = True

    async def work(self) -> None:
        """Send drafts until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    async def open(self, to: Address, key: str) -> Draft | None:
        """A draft that shows at once; None where it can't, and for ever where there are none.

        None too for a message that was posted already: it changes where it stands.
        """
        can_show = to.direct and self._are_known and self._tasks is not None
        if not can_show or key in self._posted or len(self._open) >= MAX_OPEN:
            return None
        draft = Draft(to, key, self._limits, self._every_s)
        try:
            await draft.begin(self._calls)
        except Rejected as error:
            self._are_known = not isinstance(error, NoSuchMethod)
            return None
        except AdapterError:
            return None
        return self._start(key, draft)

    async def post(self, key: str) -> None:
        """The message of this key comes now."""
        self._posted.append(key)
        await self.end(key)

    async def end(self, key: str) -> None:
        """The message of this key comes or changes now; the key of an edit begins with it."""
        for opened in [each for each in self._open if f"{key}.".startswith(f"{each}.")]:
            await self._open.pop(opened).close()

    def _start(self, key: str, draft: Draft) -> Draft | None:
        if self._tasks is None:
            return None
        self._open[key] = draft
        task = self._tasks.create_task(draft.keep_up(self._calls, self._renew_s))
        task.add_done_callback(lambda _: self._forget(key, draft))
        return draft

    def _forget(self, key: str, draft: Draft) -> None:
        if self._open.get(key) is draft:
            del self._open[key]


def draft_id(key: str) -> int:
    """The number of the draft under a key: never 0, and the same every time."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:3], "big") + 1


async def _wait(event: asyncio.Event, timeout_s: float) -> None:
    try:
        async with asyncio.timeout(timeout_s):
            await event.wait()
    except TimeoutError:
        return
