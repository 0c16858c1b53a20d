"""What the bot asks of Telegram: one attempt a call, its outcome in terms of `adapters.base`.

Receiving and sending have connections of their own, so that a long poll never keeps a message from
going out. Nothing is logged here: the address of every request holds the token.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar, cast

import httpx
from telegram import (
    Bot,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    ReplyParameters,
    User,
)
from telegram.constants import ChatAction, ParseMode
from telegram.error import BadRequest, ChatMigrated, InvalidToken, TelegramError
from telegram.request import HTTPXRequest

from adapters.base import Address, AuthFailed, Button, Gone, MessageRef, Rejected, Rendered
from adapters.dialects.telegram import read
from adapters.telegram.errors import CANT_PARSE, NOT_MODIFIED, REFUSED, mapped
from adapters.telegram.wire import name_of, parse_name

T = TypeVar("T")

MAX_UNITS = 4096
"""The length of a text after entity parsing, in UTF-16 units (Bot API, sendMessage)."""
MAX_FILE_BYTES = 20_000_000
"""What a bot may download (Bot API, getFile)."""
CONNECTIONS = 16
NO_PREVIEW = LinkPreviewOptions(is_disabled=True)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. `poll_s` is how long the server holds a poll open; `hung_s` comes on top of it."""

    connect_s: float = 10.0
    answer_s: float = 20.0
    upload_s: float = 120.0
    poll_s: int = 30
    hung_s: float = 15.0


class Request(HTTPXRequest):
    """The SDK's transport, which keeps to itself what it can't read: it may hold people's words."""

    @staticmethod
    def parse_json_payload(payload: bytes) -> dict[str, Any]:
        """Parse an answer. Raises `TelegramError` when it is no JSON object."""
        try:
            answer = json.loads(payload)
        except ValueError as error:
            raise TelegramError("an answer that is no JSON") from error
        if not isinstance(answer, dict):
            raise TelegramError("an answer that is no object")
        return cast("dict[str, Any]", answer)


class PollingBot(Bot):
    """The SDK's bot, which can also give updates unread: one that can't be read spoils no batch."""

    async def raw_updates(
        self, offset: int | None, wanted: Sequence[str], timeouts: Timeouts
    ) -> list[dict[str, Any]]:
        """As `get_updates`, for the JSON objects."""
        data = {"offset": offset, "timeout": timeouts.poll_s, "allowed_updates": list(wanted)}
        wait_s = timeouts.poll_s + timeouts.answer_s
        answer: object = await self._post("getUpdates", data, read_timeout=wait_s)
        if not isinstance(answer, list):
            raise TelegramError("updates that are no list")
        listed = cast("list[object]", answer)
        return [cast("dict[str, Any]", raw) for raw in listed if isinstance(raw, dict)]


