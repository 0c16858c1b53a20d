"""The bot on Slack: what `adapters.base` asks of a platform, put together."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self, cast

from starlette.routing import Route

from adapters.base import (
    Address,
    Attachment,
    AuthFailed,
    Cursor,
    Emit,
    Limits,
    MessageRef,
    Rendered,
)
from adapters.capabilities import Link
from adapters.slack.api import Api, Timeouts
from adapters.slack.blocks import MAX_CHARS
from adapters.slack.errors import missing_scopes
from adapters.slack.files import Files
from adapters.slack.ids import HOME, PLATFORM
from adapters.slack.intake import Intake
from adapters.slack.names import Names
from adapters.slack.posting import Posting
from adapters.slack.scene import Scene
from adapters.slack.sockets import Sockets
from adapters.slack.streams import Streams
from adapters.slack.webhook import Webhook
from adapters.slack.whispers import Whispers, is_private

LIMITS = Limits(
    max_chars=MAX_CHARS,
    dialect="slack",
    edits_per_minute=50,
    sends_per_minute=60,
    all_edits_per_minute=50,
    burst=5,
    typing_s=100.0,
    command="/parley ",
)
"""About one message a second in a channel; `chat.update` is of tier 3, 50 a minute in a workspace;
a status clears after two minutes (Slack, "Rate limits", `assistant.threads.setStatus`)."""

SCOPES = (
    "app_mentions:read",
    "assistant:write",
    "channels:history",
    "channels:read",
    "chat:write",
    "commands",
    "files:read",
    "files:write",
    "groups:history",
    "groups:read",
    "im:history",
    "im:read",
    "im:write",
    "mpim:history",
    "mpim:read",
    "reactions:read",
    "users:read",
)
"""What the app needs; deploy/slack-manifest.yaml asks for these."""
NO_WAY_IN = (
    "There is no way in: set slack.app_token for Socket Mode, or slack.signing_secret for events "
    "by HTTP."
)


@dataclass(frozen=True, slots=True)
class SlackSettings:
    """One app in one workspace: with an `app_token` by Socket Mode, else called by HTTP.

    `base_url` is the Web API's address, with a slash at the end. `status` stands beside the bot's
    name while it writes.
    """

    bot_token: str
    app_token: str
    signing_secret: str
    base_url: str
    workspace: str
    bot_name: str = "Parley"
    status: str = "is writing…"


class SlackAdapter:
    """One bot. `timeouts` are in seconds; `pauses` is a factor of what it waits after faults, for
    tests in a hurry.
    """

    name = PLATFORM
    limits = LIMITS

    def __init__(
        self,
        settings: SlackSettings,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 - a frozen value
        pauses: float = 1.0,
    ) -> None:
        self.account = settings.workspace
        self.link = Link()
        self._settings = settings
        self._pauses = pauses
        self._api = Api(settings.bot_token, settings.base_url, timeouts)
        self._names = Names(self._api)
        self._files = Files(self._api)
        self._posting = Posting(
            self._api,
            self._names,
            Streams(self._api, self._names),
            self._files,
            settings.status,
        )
        self._whispers = Whispers(self._api)
        self._webhook = Webhook("" if settings.app_token else settings.signing_secret)

    async def __aenter__(self) -> Self:
        await self._api.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._api.__aexit__(kind, error, trace)

    async def run(self, emit: Emit, cursor: Cursor | None) -> None:
        """Receive until cancelled; Slack keeps its own account of what was confirmed.

        Raises `AuthFailed` when a token is refused, `Transient` when Slack can't be reached.
        """
        try:
            await self._run(emit)
        except ExceptionGroup as group:
            error = _first(group)
            if isinstance(error, AuthFailed):
                self.link.set_refused(str(error))
            else:
                self.link.set_down(str(error) or type(error).__name__)
            raise error from error.__cause__

    async def _run(self, emit: Emit) -> None:
        async with asyncio.TaskGroup() as tasks:
            if not (self._settings.app_token or self._settings.signing_secret.strip()):
                raise AuthFailed(NO_WAY_IN)
            scene = Scene(self.account, await self._posting.me(), self._names)
            intake = Intake(scene, self._names, emit, self.link)
            tasks.create_task(self._names.work())
            tasks.create_task(intake.work())
            if self._settings.app_token:
                token = self._settings.app_token
                sockets = Sockets(self._api, token, intake, self.link, self._pauses)
                tasks.create_task(sockets.work())
            else:
                tasks.create_task(self._listen(intake))

    async def _listen(self, intake: Intake) -> None:
        self._webhook.intake = intake
        self.link.set_up()
        try:
            await asyncio.Event().wait()
        finally:
            self._webhook.intake = None

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Post a message, to one person alone where the address says so."""
        if is_private(to):
            return await self._whispers.send(to, body, key)
        return await self._posting.send(to, body, key)

    async def edit(self, ref: MessageRef, body: Rendered, key: str) -> None:
        """Replace a message's body."""
        if is_private(ref.address):
            await self._whispers.show(ref, body)
        else:
            await self._posting.edit(ref, body, key)

    async def delete(self, ref: MessageRef) -> None:
        """Remove a message; what was whispered stays until its reader reloads."""
        if ref.address.room.startswith(HOME):
            await self._whispers.publish(ref.address.room, "")
        elif not is_private(ref.address):
            await self._posting.delete(ref)

    async def find(self, to: Address, key: str, since: datetime) -> MessageRef | None:
        """The message posted under `key`; what was whispered can't be found."""
        return None if is_private(to) else await self._posting.find(to, key, since)

    async def typing(self, to: Address) -> None:
        """Show a status in an assistant's thread."""
        await self._posting.typing(to)

    async def send_file(self, to: Address, name: str, content: bytes, key: str) -> MessageRef:
        """Post a file."""
        return await self._files.send(to, name, content)

    async def fetch(self, file: Attachment, max_bytes: int) -> bytes:
        """A file's content."""
        return await self._files.fetch(file, max_bytes)

    def routes(self) -> Sequence[Route]:
        """Where Slack calls, if it is to."""
        return self._webhook.routes()

    async def check(self) -> str:
        """The bot's name there, and the way in."""
        me, scopes = await self._api.who_am_i()
        missing = sorted(set(SCOPES) - scopes) if scopes is not None else []
        if missing:
            raise missing_scopes(missing)
        if self._settings.app_token:
            await self._api.open_socket(self._settings.app_token)
            way_in = "Socket Mode"
        elif self._settings.signing_secret.strip():
            way_in = "called by HTTP"
        else:
            raise AuthFailed(NO_WAY_IN)
        return f"@{me.name} in {me.team_name} ({way_in})"


def _first(group: ExceptionGroup[Exception]) -> Exception:
    """The error that broke a run: its tasks mind their own, so there is one."""
    first = group.exceptions[0]
    while isinstance(first, ExceptionGroup):
        first = cast("ExceptionGroup[Exception]", first).exceptions[0]
    return first
