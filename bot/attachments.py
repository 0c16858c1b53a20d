"""What people attach: fetched from its platform, read, and quoted into the question.

A file that can't be fetched or read takes nothing away from the question; its author is told why.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog
import tenacity

from adapters import base
from adapters.base import Adapter, Attachment, MessageEvent
from adapters.capabilities import Fetches
from bot.hygiene import clean
from bot.patience import is_passing, pause_s
from bot.reading import LIMITS, quoted, read_attachment
from bot.texts import Texts

log = structlog.get_logger(__name__)

MOST_FILES = 5
"""Files of one message that are read."""
FETCH_ATTEMPTS = 3
LONGEST_PAUSE_S = 10.0


@dataclass(slots=True)
class Attached:
    """What came of a message's files: text for the model, and what its author is to be told."""

    quotes: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


class Attachments:
    """Reads files by way of the adapters they came through."""

    def __init__(self, adapters: Mapping[tuple[str, str], Adapter]) -> None:
        self._adapters = adapters

    async def read(self, event: MessageEvent, texts: Texts) -> Attached:
        """Read the files of a message."""
        attached = Attached()
        for file in event.files[:MOST_FILES]:
            reason = await self._read(event, file, attached)
            if reason:
                why = getattr(texts, reason)
                attached.notes.append(texts.file_note.format(name=clean(file.name), why=why))
        if len(event.files) > MOST_FILES:
            attached.notes.append(texts.too_many_files.format(limit=MOST_FILES))
        return attached

    async def _read(self, event: MessageEvent, file: Attachment, attached: Attached) -> str:
        """Read one file into `attached`; the reason why not, by its name in `Texts`, if not."""
        if file.size_bytes is not None and file.size_bytes > LIMITS.max_bytes:
            return "file_too_large"
        adapter = self._adapters.get((event.address.platform, event.address.account))
        if not isinstance(adapter, Fetches):
            return "file_unreachable"
        try:
            content = await _fetched(adapter, file)
        except base.AdapterError as error:
            log.warning("a file can't be fetched", platform=adapter.name, error=str(error))
            return "file_unreachable"
        found = await read_attachment(file.name, file.mime, content)
        if found.reason:
            return found.reason
        attached.quotes.append(quoted(clean(file.name), clean(found.text)))
        return ""


async def _fetched(adapter: Fetches, file: Attachment) -> bytes:
    retrying = tenacity.AsyncRetrying(
        wait=_pause_s,
        stop=tenacity.stop_after_attempt(FETCH_ATTEMPTS),
        retry=tenacity.retry_if_exception(is_passing),
        reraise=True,
    )
    return await retrying(adapter.fetch, file, LIMITS.max_bytes)


def _pause_s(state: tenacity.RetryCallState) -> float:
    return min(pause_s(state), LONGEST_PAUSE_S)
