"""Publishing cross-signing keys on a homeserver that asks who is there first.

Synapse lets an account's first keys in without asking, so this is a server of the test's own: the
few endpoints that are called, with the answers that the specification gives them.
"""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from adapters.matrix.http import Homeserver
from adapters.matrix.identity import Identities
from adapters.matrix.login import Session
from adapters.matrix.signing import SigningKey, is_signed

BOT = "@parley:example.org"
SESSION = Session(BOT, "DEVICE", "token")
PASSWORD = "correct horse"


@dataclass(slots=True)
class Keys:
    """The account's keys on the server, and what it asks before it takes new ones."""

    flows: list[dict[str, Any]]
    published: dict[str, Any] = field(default_factory=dict[str, Any])
    data: dict[str, Any] = field(default_factory=dict[str, Any])
    signed: dict[str, Any] = field(default_factory=dict[str, Any])

    async def query(self, request: web.Request) -> web.Response:
        master = self.published.get("master_key")
        answer: dict[str, Any] = {"device_keys": {BOT: {"DEVICE": device()}}}
        if master:
            answer["master_keys"] = {BOT: master}
        return web.json_response(answer)

    async def publish(self, request: web.Request) -> web.Response:
        body = await request.json()
        auth = body.pop("auth", None)
        if not auth:
            return web.json_response({"flows": self.flows, "session": "s1"}, status=401)
        assert auth["session"] == "s1"
        if auth["type"] != "m.login.password" or auth["password"] != PASSWORD:
            return web.json_response({"errcode": "M_FORBIDDEN"}, status=403)
        self.published = body
        return web.json_response({})

    async def sign(self, request: web.Request) -> web.Response:
        self.signed = await request.json()
        return web.json_response({"failures": {}})

    async def read(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in self.data:
            return web.json_response({"errcode": "M_NOT_FOUND"}, status=404)
        return web.json_response(self.data[name])

    async def write(self, request: web.Request) -> web.Response:
        self.data[request.match_info["name"]] = await request.json()
        return web.json_response({})


@asynccontextmanager
async def serving(keys: Keys) -> AsyncGenerator[Homeserver]:
    application = web.Application()
    root = "/_matrix/client/v3"
    application.router.add_post(f"{root}/keys/query", keys.query)
    application.router.add_post(f"{root}/keys/device_signing/upload", keys.publish)
    application.router.add_post(f"{root}/keys/signatures/upload", keys.sign)
    application.router.add_get(f"{root}/user/{{user}}/account_data/{{name}}", keys.read)
    application.router.add_put(f"{root}/user/{{user}}/account_data/{{name}}", keys.write)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    server = Homeserver(f"http://{host}:{port}", "token")
    await server.open()
    try:
        yield server
    finally:
        await server.close()
        await runner.cleanup()


def device() -> dict[str, Any]:
    return {"user_id": BOT, "device_id": "DEVICE", "keys": {"ed25519:DEVICE": "key"}}


def master_of(keys: Keys) -> str:
    return next(iter(keys.published["master_key"]["keys"].values()))


async def ensure(server: Homeserver, store: Path, password: str = PASSWORD) -> str:
    return await Identities(server, SESSION, password, "", store).ensure()


async def test_a_password_is_given_where_it_is_asked_for(tmp_path: Path) -> None:
    keys = Keys([{"stages": ["m.login.sso"]}, {"stages": ["m.login.password"]}])
    async with serving(keys) as server:
        assert await ensure(server, tmp_path) == ""
    signer = next(iter(keys.published["self_signing_key"]["keys"].values()))
    assert is_signed(keys.signed[BOT]["DEVICE"], BOT, signer)
    assert is_signed(keys.published["self_signing_key"], BOT, master_of(keys))


async def test_a_password_that_is_refused_is_no_reason_to_stop(tmp_path: Path) -> None:
    keys = Keys([{"stages": ["m.login.password"]}])
    async with serving(keys) as server:
        assert await ensure(server, tmp_path, "wrong")
    assert keys.published == {}


async def test_another_authentication_is_named(tmp_path: Path) -> None:
    keys = Keys([{"stages": ["m.login.sso"]}])
    async with serving(keys) as server:
        assert "m.login.sso" in await ensure(server, tmp_path)
        assert keys.published == {}
        keys.flows = [{"stages": ["m.login.password"]}]
        assert await ensure(server, tmp_path) == ""


async def test_keys_that_were_kept_before_a_crash_are_the_ones_published(tmp_path: Path) -> None:
    """Secret storage comes first: a run that ends in between leaves keys that the next one uses."""
    keys = Keys([{"stages": ["m.login.sso"]}])
    async with serving(keys) as server:
        await ensure(server, tmp_path)
        kept = dict(keys.data)
        keys.flows = [{"stages": ["m.login.password"]}]
        await ensure(server, tmp_path)
        assert keys.data == kept


async def test_the_private_keys_are_sealed(tmp_path: Path) -> None:
    keys = Keys([{"stages": ["m.login.password"]}])
    async with serving(keys) as server:
        await ensure(server, tmp_path)
    for usage in ("master", "self_signing", "user_signing"):
        [sealed] = keys.data[f"m.cross_signing.{usage}"]["encrypted"].values()
        assert sealed.keys() == {"iv", "ciphertext", "mac"}
    assert (tmp_path / "recovery-key").stat().st_mode & 0o777 == 0o600


async def test_another_identity_is_left_alone(tmp_path: Path) -> None:
    foreign = SigningKey(bytes(32)).public
    master = {"user_id": BOT, "usage": ["master"], "keys": {f"ed25519:{foreign}": foreign}}
    keys = Keys([{"stages": ["m.login.password"]}], published={"master_key": master})
    async with serving(keys) as server:
        assert "stays unsigned" in await ensure(server, tmp_path)
    assert keys.published == {"master_key": master}
    assert keys.signed == {}
    assert keys.data == {}