class Calls:
    """The methods of the Bot API that Parley needs, between `open` and `close`."""

    def __init__(self, token: str, base_url: str, timeouts: Timeouts) -> None:
        root = base_url.rstrip("/")
        self.timeouts = timeouts
        self._sending = _request(timeouts, CONNECTIONS)
        self._polling = _request(timeouts, connections=2)
        self._files = httpx.AsyncClient(
            timeout=httpx.Timeout(timeouts.answer_s, connect=timeouts.connect_s)
        )
        self.bot = PollingBot(
            token or "0:",
            base_url=f"{root}/bot",
            base_file_url=f"{root}/file/bot",
            request=self._sending,
            get_updates_request=self._polling,
        )
        self._moved: dict[int, int] = {}

    async def open(self) -> None:
        """Make the connections, without using any."""
        await self._sending.initialize()
        await self._polling.initialize()

    async def close(self) -> None:
        """Give up all connections."""
        await self._sending.shutdown()
        await self._polling.shutdown()
        await self._files.aclose()

    async def get_me(self) -> User:
        """Who the bot is. Raises `AuthFailed` for a wrong and for a malformed token."""
        with mapped():
            try:
                return await self.bot.get_me()
            except InvalidToken as error:  # every server has this method: 404 is the token's
                raise AuthFailed(REFUSED) from error

    async def get_updates(self, offset: int | None, wanted: Sequence[str]) -> list[dict[str, Any]]:
        """The unconfirmed updates from `offset` on, as they came; all before it are confirmed."""
        with mapped():
            try:
                return await self.bot.raw_updates(offset, wanted, self.timeouts)
            except InvalidToken as error:
                raise AuthFailed(REFUSED) from error

    async def send(self, to: Address, body: Rendered) -> MessageRef:
        """Post a text; a reply where there is something to reply to."""

        async def post(chat: int, text: str, mode: str | None) -> MessageRef:
            message = await self.bot.send_message(
                chat,
                text,
                parse_mode=mode,
                message_thread_id=_thread(to),
                reply_parameters=_reply(to, chat),
                reply_markup=_keyboard(body.buttons),
                link_preview_options=NO_PREVIEW,
            )
            return MessageRef(to, name_of(message.chat.id, message.message_id))

        with mapped():
            return await self._followed(
                _room(to), lambda chat: _shown(body, lambda text, mode: post(chat, text, mode))
            )

    async def edit(self, ref: MessageRef, body: Rendered) -> None:
        """Replace a text. That it was this text already is success."""
        chat, message = _named(ref)

        async def change(text: str, mode: str | None) -> None:
            try:
                await self.bot.edit_message_text(
                    text,
                    chat,
                    message,
                    parse_mode=mode,
                    reply_markup=_keyboard(body.buttons),
                    link_preview_options=NO_PREVIEW,
                )
            except BadRequest as error:
                if NOT_MODIFIED not in str(error).lower():
                    raise
            except ChatMigrated as error:  # what was written before the move can't be changed
                raise Gone("The message is gone.") from error

        with mapped():
            await _shown(body, change)

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message. That it is gone is success."""
        chat, message = _named(ref)
        try:
            with mapped():
                await self.bot.delete_message(chat, message)
        except Gone:
            return

    async def typing(self, to: Address) -> None:
        """Show for 5 seconds that the bot is writing."""
        with mapped():
            await self._followed(
                _room(to),
                lambda chat: self.bot.send_chat_action(
                    chat, ChatAction.TYPING, message_thread_id=_thread(to)
                ),
            )

    async def send_file(self, to: Address, name: str, content: bytes) -> MessageRef:
        """Post a file."""

        async def post(chat: int) -> MessageRef:
            message = await self.bot.send_document(
                chat,
                InputFile(content, name),
                message_thread_id=_thread(to),
                reply_parameters=_reply(to, chat),
                read_timeout=self.timeouts.upload_s,
            )
            return MessageRef(to, name_of(message.chat.id, message.message_id))

        with mapped():
            return await self._followed(_room(to), post)

    async def fetch(self, file_id: str, max_bytes: int) -> bytes:
        """Download a file. Raises `Rejected` when it is larger than `max_bytes`."""
        with mapped():
            file = await self.bot.get_file(file_id)
            if not file.file_path or (file.file_size or 0) > max_bytes:
                raise Rejected("The file is too large.")
            async with self._files.stream("GET", file.file_path) as response:
                if response.status_code != HTTPStatus.OK:
                    raise Rejected("The file is gone.")
                return await _bounded(response, max_bytes)

    async def draft(self, to: Address, draft_id: int, body: Rendered) -> None:
        """Show a text that grows, for 30 seconds; private chats only (Bot API 9.3)."""

        async def show(text: str, mode: str | None) -> None:
            await self.bot.send_message_draft(
                _room(to), draft_id, text, message_thread_id=_thread(to), parse_mode=mode
            )

        with mapped():
            await _shown(body, show)

    async def _followed(self, chat: int, call: Callable[[int], Awaitable[T]]) -> T:
        """Call for a chat, or for the supergroup that it became."""
        try:
            return await call(self._moved.get(chat, chat))
        except ChatMigrated as error:
            self._moved[chat] = error.new_chat_id
            return await call(error.new_chat_id)


async def _shown(body: Rendered, call: Callable[[str, str | None], Awaitable[T]]) -> T:
    """Show a body with its markup, or as it reads when the server can't parse that."""
    try:
        return await call(body.text, ParseMode.HTML)
    except BadRequest as error:
        if CANT_PARSE not in str(error).lower():
            raise
        return await call(read(body.text), None)


async def _bounded(response: httpx.Response, max_bytes: int) -> bytes:
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > max_bytes:
            raise Rejected("The file is too large.")
    return bytes(content)


def _request(timeouts: Timeouts, connections: int) -> Request:
    return Request(
        connection_pool_size=connections,
        connect_timeout=timeouts.connect_s,
        read_timeout=timeouts.answer_s,
        write_timeout=timeouts.answer_s,
        media_write_timeout=timeouts.upload_s,
        pool_timeout=timeouts.answer_s,
    )


def _room(to: Address) -> int:
    try:
        return int(to.room)
    except ValueError as error:
        raise Rejected(f"{to.room!r} is no chat of Telegram's.") from error


def _named(ref: MessageRef) -> tuple[int, int]:
    try:
        return parse_name(ref.remote_id)
    except ValueError as error:
        raise Rejected(f"{ref.remote_id!r} is no message of Telegram's.") from error


def _thread(to: Address) -> int | None:
    return int(to.thread) if to.thread and to.thread.isdecimal() else None


def _reply(to: Address, chat: int) -> ReplyParameters | None:
    """The message that is answered, unless the room moved on from it or somebody deleted it."""
    try:
        room, message = parse_name(to.reply_to)
    except ValueError:  # nothing is answered
        return None
    if room != chat:
        return None
    return ReplyParameters(message, allow_sending_without_reply=True)


def _keyboard(buttons: Sequence[Button]) -> InlineKeyboardMarkup | None:
    if not buttons:
        return None
    row = [InlineKeyboardButton(each.label, callback_data=each.action) for each in buttons]
    return InlineKeyboardMarkup([row])
