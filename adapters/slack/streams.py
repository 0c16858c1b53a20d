"""Answers that grow by Slack's own streaming, as far as it goes.

`chat.startStream` begins a message in a thread, `appendStream` adds up to 12,000 characters,
`stopStream` ends it and adds buttons and metadata; a stream that is about five minutes old, or that
a person stopped, is over (`message_not_in_streaming_state`). What was shown can't be changed while
it streams: an answer that does not continue goes on by `chat.update`. Only one stream is open in a
thread at a time, so that one which lost its response is found by bot, thread and time.
"""

import asyncio
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from adapters.base import (
    Address,
    Ambiguous,
    AuthFailed,
    Gone,
    MessageRef,
    RateLimited,
    Rejected,
    Rendered,
)
from adapters.markup import render
from adapters.slack import blocks
from adapters.slack.api import Api
from adapters.slack.errors import MissingScope, Refusal
from adapters.slack.fields import Json, text
from adapters.slack.ids import is_direct, name_of, parse_name, team_and_user
from adapters.slack.names import Names
from adapters.slack.recent import Recent

STREAM_CHARS = 12_000
LIFE_S = 240.0
"""A stream is ended by us before Slack does it."""
KEPT = 2_000
STARTS_PER_MINUTE = 15
"""Starting and stopping are of tier 2, 20 a minute each: the rest is for streams to be ended."""
OVER = {"message_not_in_streaming_state", "stopped_by_user", "streaming_state_conflict"}
NEVER = {"unknown_method", "not_allowed", "feature_not_enabled", "method_deprecated"}


@dataclass(slots=True)
class Stream:
    """An open stream. `shown` is what its message holds."""

    name: str
    thread: str
    key: str
    shown: str
    started_at: float


class Streams:
    """The open streams of this run, and which messages are known not to be one."""

    def __init__(self, api: Api, names: Names) -> None:
        self._api = api
        self._names = names
        self._open: dict[str, Stream] = {}
        self._keys: Recent[str, str] = Recent(KEPT)
        self._starts: deque[float] = deque(maxlen=STARTS_PER_MINUTE)
        self._is_native = True

    async def start(self, to: Address, body: Rendered, key: str, team: str) -> MessageRef | None:
        """Begin a message that grows; None where that can't be: it is posted then."""
        opening = _content(body)
        recipient = self._recipient(to, team)
        if not self._is_possible(to) or recipient is None or not opening.strip():
            return None
        self._starts.append(_now())
        try:
            answer = await self._api.write(
                "chat.startStream",
                channel=to.room,
                thread_ts=to.thread,
                markdown_text=opening[:STREAM_CHARS],
                **recipient,
            )
        except (Refusal, Gone) as error:
            if isinstance(error, Refusal) and error.code in NEVER:
                self._is_native = False
            return None
        except MissingScope:
            self._is_native = False
            return None
        except RateLimited:
            return None
        name = name_of(to.room, text(answer.get("ts")))
        shown = opening[:STREAM_CHARS]
        self._open[name] = Stream(name, to.thread or "", key, shown, _now())
        return MessageRef(to, name)

    async def grow(self, name: str, body: Rendered) -> bool:
        """Show more of an answer; False when its message streams no more and has to be edited."""
        stream = self._open.get(name)
        content = _content(body)
        if stream is None:
            return False
        rest = content[len(stream.shown) :]
        is_old = _now() - stream.started_at > LIFE_S
        if is_old or not content.startswith(stream.shown) or len(rest) > STREAM_CHARS:
            await self.stop(name, key=stream.key)
            return False
        if rest and not await self._append(stream, rest):
            self._end(stream)
            return False
        stream.shown = content
        return True

    async def finish(self, name: str, body: Rendered, key: str) -> None:
        """End a message's stream, if it has one or may have; the last of its text comes with it.

        A message of an earlier run may be one; Slack is asked to stop it.
        """
        stream = self._open.get(name)
        if stream is None:
            if name not in self._keys:
                with suppress(RateLimited):  # the edit says whether it is one
                    await self.stop(name, key=key)
            return
        content = _content(body)
        rest = content[len(stream.shown) :] if content.startswith(stream.shown) else ""
        await self.stop(name, key=stream.key, rest=rest[:STREAM_CHARS], body=body)

    async def stop(
        self, name: str, *, key: str, rest: str = "", body: Rendered | None = None
    ) -> None:
        """End a stream; one that is over, or never was, is no fault."""
        channel, ts = parse_name(name)
        arguments: Json = {"channel": channel, "ts": ts, "metadata": blocks.metadata(key)}
        if rest:
            arguments["markdown_text"] = rest
        if body and body.buttons:
            arguments["blocks"] = blocks.actions(body.buttons)
        stream = self._open.pop(name, None)
        self._keys.put(name, key)
        try:
            await self._api.write("chat.stopStream", **arguments)
        except (Rejected, MissingScope):
            return  # the edit that follows says what is wrong, if anything is
        except (Ambiguous, RateLimited, AuthFailed):
            if stream is None:
                self._keys.drop(name)
            else:
                self._open[name] = stream
            raise

    def key_of(self, name: str) -> str | None:
        """The key that a message was sent under, if that was not long ago."""
        stream = self._open.get(name)
        return stream.key if stream else self._keys.get(name)

    def note_posted(self, name: str, key: str) -> None:
        """A message that never was a stream."""
        self._keys.put(name, key)

    def forget(self, name: str) -> None:
        """A message was deleted."""
        self._open.pop(name, None)
        self._keys.drop(name)

    def _is_possible(self, to: Address) -> bool:
        busy = any(
            stream.thread == to.thread and parse_name(stream.name)[0] == to.room
            for stream in self._open.values()
        )
        is_fast = len(self._starts) == STARTS_PER_MINUTE and _now() - self._starts[0] < 60
        return self._is_native and bool(to.thread) and not busy and not is_fast

    def _recipient(self, to: Address, team: str) -> Json | None:
        """Whom a stream in a channel is for; None when that is not known."""
        if is_direct(to.room):
            return {}
        author = self._names.author(to.reply_to)
        if not author or not team:
            return None
        theirs, user = team_and_user(author)
        return {"recipient_user_id": user, "recipient_team_id": theirs or team}

    async def _append(self, stream: Stream, rest: str) -> bool:
        channel, ts = parse_name(stream.name)
        try:
            await self._api.write("chat.appendStream", channel=channel, ts=ts, markdown_text=rest)
        except Refusal as error:
            if error.code in OVER:
                return False
            raise
        except Ambiguous:
            # Asked again it might stand there twice: the whole text is set by an edit instead.
            await self.stop(stream.name, key=stream.key)
            return False
        return True

    def _end(self, stream: Stream) -> None:
        self._open.pop(stream.name, None)
        self._keys.put(stream.name, stream.key)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _content(body: Rendered) -> str:
    """What is streamed: the text without the mark that more is to come."""
    return render(body.source, "slack").text if body.growing else body.text
