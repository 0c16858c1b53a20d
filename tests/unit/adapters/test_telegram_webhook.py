"""Webhooks: Telegram calls, and is answered 200 once the update is on disk."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from adapters.base import Transient
from tests.fakes.telegram.faults import Reset
from tests.unit.adapters.telegram_bots import Rig, telegram, until

SECRET = "a-secret_for-Tests"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@asynccontextmanager
async def hooked() -> AsyncGenerator[tuple[Rig, str]]:
    """A bot that is called at a port of its own."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/telegram/hook"
        async with telegram(webhook_url=url, webhook_secret=SECRET) as rig:
            app = Starlette(routes=list(rig.adapter.routes()))
            server = uvicorn.Server(uvicorn.Config(app, log_level="critical", ws="none"))
            serving = asyncio.create_task(server.serve([listener]))
            try:
                yield rig, url
            finally:
                server.should_exit = True
                await serving


async def test_updates_arrive() -> None:
    async with hooked() as (rig, url), rig.running():
        await until(lambda: rig.server.methods.hook.url == url)
        for number in range(20):
            rig.world.say("ann", rig.world.direct("ann"), f"{number}")
        await until(lambda: len(rig.world.queue.confirmed) == 20)
        assert rig.store.texts == [f"{number}" for number in range(20)]
        assert rig.adapter.link.state == "up"
        assert rig.server.called("getUpdates") == []


async def test_what_is_not_stored_comes_again() -> None:
    async with hooked() as (rig, _):
        rig.store.failures += [Transient("the disk is full")] * 2
        async with rig.running():
            rig.world.say("ann", rig.world.direct("ann"), "hello")
            await until(lambda: rig.store.texts == ["hello"])
            await until(lambda: rig.server.deliveries == [503, 503, 200])


async def test_a_hook_that_was_replaced_is_set_again() -> None:
    async with hooked() as (rig, url), rig.running():
        await until(lambda: rig.server.methods.hook.url == url)
        rig.server.methods.hook.url = "http://127.0.0.1:9/another"
        await until(lambda: rig.server.methods.hook.url == url)
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        await until(lambda: rig.store.texts == ["hello"])


async def test_a_door_that_telegram_does_not_find_is_named() -> None:
    nowhere = telegram(webhook_url="http://127.0.0.1:9/hook", webhook_secret=SECRET)
    async with nowhere as rig, rig.running() as task:
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        await until(lambda: "can't deliver" in rig.adapter.link.detail)
        assert rig.adapter.link.state == "down"
        rig.server.faults.add(Reset(), "getWebhookInfo")
        await until(lambda: not rig.server.faults.pending)
        assert not task.done()


async def test_before_and_after_a_run_nothing_is_taken() -> None:
    async with hooked() as (rig, url), httpx.AsyncClient(timeout=60, trust_env=False) as client:
        response = await client.post(url, json={}, headers={HEADER: SECRET})
        assert response.status_code == 503
        async with rig.running():
            await until(lambda: rig.adapter.link.state == "up")
        response = await client.post(url, json={}, headers={HEADER: SECRET})
        assert response.status_code == 503


@pytest.mark.parametrize("headers", [{}, {HEADER: ""}, {HEADER: "wrong"}, {HEADER: "ümläut"}])
async def test_strangers_are_turned_away(headers: dict[str, str]) -> None:
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with hooked() as (rig, url), rig.running():
        await until(lambda: rig.adapter.link.state == "up")
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            update: dict[str, object] = {"update_id": 1, "message": {}}
            assert (await client.post(url, json=update, headers=encoded)).status_code == 401
        assert rig.store.cursors == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[1]", 400),
        (b"{}", 200),
        (b'{"update_id": 1, "message": {"date": "never"}}', 200),
        (b" " * 1_000_001, 413),
    ],
)
async def test_odd_bodies(body: bytes, status: int) -> None:
    async with hooked() as (rig, url), rig.running() as task:
        await until(lambda: rig.adapter.link.state == "up")
        async with httpx.AsyncClient(timeout=60, trust_env=False) as client:
            response = await client.post(url, content=body, headers={HEADER: SECRET})
        assert response.status_code == status
        assert rig.store.events == []
        assert not task.done()


async def test_without_an_address_there_is_no_door() -> None:
    async with telegram() as rig:
        assert list(rig.adapter.routes()) == []


async def test_a_hook_without_a_secret_lets_nobody_in() -> None:
    async with telegram(webhook_url="http://127.0.0.1:9/hook") as rig:
        app = Starlette(routes=list(rig.adapter.routes()))
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            timeout=60, transport=transport, base_url="http://127.0.0.1"
        ) as client:
            response = await client.post("/hook", json={}, headers={HEADER: ""})
        assert response.status_code == 401
