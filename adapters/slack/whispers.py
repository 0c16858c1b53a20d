"""Answers that only one person sees: to a slash command, and on their App Home.

A slash command's response address is good for 30 minutes and five answers; after that the person
gets an ephemeral message (Slack, "Handling user interaction"). Ephemeral messages can't be changed
or found again: what grows is shown once it is complete.
"""

from adapters.base import Address, MessageRef, Rendered
from adapters.slack import blocks
from adapters.slack.api import Api
from adapters.slack.errors import Refusal
from adapters.slack.ids import HOME

WHISPER = "whisper/"


def is_private(to: Address) -> bool:
    """Whether what is written there is no message of a channel."""
    return bool(to.whisper) or to.room.startswith(HOME)


class Whispers:
    """Writes what is no message of a channel."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def send(self, to: Address, body: Rendered, key: str) -> MessageRef:
        """Show it to the one person."""
        ref = MessageRef(to, to.room if to.room.startswith(HOME) else f"{WHISPER}{key}")
        await self.show(ref, body)
        return ref

    async def show(self, ref: MessageRef, body: Rendered) -> None:
        """Show a text that is complete; the page of App Home shows any."""
        if ref.address.room.startswith(HOME):
            await self.publish(ref.address.room, body.source)
        elif not body.growing:
            await self._whisper(ref.address, body)

    async def publish(self, room: str, markdown: str) -> None:
        """Draw somebody's App Home."""
        user = room.removeprefix(HOME)
        await self._api.write("views.publish", user_id=user, view=blocks.home(markdown))

    async def _whisper(self, to: Address, body: Rendered) -> None:
        message = blocks.message(body)
        if to.hook:
            try:
                return await self._api.post_to(
                    to.hook, {**message, "response_type": "ephemeral", "replace_original": False}
                )
            except Refusal:
                pass  # it is spent
        await self._api.write(
            "chat.postEphemeral", channel=to.room, user=to.whisper, thread_ts=to.thread, **message
        )
        return None
