"""PURE. What the bot sends: contents of `m.room.message` events.

A message carries its HTML and, for clients without, its words alone; when both together would be
too large for an event, the words are cut, for nobody reads them beside the HTML. No message pings
anybody: `m.mentions` is there and empty, whatever the model wrote.
"""

import json
from collections.abc import Mapping
from typing import Any

from adapters.base import Address, Rendered
from adapters.markup import render

MAX_EVENT_BYTES = 65_536
"""Of a whole event (client-server API, "Size limits")."""
SEALED_BYTES = 44_000
"""A content of this size is an encrypted event of 4/3 of it, and of what the server adds."""
MAX_BODY_BYTES = 16_000
"""Of a rendered text: twice of it, for JSON escapes quotes and line ends, leaves room for words."""
LEAST_WORDS = 200
"""Characters of a text's words that an old client is always left with."""
FORMAT = "org.matrix.custom.html"
MARK = " …"


def message(body: Rendered, to: Address) -> dict[str, Any]:
    """A new message where it belongs."""
    content = _text(body)
    relates = _relates(to)
    if relates:
        content["m.relates_to"] = relates
    return content


def replacement(body: Rendered, event_id: str) -> dict[str, Any]:
    """A new text for a message; clients that know no edits show its first words."""
    text = _text(body)
    return {
        "msgtype": "m.text",
        "body": f"* {text['body'][:LEAST_WORDS]}",
        "m.mentions": {},
        "m.new_content": text,
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }


def file(name: str, mime: str, size_bytes: int, to: Address, **source: Any) -> dict[str, Any]:
    """A file; `source` is its `url`, or a `file` with the keys that open it."""
    content: dict[str, Any] = {
        "msgtype": "m.image" if mime.startswith("image/") else "m.file",
        "body": name,
        "filename": name,
        "info": {"mimetype": mime, "size": size_bytes},
        "m.mentions": {},
        **source,
    }
    relates = _relates(to)
    return content | {"m.relates_to": relates} if relates else content


def _text(body: Rendered) -> dict[str, Any]:
    words = render(body.source, "plain").text + (MARK if body.growing else "")
    content: dict[str, Any] = {
        "msgtype": "m.text",
        "body": words,
        "format": FORMAT,
        "formatted_body": body.text,
        "m.mentions": {},
    }
    room_bytes = SEALED_BYTES - _size(content | {"body": ""}) - 2 * LEAST_WORDS
    return content | {"body": _cut(words, room_bytes)}


def _cut(words: str, room_bytes: int) -> str:
    """As much of the words as fits, as JSON."""
    if _size({"": words}) <= room_bytes:
        return words
    while len(words) > LEAST_WORDS and _size({"": words}) > room_bytes:
        words = words[: max(LEAST_WORDS, len(words) * 3 // 4)]
    return words + MARK


def _size(value: Mapping[str, Any]) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())


def _relates(to: Address) -> dict[str, Any]:
    """In a thread, what is answered is the fallback of clients that know no threads."""
    if to.thread:
        return {
            "rel_type": "m.thread",
            "event_id": to.thread,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": to.reply_to or to.thread},
        }
    return {"m.in_reply_to": {"event_id": to.reply_to}} if to.reply_to else {}
