"""What a call gives: values that a form carries as JSON, messages by Slack's limits, refusals."""

import json
from typing import Any

from tests.fakes.slack import blocks as reading
from tests.fakes.slack.blocks import BlockError
from tests.fakes.slack.places import Version

Json = dict[str, Any]
STREAM_CHARS = 12_000


class ApiError(Exception):
    """`ok: false` with a code, and what else the answer says."""

    def __init__(self, code: str, **more: str) -> None:
        super().__init__(code)
        self.code = code
        self.more = more


def version(given: Json) -> Version:
    """What a message is to show; a longer text than Slack takes is cut."""
    text, shown = str(given.get("text") or ""), blocks(given)
    if not text and not shown:
        raise ApiError("no_text")
    return Version(text[: reading.MAX_TEXT], shown)


def blocks(given: Json) -> tuple[Json, ...]:
    """The blocks, if Slack takes them."""
    found: list[Json] = parsed(given.get("blocks")) or []
    try:
        reading.check(found)
    except (BlockError, KeyError, TypeError) as error:
        raise ApiError(str(error) if isinstance(error, BlockError) else "invalid_blocks") from None
    return tuple(found)


def streamed(given: Json) -> str:
    """Markdown as one text, or in chunks as SDKs send it."""
    chunks: list[Json] = parsed(given.get("chunks")) or []
    text = str(given.get("markdown_text") or "")
    text += "".join(str(each.get("text", "")) for each in chunks)
    if len(text) > STREAM_CHARS:
        raise ApiError("msg_too_long")
    return text


def metadata(given: Json) -> Json | None:
    """What programs read of a message."""
    found: Json | None = parsed(given.get("metadata"))
    if found and not (found.get("event_type") and isinstance(found.get("event_payload"), dict)):
        raise ApiError("invalid_metadata_format")
    return found


def parsed(value: Any) -> Any:
    """A value that a form carries as JSON."""
    return json.loads(value) if isinstance(value, str) and value else value
