"""Slack's own Bolt for JavaScript, as a bot at our fake workspace: it takes that for the real one.

Both ways in, Socket Mode and signed calls, are driven by an SDK that is none of ours, so that the
fake is not merely what our adapter expects.
"""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.slack.faults import Patience
from tests.fakes.slack.places import Channel
from tests.fakes.slack.server import Mode, SlackServer, slack_server

JS = Path(__file__).parents[1] / "js"
WAIT_S = 60.0

pytestmark = pytest.mark.skipif(
    not (shutil.which("node") and (JS / "node_modules" / "@slack" / "bolt").is_dir()),
    reason="needs node and `npm ci` in tests/js",
)


@dataclass(slots=True)
class Bolt:
    """The running bot and what it told so far."""

    server: SlackServer
    process: asyncio.subprocess.Process
    told: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def direct(self) -> Channel:
        return self.server.world.direct("ann")

    async def tells(self, what: str, **expected: Any) -> dict[str, Any]:
        """Wait until it told this."""

        def wanted(line: dict[str, Any]) -> bool:
            return line.items() >= {"what": what, **expected}.items()

        assert self.process.stdout
        async with asyncio.timeout(WAIT_S):
            while True:
                for line in self.told:
                    if wanted(line):
                        return line
                raw = await self.process.stdout.readline()
                assert raw, f"it ended; it told {self.told}"
                self.told.append(json.loads(raw))

    def count(self, what: str) -> int:
        return sum(line["what"] == what for line in self.told)


async def until_acknowledged(server: SlackServer) -> None:
    async with asyncio.timeout(WAIT_S):
        while server.world.deliveries.unacknowledged:
            await asyncio.sleep(0.01)


@asynccontextmanager
async def bolt_at(mode: Mode) -> AsyncGenerator[Bolt]:
    async with slack_server(mode=mode) as server:
        server.world.deliveries.ack_s = WAIT_S
        app = server.world.app
        way_in = (
            {"APP_TOKEN": app.app_token}
            if mode == "sockets"
            else {"SIGNING_SECRET": app.signing_secret}
        )
        process = await asyncio.create_subprocess_exec(
            "node",
            str(JS / "slack" / "bolt.js"),
            env={"PATH": os.environ["PATH"], "BASE_URL": server.url, "BOT_TOKEN": app.bot_token}
            | way_in,
            stdout=asyncio.subprocess.PIPE,
        )
        bolt = Bolt(server, process)
        try:
            ready = await bolt.tells("ready")
            if mode == "http":
                server.calling.call(f"http://127.0.0.1:{ready['port']}")
            yield bolt
        finally:
            process.kill()
            await process.wait()


@pytest.fixture(params=["sockets", "http"])
async def bolt(request: pytest.FixtureRequest) -> AsyncGenerator[Bolt]:
    async with bolt_at(request.param) as bolt:
        yield bolt


async def test_messages_are_answered_and_changed(bolt: Bolt) -> None:
    world = bolt.server.world
    world.say("ann", bolt.direct, "answer me")
    answered = await bolt.tells("answered")
    message = bolt.direct.find(answered["ts"])
    assert message
    assert [version.text for version in message.versions] == ["one", "two"]
    assert message.versions[0].seen == "one"
    world.say("ann", bolt.direct, "look back")
    assert (await bolt.tells("history"))["keys"] == ["k1"]
    await until_acknowledged(bolt.server)
    assert all(each.attempts == 1 for each in world.deliveries.all)


async def test_a_mention_comes_twice(bolt: Bolt) -> None:
    world = bolt.server.world
    room = world.room("ann")
    said = world.say("ann", room, f"<@{world.app.user}> hello")
    await bolt.tells("mention", ts=said.ts)
    await bolt.tells("message", text=said.now.text)


async def test_commands_are_answered_at_their_address(bolt: Bolt) -> None:
    bolt.server.world.command("ann", bolt.direct, "help me")
    await bolt.tells("command", text="help me")
    [whisper] = bolt.direct.whispers
    assert (whisper.now.seen, whisper.whisper) == (
        "you said help me",
        bolt.server.world.person("ann").id,
    )


async def test_buttons_and_reactions(bolt: Bolt) -> None:
    world = bolt.server.world
    world.say("ann", bolt.direct, "answer me")
    ts = (await bolt.tells("answered"))["ts"]
    message = bolt.direct.find(ts)
    assert message
    message.versions.append(message.versions[0])
    world.press("ann", message, "good")
    await bolt.tells("button", action="good", ts=ts)
    world.react("ann", message, "👍")
    await bolt.tells("reaction", reaction="thumbsup", ts=ts)


async def test_a_stream_is_one_message(bolt: Bolt) -> None:
    world = bolt.server.world
    thread = world.assistant_thread("ann")
    world.say("ann", bolt.direct, "stream to me", thread=thread)
    await bolt.tells("streamed")
    streamed = bolt.direct.messages[-1]
    assert [version.seen for version in streamed.versions] == ["**one", "one two"]
    assert (streamed.thread_ts, streamed.streaming_state) == (thread, "completed")
    assert streamed.metadata == {"event_type": "contract", "event_payload": {"key": "s1"}}


async def test_the_home_page_is_drawn(bolt: Bolt) -> None:
    world = bolt.server.world
    world.open_home("ann")
    user = (await bolt.tells("home"))["user"]
    assert world.homes[user]["blocks"][0]["text"]["text"] == "at *home*"


async def test_refusals_are_typed(bolt: Bolt) -> None:
    bolt.server.faults.add(Patience("7"), "chat.postMessage")
    bolt.server.world.say("ann", bolt.direct, "too fast")
    told = await bolt.tells("refused")
    assert (told["code"], told["retryAfter"]) == ("slack_webapi_rate_limited_error", 7)
    bolt.server.world.say("ann", bolt.direct, "where am I")
    await bolt.tells("refused", code="slack_webapi_platform_error", reason="channel_not_found")


async def test_bolt_follows_a_refresh_and_a_broken_socket() -> None:
    async with bolt_at("sockets") as bolt:
        world, sockets = bolt.server.world, bolt.server.sockets
        await sockets.refresh()
        world.say("ann", bolt.direct, "after the refresh")
        await bolt.tells("message", text="after the refresh")
        sockets.drop()
        world.say("ann", bolt.direct, "after the fall")
        await bolt.tells("message", text="after the fall")
        await until_acknowledged(bolt.server)


async def test_an_http_bot_is_called_again_and_refuses_strangers() -> None:
    async with bolt_at("http") as bolt:
        calling = bolt.server.calling
        assert await calling.verify_url() == "a-challenge"
        there, calling.clock = calling.url, 0.0

        async def hang_up(_: asyncio.StreamReader, line: asyncio.StreamWriter) -> None:
            calling.call(there)
            line.close()

        async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as deaf:
            calling.call(f"http://127.0.0.1:{deaf.sockets[0].getsockname()[1]}")
            bolt.server.world.say("ann", bolt.direct, "is anybody there")
            await bolt.tells("message", text="is anybody there")
        assert bolt.server.world.deliveries.all[-1].attempts == 2
        calling.secret = "another"
        bolt.server.world.say("ann", bolt.direct, "a forgery")
        async with asyncio.timeout(WAIT_S):
            while calling.statuses[-1] != 401:
                await asyncio.sleep(0.01)
        assert not any(line.get("text") == "a forgery" for line in bolt.told)
