"""Receiving: what is confirmed is stored, whatever happens to sockets and calls."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import time
from urllib.parse import urlencode

import aiohttp
import pytest
from starlette.applications import Starlette
from uvicorn import Config, Server

from adapters.base import AuthFailed, Kind, Transient
from adapters.slack.adapter import SlackAdapter
from adapters.slack.api import Api
from adapters.slack.names import Names
from adapters.slack.webhook import BODY
from tests.fakes.slack.faults import Delayed, Failure, Refused
from tests.fakes.slack.places import Version
from tests.unit.adapters.slack_workspace import (
    PATIENT,
    Bot,
    receiving,
    settings_of,
    until,
    workspace,
)


@pytest.fixture
async def bot() -> AsyncGenerator[Bot]:
    async with receiving() as bot:
        yield bot


async def test_what_is_stored_is_confirmed(bot: Bot) -> None:
    bot.world.say("ann", bot.world.direct("ann"), "hello")
    bot.world.command("ann", bot.world.direct("ann"), "help")
    await bot.hears("hello")
    await bot.all_is_confirmed()
    assert all(each.attempts == 1 for each in bot.world.deliveries.all)
    [event] = bot.of(Kind.MESSAGE)
    assert event.sender.name == "ann"
    assert event.sender.language == "en-US"
    assert bot.adapter.link.last_event_at


async def test_two_connections_are_kept(bot: Bot) -> None:
    await until(lambda: len(bot.server.sockets.open) == 2)


async def test_what_is_not_stored_is_not_confirmed(bot: Bot) -> None:
    bot.world.deliveries.ack_s = 0.2
    bot.failing = True
    bot.world.say("ann", bot.world.direct("ann"), "hello")
    [delivery] = bot.world.deliveries.all
    await until(lambda: delivery.attempts >= 3)
    assert delivery.acknowledged_s is None
    bot.failing = False
    await bot.all_is_confirmed()
    assert set(bot.messages) == {"hello"}


async def test_a_long_outage_of_storage_loses_nothing(bot: Bot) -> None:
    bot.world.deliveries.ack_s = 0.5
    bot.failing = True
    channel = bot.world.direct("ann")
    for number in range(30):
        bot.world.say("ann", channel, str(number))
    await until(lambda: all(each.attempts for each in bot.world.deliveries.all))
    bot.failing = False
    await bot.all_is_confirmed()
    assert sorted(map(int, bot.messages)) == list(range(30))


async def test_events_out_of_order_are_all_taken(bot: Bot) -> None:
    await until(lambda: len(bot.server.sockets.open) == 2)
    bot.world.deliveries.hold()
    for number in range(20):
        bot.world.say("ann", bot.world.direct("ann"), str(number))
    bot.world.deliveries.release(backwards=True)
    await bot.all_is_confirmed()
    assert sorted(map(int, bot.messages)) == list(range(20))


async def test_a_duplicate_is_handed_over_alike(bot: Bot) -> None:
    bot.world.deliveries.repeat(1)
    bot.world.say("ann", bot.world.direct("ann"), "hello")
    await bot.all_is_confirmed()
    assert len(bot.world.deliveries.all) == 2
    assert len({event.event_id for event in bot.of(Kind.MESSAGE)}) == 1
    assert len(set(bot.messages)) == 1


async def test_a_broken_connection_is_made_again(bot: Bot) -> None:
    await until(lambda: len(bot.server.sockets.open) == 2)
    assert bot.server.sockets.drop() == 2
    await until(lambda: not bot.server.sockets.open)
    bot.world.say("ann", bot.world.direct("ann"), "still there?")
    await bot.hears("still there?")
    await bot.all_is_confirmed()
    await until(lambda: len(bot.server.sockets.open) == 2)
    assert bot.adapter.link.state == "up"


async def test_a_silent_connection_is_noticed() -> None:
    async with receiving(timeouts=replace(PATIENT, heartbeat_s=0.2)) as bot:
        await until(lambda: len(bot.server.sockets.open) == 2)
        bot.world.deliveries.ack_s = 0.5
        bot.server.sockets.freeze()
        bot.world.say("ann", bot.world.direct("ann"), "anybody?")
        await bot.hears("anybody?")
        await bot.all_is_confirmed()


async def test_a_refresh_misses_nothing(bot: Bot) -> None:
    await until(lambda: len(bot.server.sockets.open) == 2)
    channel, expected = bot.world.direct("ann"), list[str]()
    for round_ in range(3):
        renewing = asyncio.create_task(bot.server.sockets.refresh(grace_s=0.05))
        for number in range(5):
            expected.append(f"{round_}.{number}")
            bot.world.say("ann", channel, expected[-1])
        await renewing
        await until(lambda: len(bot.server.sockets.open) == 2)
    await bot.hears(*expected)
    await bot.all_is_confirmed()
    assert all(each.attempts == 1 for each in bot.world.deliveries.all)
    assert bot.adapter.link.state == "up"


async def test_a_refused_connection_is_tried_again(bot: Bot) -> None:
    bot.server.faults.add(Failure(503), "apps.connections.open", times=3)
    await until(lambda: len(bot.server.sockets.open) == 2)
    bot.server.sockets.drop()
    await until(lambda: not bot.server.sockets.open)
    await until(lambda: bot.adapter.link.state == "up" and len(bot.server.sockets.open) == 2)


async def test_who_has_no_name_is_named_by_the_id(bot: Bot) -> None:
    bot.server.faults.add(Refused("user_not_found"), "users.info")
    bot.world.say("ann", bot.world.direct("ann"), "hello")
    await bot.hears("hello")
    [event] = bot.of(Kind.MESSAGE)
    assert event.sender.name == event.sender.id


async def test_a_name_is_waited_for(bot: Bot) -> None:
    """Over the internet a call takes longer than the next event does."""
    bot.server.faults.add(Delayed(0.3), "users.info")
    bot.world.say("ann", bot.world.direct("ann"), "hello")
    await bot.hears("hello")
    [event] = bot.of(Kind.MESSAGE)
    assert event.sender.name == "ann"


async def test_a_name_that_does_not_come_is_waited_for_once() -> None:
    hurried = replace(PATIENT, names_s=0.05)
    async with workspace() as bot, Api("xoxb-any", bot.server.url, hurried) as api:
        names = Names(api)  # nobody looks up
        names.person(bot.world.person("ann").id)
        assert not names.is_complete
        await names.settle()
        names.person(bot.world.person("ann").id)
        assert names.is_complete


async def test_a_thread_that_does_not_come_is_waited_for_by_everybody() -> None:
    """For it names a session: without it the next event would go to another one."""
    hurried = replace(PATIENT, threads_s=0.05)
    async with workspace() as bot, Api("xoxb-any", bot.server.url, hurried) as api:
        names = Names(api)  # nobody looks up
        for _ in range(2):
            assert names.thread("C1/1.2") is None
            assert not names.is_complete
            await names.settle()
            assert names.is_complete


async def test_a_command_is_about_the_thread_of_its_author(bot: Bot) -> None:
    thread = bot.world.assistant_thread("ann")
    bot.world.command("ann", bot.world.direct("ann"), "stop")
    await until(lambda: bool(bot.of(Kind.COMMAND)))
    [command] = bot.of(Kind.COMMAND)
    assert command.address.thread == thread


async def test_the_thread_of_an_old_answer_is_looked_up(bot: Bot) -> None:
    room = bot.world.room("ann")
    root = bot.world.say("ann", room, f"<@{bot.world.app.user}> hello")
    user = bot.world.app.user
    answer = bot.world.add(room, Version("hi"), user=user, is_bot=True, thread=root.ts)
    bot.world.react("ann", answer, "👍")
    await until(lambda: bool(bot.of(Kind.REACTION)))
    [reaction] = bot.of(Kind.REACTION)
    assert reaction.address.thread == root.ts


async def ends(bot: Bot, **changed: str) -> Exception:
    """How a run ends with other settings."""
    settings = replace(settings_of(bot.world.app, bot.server.url), **changed)
    async with SlackAdapter(settings, PATIENT, pauses=0.05) as adapter:
        with pytest.raises((AuthFailed, Transient)) as raised:
            async with asyncio.timeout(60):
                await adapter.run(bot.emit, None)
        assert adapter.link.state == ("refused" if isinstance(raised.value, AuthFailed) else "down")
        assert adapter.link.detail == str(raised.value)
        for token in (settings.bot_token, settings.app_token):
            assert not token or token not in str(raised.value)
        return raised.value


async def test_wrong_tokens_are_named() -> None:
    async with workspace() as bot:
        app = bot.world.app
        assert "token" in str(await ends(bot, bot_token="xoxb-wrong"))
        assert "token" in str(await ends(bot, app_token="xapp-wrong"))
        assert "xapp-" in str(await ends(bot, app_token=app.bot_token))
        assert "slack.app_token" in str(await ends(bot, app_token="", signing_secret=" "))
        app.revoked = "account_inactive"
        assert "Install" in str(await ends(bot))


async def test_an_unreachable_slack_is_passing() -> None:
    async with workspace() as bot:
        found = await ends(bot, base_url="http://127.0.0.1:9/api/")
        assert isinstance(found, Transient)


async def test_socket_mode_is_switched_off() -> None:
    async with workspace() as bot:
        running = asyncio.create_task(bot.adapter.run(bot.emit, None))
        await until(lambda: len(bot.server.sockets.open) == 2)
        await bot.server.sockets.disable()
        with pytest.raises(AuthFailed, match="Socket Mode"):
            await running
        assert bot.adapter.link.state == "refused"


async def test_check_names_the_bot_or_what_is_missing() -> None:
    async with workspace() as bot:
        assert await bot.adapter.check() == "@parley in Tests (Socket Mode)"
        bot.world.app.scopes -= {"files:read", "chat:write"}
        with pytest.raises(AuthFailed, match="chat:write, files:read"):
            await bot.adapter.check()


@asynccontextmanager
async def called() -> AsyncGenerator[Bot]:
    """An adapter that is called by HTTP, on a port of its own."""
    async with receiving("http") as bot:
        server = Server(Config(Starlette(routes=list(bot.adapter.routes())), log_config=None))
        server.config.port, server.config.lifespan = 0, "off"
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        port = server.servers[0].sockets[0].getsockname()[1]
        bot.server.calling.call(f"http://127.0.0.1:{port}")
        try:
            yield bot
        finally:
            server.should_exit = True
            await serving


async def test_calls_are_taken() -> None:
    async with called() as bot:
        channel = bot.world.direct("ann")
        assert await bot.server.calling.verify_url() == "a-challenge"
        bot.world.say("ann", channel, "hello")
        bot.world.command("ann", channel, "help")
        await bot.hears("hello")
        await until(lambda: bool(bot.of(Kind.COMMAND)))
        await bot.all_is_confirmed()
        assert set(bot.server.calling.statuses) == {200}


async def test_a_call_that_is_not_stored_comes_again() -> None:
    async with called() as bot:
        bot.world.deliveries.ack_s = 0.3
        bot.server.calling.clock = 0.01
        bot.failing = True
        bot.world.say("ann", bot.world.direct("ann"), "hello")
        [delivery] = bot.world.deliveries.all
        await until(lambda: delivery.attempts >= 2)
        assert delivery.acknowledged_s is None
        bot.failing = False
        await bot.all_is_confirmed()
        assert set(bot.messages) == {"hello"}


async def test_calls_of_others_are_refused() -> None:
    async with called() as bot:
        calling = bot.server.calling
        payload = json.dumps({"type": "event_callback", "event": {"type": "message"}})
        fresh = calling.signed(payload)
        wrong = [
            {},
            fresh | {"X-Slack-Signature": "v0=0"},
            fresh | {"X-Slack-Signature": "v0=é"},
            fresh | {"X-Slack-Request-Timestamp": "soon"},
            calling.signed(payload, at=int(time()) - 301),
            calling.signed(payload + " "),
        ]
        async with aiohttp.ClientSession() as session:
            for headers in wrong:
                async with session.post(
                    f"{calling.url}/slack/events", data=payload, headers=headers
                ) as response:
                    assert response.status == 401
            form = urlencode({"payload": "{"})
            async with session.post(
                f"{calling.url}/slack/interactions", data=form, headers=calling.signed(form)
            ) as response:
                assert response.status == 400
            long = "x" * (BODY.size_bytes + 1)
            async with session.post(
                f"{calling.url}/slack/events", data=long, headers=calling.signed(long)
            ) as response:
                assert response.status == 413
        assert bot.batches == 0


async def test_a_connection_that_was_not_greeted_yet_ends_with_the_run() -> None:
    async with workspace() as bot:
        bot.server.sockets.greets = False
        running = asyncio.create_task(bot.adapter.run(bot.emit, None))
        await until(lambda: bot.server.sockets.waiting == 2)

        running.cancel()
        await asyncio.wait({running})

        await until(lambda: not bot.server.sockets.waiting)
