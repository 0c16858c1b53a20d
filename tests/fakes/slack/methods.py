"""What a bot can call, by the rules of Slack's method reference."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Any

from tests.fakes.slack import arguments, payloads
from tests.fakes.slack import blocks as reading
from tests.fakes.slack.arguments import ApiError
from tests.fakes.slack.blocks import BlockError
from tests.fakes.slack.places import Channel, File, Message, Version
from tests.fakes.slack.sockets import Sockets
from tests.fakes.slack.world import World

Json = dict[str, Any]
STREAM_LIFE_S = 300.0
PAGE = 100

SCOPES = {
    "chat.postMessage": "chat:write",
    "chat.update": "chat:write",
    "chat.delete": "chat:write",
    "chat.postEphemeral": "chat:write",
    "chat.startStream": "chat:write",
    "chat.appendStream": "chat:write",
    "chat.stopStream": "chat:write",
    "users.info": "users:read",
    "assistant.threads.setStatus": "assistant:write",
    "files.getUploadURLExternal": "files:write",
    "files.info": "files:read",
}


@dataclass(slots=True)
class Methods:
    """All methods, by their names. `missing` are those that the workspace does not have."""

    world: World
    sockets: Sockets
    missing: set[str] = field(default_factory=set[str])
    stream_life_s: float = STREAM_LIFE_S
    _uploads: dict[str, str] = field(default_factory=dict[str, str])

    def call(self, method: str, token: str, given: Json) -> Json:
        """Carry a call out. Raises `ApiError`."""
        self._admit(method, token)
        handler = self._handlers().get(method)
        if handler is None or method in self.missing:
            raise ApiError("unknown_method", req_method=method)
        answer = handler(given)
        self.world.on_change()
        return answer

    def _handlers(self) -> dict[str, Callable[[Json], Json]]:
        return {
            "api.test": lambda given: {"args": given},
            "auth.test": self._auth_test,
            "apps.connections.open": self._open_socket,
            "chat.postMessage": self._post,
            "chat.postEphemeral": self._post_ephemeral,
            "chat.update": self._update,
            "chat.delete": self._delete,
            "chat.startStream": self._start_stream,
            "chat.appendStream": self._append_stream,
            "chat.stopStream": self._stop_stream,
            "conversations.replies": self._replies,
            "conversations.history": self._history,
            "conversations.info": self._channel_info,
            "conversations.open": self._open_direct,
            "users.info": self._user_info,
            "views.publish": self._publish,
            "assistant.threads.setStatus": self._set_status,
            "files.getUploadURLExternal": self._upload_url,
            "files.completeUploadExternal": self._complete_upload,
            "files.info": self._file_info,
            "files.delete": self._delete_file,
        }

    def _admit(self, method: str, token: str) -> None:
        app = self.world.app
        if app.revoked:
            raise ApiError(app.revoked)
        if not token:
            raise ApiError("not_authed")
        if token not in (app.bot_token, app.app_token):
            raise ApiError("invalid_auth")
        wanted = app.app_token if method == "apps.connections.open" else app.bot_token
        if token != wanted:
            raise ApiError("not_allowed_token_type")
        needed = SCOPES.get(method)
        if needed and needed not in app.scopes:
            raise ApiError("missing_scope", needed=needed, provided=",".join(sorted(app.scopes)))

    def _auth_test(self, given: Json) -> Json:
        app = self.world.app
        return {
            "url": f"{self.world.root}/",
            "team": "Tests",
            "user": app.name,
            "team_id": app.team,
            "user_id": app.user,
            "bot_id": app.bot,
            "is_enterprise_install": False,
        }

    def _open_socket(self, given: Json) -> Json:
        root = self.world.root.replace("http", "ws", 1)
        return {"url": f"{root}/link/?ticket={self.sockets.ticket()}&app_id=A1"}

    def _post(self, given: Json) -> Json:
        channel = self._channel(given)
        version = arguments.version(given)
        thread = self._thread(channel, given)
        message = self.world.add(
            channel, version, user=self.world.app.user, thread=thread, is_bot=True
        )
        message.metadata = arguments.metadata(given)
        self.world.echo(payloads.spoken(message))
        return self._shown(message)

    def _post_ephemeral(self, given: Json) -> Json:
        channel = self._channel(given)
        user = str(given.get("user", ""))
        if user not in channel.members:
            raise ApiError("user_not_in_channel")
        message = self.whisper(channel, user, given)
        return {"message_ts": message.ts}

    def whisper(self, channel: Channel, user: str, given: Json) -> Message:
        """An ephemeral message."""
        version = arguments.version(given)
        ts, thread = self.world.ts(), str(given.get("thread_ts") or "")
        app = self.world.app
        message = Message(channel, ts, app.user, [version], thread, app.bot, whisper=user)
        channel.whispers.append(message)
        self.world.on_change()
        return message

    def _update(self, given: Json) -> Json:
        message = self._own(given, "cant_update_message")
        if self._is_streaming(message):
            raise ApiError("streaming_state_conflict")
        before = message.now
        version = arguments.version(given)
        if version != before:
            message.versions.append(version)
            self.world.note_calls(version)
            self.world.echo(payloads.changed(message, before, self.world.ts()))
        message.metadata = arguments.metadata(given) or message.metadata
        return self._shown(message)

    def _delete(self, given: Json) -> Json:
        message = self._own(given, "cant_delete_message")
        message.deleted = True
        return {"channel": message.channel.id, "ts": message.ts}

    def _start_stream(self, given: Json) -> Json:
        channel = self._channel(given)
        thread = self._thread(channel, given)
        if not thread:
            raise ApiError("invalid_arguments")
        if not channel.is_direct:
            for name in ("recipient_user_id", "recipient_team_id"):
                if not given.get(name):
                    raise ApiError(f"missing_{name}")
        version = Version("", streamed=arguments.streamed(given))
        message = self.world.add(
            channel, version, user=self.world.app.user, thread=thread, is_bot=True
        )
        message.streaming_state, message.started_at = "in_progress", time()
        return {"channel": channel.id, "ts": message.ts}

    def _append_stream(self, given: Json) -> Json:
        message = self._stream(given)
        added = arguments.streamed(given)
        if not added:
            raise ApiError("no_text")
        message.versions.append(Version("", streamed=message.now.streamed + added))
        return {"channel": message.channel.id, "ts": message.ts}

    def _stop_stream(self, given: Json) -> Json:
        message = self._stream(given)
        blocks = arguments.blocks(given)
        streamed = message.now.streamed + arguments.streamed(given)
        version = Version("", blocks, streamed)
        if version != message.now:
            message.versions.append(version)
        message.streaming_state = "completed"
        message.metadata = arguments.metadata(given) or message.metadata
        return self._shown(message)

    def _stream(self, given: Json) -> Message:
        message = self._own(given, "message_not_owned_by_app")
        if not self._is_streaming(message):
            raise ApiError("message_not_in_streaming_state")
        return message

    def _is_streaming(self, message: Message) -> bool:
        if message.streaming_state != "in_progress":
            return False
        if time() - message.started_at > self.stream_life_s:
            message.streaming_state = "errored"
            return False
        return True

    def _replies(self, given: Json) -> Json:
        channel, ts = self._channel(given), str(given.get("ts", ""))
        about = channel.find(ts)
        if about is None:
            raise ApiError("thread_not_found")
        if about.thread_ts and about.thread_ts != ts:
            return self._page([about], given)
        thread = [each for each in channel.messages if ts in (each.ts, each.thread_ts)]
        return self._page(thread, given)

    def _history(self, given: Json) -> Json:
        channel = self._channel(given)
        roots = [each for each in channel.messages if each.thread_ts in ("", each.ts)]
        return self._page(roots[::-1], given)

    def _page(self, messages: Sequence[Message], given: Json) -> Json:
        oldest = float(given.get("oldest") or 0)
        found = [each for each in messages if not each.deleted and float(each.ts) > oldest]
        start, limit = int(given.get("cursor") or 0), int(given.get("limit") or PAGE)
        page = found[start : start + limit]
        more = start + limit < len(found)
        with_metadata = str(given.get("include_all_metadata", "")).lower() in ("true", "1")
        return {
            "messages": [_history_json(each, with_metadata=with_metadata) for each in page],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + limit) if more else ""},
        }

    def _channel_info(self, given: Json) -> Json:
        return {"channel": self._channel(given).json()}

    def _open_direct(self, given: Json) -> Json:
        for name, person in self.world.people.items():
            if person.id == given.get("users"):
                return {"channel": {"id": self.world.direct(name).id}}
        raise ApiError("user_not_found")

    def _user_info(self, given: Json) -> Json:
        for person in self.world.people.values():
            if person.id == given.get("user"):
                return {"user": person.json()}
        raise ApiError("user_not_found")

    def _publish(self, given: Json) -> Json:
        view: Json = arguments.parsed(given.get("view")) or {}
        if view.get("type") != "home":
            raise ApiError("invalid_arguments")
        try:
            reading.check(view.get("blocks", []), in_view=True)
        except BlockError as error:
            raise ApiError(str(error)) from None
        self.world.homes[str(given.get("user_id"))] = view
        return {"view": view}

    def _set_status(self, given: Json) -> Json:
        channel = self._channel(given, "channel_id")
        thread = str(given.get("thread_ts", ""))
        if channel.find(thread) is None:
            raise ApiError("invalid_thread_ts")
        channel.statuses.append((thread, str(given.get("status", ""))))
        return {}

    def _upload_url(self, given: Json) -> Json:
        if not given.get("filename") or not int(given.get("length") or 0):
            raise ApiError("invalid_arguments")
        file_id = self.world.new_id("F")
        self._uploads[file_id] = str(given["filename"])
        return {"upload_url": f"{self.world.root}/upload/{file_id}", "file_id": file_id}

    def receive(self, file_id: str, content: bytes) -> bool:
        """The content of a file that was announced."""
        if file_id not in self._uploads:
            return False
        name = self._uploads.pop(file_id)
        self.world.keep(File(file_id, name, "application/octet-stream", content))
        return True

    def _complete_upload(self, given: Json) -> Json:
        channel = self._channel(given, "channel_id")
        thread = self._thread(channel, given)
        wanted: list[Json] = arguments.parsed(given.get("files")) or []
        files = tuple(self.world.files[each["id"]] for each in wanted)
        self.world.add(
            channel, Version(""), user=self.world.app.user, thread=thread, is_bot=True, files=files
        )
        return {"files": [{"id": file.id, "title": file.name} for file in files]}

    def _file_info(self, given: Json) -> Json:
        file = self.world.files.get(str(given.get("file")))
        if file is None:
            raise ApiError("file_not_found")
        return {"file": file.json()}

    def _delete_file(self, given: Json) -> Json:
        file_id = str(given.get("file"))
        if self.world.files.pop(file_id, None) is None:
            raise ApiError("file_not_found")
        for channel in self.world.channels.values():
            for message in channel.messages:
                if any(file.id == file_id for file in message.files):
                    message.deleted = True
        return {}

    def _channel(self, given: Json, name: str = "channel") -> Channel:
        channel = self.world.channels.get(str(given.get(name, "")))
        if channel is None:
            raise ApiError("channel_not_found")
        if self.world.app.user not in channel.members:
            raise ApiError("not_in_channel")
        if channel.is_archived:
            raise ApiError("is_archived")
        return channel

    def _thread(self, channel: Channel, given: Json) -> str:
        thread = str(given.get("thread_ts") or "")
        if thread and channel.find(thread) is None:
            raise ApiError("thread_not_found")
        return thread

    def _own(self, given: Json, code: str) -> Message:
        message = self._channel(given).find(str(given.get("ts", "")))
        if message is None:
            raise ApiError("message_not_found")
        if not message.is_bot:
            raise ApiError(code)
        return message

    def _shown(self, message: Message) -> Json:
        shown = payloads.message_json(message)
        return {"channel": message.channel.id, "ts": message.ts, "message": shown}


def _history_json(message: Message, *, with_metadata: bool) -> Json:
    shown = payloads.message_json(message)
    if with_metadata and message.metadata:
        shown["metadata"] = dict(message.metadata)
    return shown
