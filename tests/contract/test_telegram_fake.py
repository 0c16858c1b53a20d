"""Our Bot API server, driven by an SDK that our adapter does not use: aiogram.

aiogram parses every answer into its own strict models, so what it takes has the real form.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.telegram.chat import Chat, File
from tests.fakes.telegram.faults import Patience
from tests.fakes.telegram.server import TelegramServer, telegram_server
from tests.fakes.telegram.world import World

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".cache" / "rig" / "bin" / "python"
SCRIPT = Path(__file__).with_name("telegram_aiogram.py")

pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="needs requirements/rig.txt")


@dataclass(slots=True)
class Witness:
    """The second SDK's bot, and what it tells."""

    server: TelegramServer
    old_group: Chat
    process: asyncio.subprocess.Process
    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    async def tells(self, what: str) -> Mapping[str, Any]:
        """The next thing of this kind that it tells."""
        assert self.process.stdout
        async with asyncio.timeout(60):
            while line := await self.process.stdout.readline():
                self.told.append(json.loads(line))
                if self.told[-1]["what"] == what:
                    return self.told[-1]
        raise AssertionError(f"it never told of {what}: {self.told}")


@asynccontextmanager
async def witness() -> AsyncGenerator[Witness]:
    async with telegram_server(World()) as server:
        chat = server.world.direct("ann")
        old_group = server.world.group("ann", kind="group")
        server.world.migrate("ann", old_group)
        server.faults.add(Patience(17), "sendChatAction")
        arguments = (server.url, server.token, str(chat.id), str(old_group.id))
        process = await asyncio.create_subprocess_exec(
            str(PYTHON), str(SCRIPT), *arguments, stdout=asyncio.subprocess.PIPE
        )
        try:
            yield Witness(server, old_group, process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_methods() -> None:
    async with witness() as bot:
        world = bot.server.world
        chat = world.direct("ann")
        me = await bot.tells("me")
        assert (me["id"], me["username"], me["reads_all"]) == (424242, "parley_test_bot", False)
        sent = await bot.tells("sent")
        assert (sent["text"], sent["entities"]) == ("bold & more", ["bold", "italic"])
        assert (sent["chat"], sent["id"]) == ("private", chat.messages[0].id)
        assert (await bot.tells("edited"))["text"] == "new"
        assert "can't parse entities" in (await bot.tells("parse"))["error"]
        assert "message is not modified" in (await bot.tells("same"))["error"]
        assert "message to edit not found" in (await bot.tells("missing"))["error"]
        assert "message is too long" in (await bot.tells("long"))["error"]
        assert "chat not found" in (await bot.tells("nobody"))["error"]
        assert (await bot.tells("migrated"))["to"] == bot.old_group.moved_to
        assert (await bot.tells("patience"))["seconds"] == 17
        assert "method not found" in (await bot.tells("unknown"))["error"]
        assert (await bot.tells("document")) == {"what": "document", "name": "a.txt", "size": 7}
        assert chat.actions == ["typing"]
        assert bot.server.methods.commands["default", ""][0]["command"] == "help"
        assert [version.text for version in chat.messages[0].versions] == ["bold & more", "new"]


async def test_updates() -> None:
    async with witness() as bot:
        world = bot.server.world
        await bot.tells("polling")
        await bot.tells("moved")
        ann = world.direct("ann")
        said = world.say("ann", ann, "hello /help 🙂 /stop")
        heard = await bot.tells("message")
        assert (heard["text"], heard["person"], heard["chat"]) == (said.now.text, "ann", "private")
        assert heard["entities"] == ["/help", "/stop"]
        async with asyncio.timeout(60):
            while ann.messages[-1].now.text != "echo: hello /help 🙂 /stop":
                await asyncio.sleep(0.01)
        answer = ann.messages[-1]
        assert answer.reply_to is said
        world.edit("ann", ann, said.id, "hi")
        assert (await bot.tells("edit"))["text"] == "hi"
        world.react("ann", ann, answer.id, "👍")
        assert (await bot.tells("reaction"))["new"] == ["👍"]
        [keys] = [each for each in ann.messages if each.now.text == "press"]
        query = world.press("ann", ann, keys.id, "stop")
        assert (await bot.tells("pressed")) == {"what": "pressed", "data": "stop", "text": "press"}
        assert world.answered_buttons == [query]
        world.say("ann", ann, "look", file=File("f1", "a.txt", "text/plain", b"the content"))
        file = await bot.tells("file")
        assert (file["caption"], file["content"]) == ("look", "the content")


async def test_groups_and_privacy() -> None:
    async with witness() as bot:
        world = bot.server.world
        await bot.tells("polling")
        await bot.tells("moved")
        chat = world.group("ann", forum=True)
        world.bring("ann", chat)
        changed = await bot.tells("member")
        assert (changed["was"], changed["now"]) == ("left", "member")
        topic = world.topic(chat, "roof")
        world.say("ann", chat, "lunch?")
        world.say("ann", chat, "@parley_test_bot it leaks", thread=topic)
        while (heard := await bot.tells("message"))["text"] is None:
            pass
        assert heard["text"] == "@parley_test_bot it leaks"
        assert (heard["thread"], heard["is_topic"]) == (topic, True)
        world.say("ann", world.direct("ann"), "bye")
        await bot.tells("over")
        assert await bot.process.wait() == 0
        assert not world.queue.waiting
