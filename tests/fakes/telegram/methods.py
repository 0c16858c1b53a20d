"""The methods of the Bot API that a bot can call, with the server's own words of refusal."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any, cast

from tests.fakes.telegram.chat import Chat, Draft, File, Message, Version
from tests.fakes.telegram.entities import EntityError, detected, parse_html, units
from tests.fakes.telegram.queue import DEFAULT, Conflict
from tests.fakes.telegram.world import World

MAX_TEXT_UNITS = 4096
MAX_CAPTION_UNITS = 1024
MAX_BUTTON_BYTES = 64
MAX_COMMANDS = 100
MAX_DOWNLOAD_BYTES = 20_000_000
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)

Parameters = Mapping[str, Any]


class ApiError(Exception):
    """A refusal."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


def bad_request(description: str, **parameters: Any) -> ApiError:
    return ApiError(400, f"Bad Request: {description}", **parameters)


@dataclass(frozen=True, slots=True)
class UploadedFile:
    """A file in a request."""

    name: str
    mime: str
    content: bytes


@dataclass(slots=True)
class Hook:
    """The webhook as the bot set it; `last_error` is what its last delivery met."""

    url: str = ""
    secret: str = ""
    last_error: str = ""


@dataclass(slots=True)
class Methods:
    """All methods, by name. `commands` are the menus by scope and language."""

    world: World
    hook: Hook = field(default_factory=Hook)
    commands: dict[tuple[str, str], list[dict[str, str]]] = field(
        default_factory=dict[tuple[str, str], list[dict[str, str]]]
    )
    on_hook: Callable[[], None] = lambda: None

    def find(self, name: str) -> Callable[[Parameters], Awaitable[Any]]:
        """A method by its name, in any case. Raises `ApiError`."""
        known: dict[str, Callable[[Parameters], Awaitable[Any]]] = {
            "getme": self.get_me,
            "getupdates": self.get_updates,
            "setwebhook": self.set_webhook,
            "deletewebhook": self.delete_webhook,
            "getwebhookinfo": self.get_webhook_info,
            "sendmessage": self.send_message,
            "editmessagetext": self.edit_message_text,
            "deletemessage": self.delete_message,
            "sendchataction": self.send_chat_action,
            "sendmessagedraft": self.send_message_draft,
            "senddocument": self.send_document,
            "setmessagereaction": self.set_message_reaction,
            "answercallbackquery": self.answer_callback_query,
            "setmycommands": self.set_my_commands,
            "deletemycommands": self.delete_my_commands,
            "getfile": self.get_file,
        }
        if name.lower() not in known:
            raise ApiError(404, "Not Found: method not found")
        return known[name.lower()]

    async def get_me(self, given: Parameters) -> Any:
        return {
            **self.world.bot.json(),
            "can_join_groups": True,
            "can_read_all_group_messages": not self.world.privacy,
            "supports_inline_queries": False,
        }

    async def get_updates(self, given: Parameters) -> Any:
        if self.hook.url:
            description = (
                "Conflict: can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )
            raise ApiError(409, description)
        self._want(given)
        offset, limit = int(given.get("offset") or 0), int(given.get("limit") or 100)
        try:
            return await self.world.queue.poll(offset, limit, float(given.get("timeout") or 0))
        except Conflict as conflict:
            description = (
                "Conflict: terminated by other getUpdates request; "
                "make sure that only one bot instance is running"
            )
            raise ApiError(409, description) from conflict

    async def set_webhook(self, given: Parameters) -> Any:
        self._want(given)
        self.hook.url, self.hook.secret = given.get("url", ""), given.get("secret_token", "")
        self.world.queue.end_polls()
        self.on_hook()
        return True

    async def delete_webhook(self, given: Parameters) -> Any:
        self.hook.url = self.hook.secret = self.hook.last_error = ""
        self.on_hook()
        return True

    async def get_webhook_info(self, given: Parameters) -> Any:
        error = {"last_error_date": int(time()), "last_error_message": self.hook.last_error}
        return {
            "url": self.hook.url,
            "has_custom_certificate": False,
            "pending_update_count": len(self.world.queue.waiting),
            **(error if self.hook.last_error else {}),
        }

    async def send_message(self, given: Parameters) -> Any:
        chat = self._chat(given)
        version = _version(given, given.get("text", ""), MAX_TEXT_UNITS)
        reply = self._reply(chat, given)
        message = self.world.post(chat, version)
        message.reply_to = reply
        message.thread = self._thread(chat, given)
        return message.json()

    async def edit_message_text(self, given: Parameters) -> Any:
        message = self._message(given, "edit")
        if message.author != self.world.bot:
            raise bad_request("message can't be edited")
        version = _version(given, given.get("text", ""), MAX_TEXT_UNITS)
        now = message.now
        if (version.text, version.entities, version.keyboard) == (
            now.text,
            now.entities,
            now.keyboard,
        ):
            raise bad_request(NOT_MODIFIED)
        message.versions.append(version)
        message.edit_date = int(time())
        return message.json()

    async def delete_message(self, given: Parameters) -> Any:
        message = self._message(given, "delete")
        if message.author != self.world.bot and not message.chat.bot_is_admin:
            raise bad_request("message can't be deleted")
        message.deleted = True
        return True

    async def send_chat_action(self, given: Parameters) -> Any:
        self._chat(given).actions.append(given.get("action", ""))
        return True

    async def send_message_draft(self, given: Parameters) -> Any:
        chat = self._chat(given)
        number = int(given.get("draft_id") or 0)
        if chat.type != "private":
            raise bad_request("chat is not a private chat")
        if not number:
            raise bad_request("draft_id must be non-zero")
        text = given.get("text", "")
        version = _version(given, text, MAX_TEXT_UNITS) if text else Version("")
        draft = chat.drafts.setdefault(number, Draft([], 0.0))
        draft.versions.append(version)
        draft.at = time()
        return True

    async def send_document(self, given: Parameters) -> Any:
        chat = self._chat(given)
        upload = given.get("document")
        if isinstance(upload, str) and upload.startswith("attach://"):
            upload = given.get(upload.removeprefix("attach://"))
        if not isinstance(upload, UploadedFile):
            raise bad_request("there is no document in the request")
        caption = given.get("caption", "")
        version = _version(given, caption, MAX_CAPTION_UNITS) if caption else Version("")
        reply = self._reply(chat, given)
        message = self.world.post(chat, version)
        message.reply_to, message.thread = reply, self._thread(chat, given)
        file = File(f"sent-{abs(chat.id)}-{message.id}", upload.name, upload.mime, upload.content)
        message.file = self.world.files[file.id] = file
        return message.json()

    async def set_message_reaction(self, given: Parameters) -> Any:
        message = self._message(given, "react")
        listed = cast("list[dict[str, str]]", _json(given.get("reaction"), []))
        message.reactions[self.world.bot.id] = tuple(each["emoji"] for each in listed)
        return True

    async def answer_callback_query(self, given: Parameters) -> Any:
        query = given.get("callback_query_id", "")
        if query not in self.world.open_buttons:
            raise bad_request(
                "query is too old and response timeout expired or query ID is invalid"
            )
        self.world.open_buttons.discard(query)
        self.world.answered_buttons.append(query)
        return True

    async def set_my_commands(self, given: Parameters) -> Any:
        commands = cast("list[dict[str, str]]", _json(given.get("commands"), []))
        scope = cast("dict[str, Any]", _json(given.get("scope"), {"type": "default"}))
        if len(commands) > MAX_COMMANDS:
            raise bad_request("BOT_COMMANDS_TOO_MUCH")
        for command in commands:
            if not command["command"].isidentifier() or len(command["command"]) > 32:
                raise bad_request("BOT_COMMAND_INVALID")
        self.commands[self._place(scope), given.get("language_code", "")] = commands
        return True

    async def delete_my_commands(self, given: Parameters) -> Any:
        scope = cast("dict[str, Any]", _json(given.get("scope"), {"type": "default"}))
        self.commands.pop((self._place(scope), given.get("language_code", "")), None)
        return True

    def _place(self, scope: dict[str, Any]) -> str:
        if scope["type"] != "chat":
            return scope["type"]
        self._chat(scope)
        return f"chat {scope['chat_id']}"

    async def get_file(self, given: Parameters) -> Any:
        file = self.world.files.get(given.get("file_id", ""))
        if file is None:
            raise bad_request("wrong file_id or the file is temporarily unavailable")
        if len(file.content) > MAX_DOWNLOAD_BYTES:
            raise bad_request("file is too big")
        shown = {"file_id": file.id, "file_unique_id": file.id, "file_size": len(file.content)}
        return {**shown, "file_path": f"files/{file.id}"}

    def _want(self, given: Parameters) -> None:
        if "allowed_updates" in given:
            wanted = cast("list[str]", _json(given["allowed_updates"], []))
            self.world.queue.wanted = frozenset(wanted) or DEFAULT

    def _chat(self, given: Parameters) -> Chat:
        chat = self.world.chats.get(int(given.get("chat_id") or 0))
        if chat is None:
            raise bad_request("chat not found")
        if chat.moved_to:
            description = "group chat was upgraded to a supergroup chat"
            raise bad_request(description, migrate_to_chat_id=chat.moved_to)
        if chat.blocked:
            raise ApiError(403, "Forbidden: bot was blocked by the user")
        if not chat.has_bot:
            raise ApiError(403, f"Forbidden: bot was kicked from the {chat.type} chat")
        return chat

    def _message(self, given: Parameters, purpose: str) -> Message:
        message = self._chat(given).find(int(given.get("message_id") or 0))
        if message is None:
            raise bad_request(f"message to {purpose} not found")
        return message

    def _thread(self, chat: Chat, given: Parameters) -> int | None:
        thread = int(given.get("message_thread_id") or 0)
        if not thread:
            return None
        if not chat.is_forum or chat.find(thread) is None:
            raise bad_request("message thread not found")
        return thread

    def _reply(self, chat: Chat, given: Parameters) -> Message | None:
        self._thread(chat, given)
        reply = cast("dict[str, Any]", _json(given.get("reply_parameters"), {}))
        wanted = reply.get("message_id") or int(given.get("reply_to_message_id") or 0)
        if not wanted:
            return None
        message = chat.find(wanted)
        if message is None and not reply.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return message


def _json(value: Any, otherwise: Any) -> Any:
    """A parameter that is JSON, in a form's text or in a JSON body."""
    if value in (None, ""):
        return otherwise
    return json.loads(value) if isinstance(value, str) else value


def _version(given: Parameters, source: str, most: int) -> Version:
    mode = str(given.get("parse_mode") or "")
    try:
        text, entities = parse_html(source) if mode.upper() == "HTML" else (source.strip(), [])
    except EntityError as error:
        raise bad_request(f"can't parse entities: {error}") from error
    if not text:
        raise bad_request("message text is empty")
    if units(text) > most:
        raise bad_request("message is too long")
    shown = (*entities, *_called(text, entities))
    return Version(text, shown, source, mode, _keyboard(given))


def _called(text: str, entities: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The mentions that the server finds by itself, but in code and links, in any mode."""
    taken = [each for each in entities if each["type"] in ("code", "pre", "text_link")]
    return [
        found
        for found in detected(text)
        if found["type"] == "mention"
        and not any(
            each["offset"] <= found["offset"] < each["offset"] + each["length"] for each in taken
        )
    ]


def _keyboard(given: Parameters) -> tuple[tuple[Mapping[str, Any], ...], ...]:
    markup = cast("dict[str, Any]", _json(given.get("reply_markup"), {}))
    rows = cast("list[list[dict[str, Any]]]", markup.get("inline_keyboard", []))
    for row in rows:
        for button in row:
            if not 1 <= len(button.get("callback_data", "").encode()) <= MAX_BUTTON_BYTES:
                raise bad_request("BUTTON_DATA_INVALID")
    return tuple(tuple(row) for row in rows)
