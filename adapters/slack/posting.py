"""Messages to channels, threads and direct chats: posted once, changed, found again, removed."""

from collections.abc import Sequence
from datetime import datetime

from adapters.base import Address, Gone, MessageRef, Rejected, Rendered
from adapters.slack import blocks
from adapters.slack.api import Api
from adapters.slack.errors import Refusal
from adapters.slack.fields import Json, table, tables, text
from adapters.slack.files import FILE, Files
from adapters.slack.ids import is_direct, name_of, parse_name
from adapters.slack.names import Names
from adapters.slack.scene import Me
from adapters.slack.streams import OVER, Streams

PAGE = 200
MAX_PAGES = 10


class Posting:
    """The messages of one bot. `status` stands beside its name while it writes."""

    def __init__(self, api: Api, names: Names, streams: Streams, files: Files, status: str) -> None:
        self._api = api
        self._names = names
        self._streams = streams
        self._files = files
        self._status = status
        self._me: Me | None = None

    async def me(self) -> Me:
        """The bot, asked for once."""
        if self._me is None:
            self._me, _ = await self._api.who_am_i()
        return self._me

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post a message; one that grows streams where Slack lets it."""
        if body.growing and to.thread:
            team = "" if is_direct(to.room) else (await self.me()).team
            ref = await self._streams.start(to, body, key, team)
            if ref:
                self._names.note_sent(ref.remote_id, to.thread)
                return ref
        answer = await self._api.write(
            "chat.postMessage",
            channel=to.room,
            thread_ts=to.thread,
            metadata=blocks.metadata(key),
            unfurl_links=False,
            unfurl_media=False,
            parse="none",
            link_names=False,
            **blocks.message(body),
        )
        name = name_of(text(answer.get("channel")) or to.room, text(answer.get("ts")))
        self._streams.note_posted(name, key)
        self._names.note_sent(name, to.thread)
        return MessageRef(to, name)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Replace a message's body."""
        if body.growing and await self._streams.grow(ref.remote_id, body):
            return
        if ref.address.thread:
            await self._streams.finish(ref.remote_id, body, key)
        try:
            await self._update(ref.remote_id, body, key)
        except Refusal as error:
            if error.code not in OVER:
                raise
            await self._streams.stop(ref.remote_id, key=key)
            await self._update(ref.remote_id, body, key)

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message."""
        channel, ts = parse_name(ref.remote_id)
        self._streams.forget(ref.remote_id)
        try:
            if ts.startswith(FILE):
                await self._files.delete(ts)
            else:
                await self._api.write("chat.delete", channel=channel, ts=ts)
        except Gone:
            return
        except Refusal as error:
            if error.code not in ("file_not_found", "file_deleted"):
                raise

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The message under a key, by its metadata; a stream's start carries none.

        It is the newest of the bot's in the thread that streams or streamed, with no key of its
        own and under none that this run knows.
        """
        me = await self.me()
        messages = await self._history(to, since)
        for message in messages:
            if blocks.key_of(message.get("metadata")) == key:
                return self._found(to, message)
        for message in messages if to.thread else ():
            is_own = text(message.get("user")) == me.user or text(message.get("bot_id")) == me.bot
            name = name_of(to.room, text(message.get("ts")))
            known = self._streams.key_of(name)
            if is_own and _is_stream_without_key(message) and known in (None, key):
                return self._found(to, message)
        return None

    async def typing(self, to: Address) -> None:
        """Show a status in an assistant's thread; Slack has no such sign elsewhere."""
        if not (to.thread and is_direct(to.room)) or to.whisper:
            return
        try:
            await self._api.write(
                "assistant.threads.setStatus",
                channel_id=to.room,
                thread_ts=to.thread,
                status=self._status,
            )
        except Rejected:
            return  # a thread of direct messages that is no assistant's

    async def _update(self, name: str, body: Rendered, key: str) -> None:
        channel, ts = parse_name(name)
        await self._api.write(
            "chat.update",
            channel=channel,
            ts=ts,
            metadata=blocks.metadata(self._streams.key_of(name) or key),
            parse="none",
            link_names=False,
            **blocks.message(body),
        )

    async def _history(self, to: Address, since: datetime) -> Sequence[Json]:
        """The messages of the place after a time, the newest first."""
        method = "conversations.replies" if to.thread else "conversations.history"
        oldest = f"{since.timestamp():.6f}"
        found: list[Json] = []
        cursor = None
        for _ in range(MAX_PAGES):
            page = await self._api.read(
                method,
                channel=to.room,
                ts=to.thread,
                oldest=oldest,
                limit=str(PAGE),
                include_all_metadata="true",
                cursor=cursor,
            )
            found += tables(page.get("messages"))
            cursor = text(table(page.get("response_metadata")).get("next_cursor"))
            if not cursor:
                break
        found = [message for message in found if _is_after(message, oldest)]
        return sorted(found, key=lambda message: text(message.get("ts")), reverse=True)

    def _found(self, to: Address, message: Json) -> MessageRef:
        name = name_of(to.room, text(message.get("ts")))
        self._names.note_sent(name, to.thread)
        return MessageRef(to, name)


def _is_stream_without_key(message: Json) -> bool:
    streamed = text(message.get("streaming_state"))
    return bool(streamed) and not blocks.key_of(message.get("metadata"))


def _is_after(message: Json, oldest: str) -> bool:
    try:
        return float(text(message.get("ts"))) >= float(oldest)
    except ValueError:
        return False
