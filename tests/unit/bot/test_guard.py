"""Who may reach the port, and with what."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.guard import MAX_BODY_BYTES, Guard

BASE = "http://127.0.0.1:8420"
JSON = {"content-type": "application/json"}


async def take(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def live(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def client(*hosts: str) -> TestClient:
    routes = [
        Route("/", take, methods=["GET", "POST", "DELETE"]),
        WebSocketRoute("/live", live),
    ]
    return TestClient(Guard(Starlette(routes=routes), hosts), base_url=BASE)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8420", 200),
        ("localhost:8420", 200),
        ("LOCALHOST", 200),
        ("[::1]:8420", 200),
        ("parley.lan:8420", 200),
        ("evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:8420", 403),
        ("", 403),
    ],
)
def test_only_known_hosts_are_served(host: str, status: int) -> None:
    assert client("parley.lan").get("/", headers={"host": host}).status_code == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (None, 200),
        (BASE, 200),
        ("http://127.0.0.1:9999", 403),
        ("http://evil.example", 403),
        ("null", 403),
    ],
)
def test_only_our_own_origin_changes_anything(origin: str | None, status: int) -> None:
    headers = JSON | ({"origin": origin} if origin else {})
    assert client().post("/", content="{}", headers=headers).status_code == status


def test_another_site_is_refused_without_an_origin_too() -> None:
    headers = JSON | {"sec-fetch-site": "cross-site"}
    assert client().post("/", content="{}", headers=headers).status_code == 403


def test_a_foreign_page_opens_no_websocket() -> None:
    with (
        pytest.raises(WebSocketDisconnect) as caught,
        client().websocket_connect("/live", headers={"origin": "http://evil.example"}),
    ):
        pass
    assert caught.value.code == 1008


def test_only_json_is_taken() -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client().post("/", content="a=b", headers=form).status_code == 415
    assert client().delete("/").status_code == 200


def test_a_large_body_is_refused_before_it_is_read() -> None:
    response = client().post("/", content=b"x" * (MAX_BODY_BYTES + 1), headers=JSON)
    assert response.status_code == 413
    assert "1,000,000 bytes" in response.text


def test_a_large_body_without_a_length_is_cut_off() -> None:
    def chunks() -> "list[bytes]":
        return [b"x" * 600_000] * 2

    response = client().post("/", content=iter(chunks()), headers=JSON)
    assert response.status_code == 413


def test_two_lengths_are_refused() -> None:
    headers = JSON | {"content-length": "2", "transfer-encoding": "chunked"}
    assert client().post("/", content="{}", headers=headers).status_code == 400
