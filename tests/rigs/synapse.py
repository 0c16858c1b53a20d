"""A real Synapse, from the environment that `make rig` makes; SQLite, on a port of 127.0.0.1.

One is started the first time a run of the tests needs it and ends with the run: `permissive()` with
the limits raised, `strict()` with Synapse's own for messages. Both speak to no other server.
"""

import atexit
import hashlib
import hmac
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest

PYTHON = Path(__file__).parents[2] / ".cache/rig/bin/python"
SERVER_NAME = "localhost"
PASSWORD = "correct horse"
START_S = 60
STARTS = 3
IN_USE = "already in use"
SECRET = "registration"

_FREE = {"per_second": 10_000, "burst_count": 10_000}
_RAISED = {
    "rc_login": {"address": _FREE, "account": _FREE, "failed_attempts": _FREE},
    "rc_joins": {"local": _FREE, "remote": _FREE},
    "rc_invites": {"per_room": _FREE, "per_user": _FREE, "per_issuer": _FREE},
    "rc_registration": _FREE,
    "rc_key_requests": _FREE,
    "rc_room_creation": _FREE,
    "rc_media_create": _FREE,
    "rc_joins_per_room": _FREE,
    "rc_admin_redaction": _FREE,
    "rc_reports": _FREE,
}
_SERVE = """
import os, signal, sys, threading
from synapse.app.homeserver import main

def end_with_the_tests():
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end_with_the_tests, daemon=True).start()
main()
"""
"""Its standard input ends when the tests do, however they do."""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Synapse:
    """A running server. `log` is what it wrote."""

    url: str
    log: Path

    def register(self, name: str, shown: str = "") -> str:
        """Make a user, whose password is `PASSWORD` and whom people see as `shown`; their id."""
        with httpx.Client(base_url=self.url, timeout=60) as http:
            path = "/_synapse/admin/v1/register"
            nonce = http.get(path).raise_for_status().json()["nonce"]
            text = "\0".join((nonce, name, PASSWORD, "notadmin"))
            mac = hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).hexdigest()
            body = {"nonce": nonce, "username": name, "password": PASSWORD, "inhibit_login": True}
            body |= {"displayname": shown} if shown else {}
            answer = http.post(path, json=body | {"mac": mac}).raise_for_status()
        return answer.json()["user_id"]

    def fresh(self, name: str) -> str:
        """A user whose id nobody had in this run, and whom people see under the name; their id."""
        return self.register(f"{name}-{next(_numbers)}".lower(), shown=name)


@cache
def permissive() -> Synapse:
    """A server that slows nobody down."""
    return _start({"rc_message": _FREE})


@cache
def strict() -> Synapse:
    """A server with Synapse's own limit for messages: 0.2 a second, ten at once."""
    return _start({})


def _start(limits: dict[str, Any]) -> Synapse:
    """A server; another process may take the port first, then on another one."""
    if not PYTHON.exists():
        pytest.fail("there is no Synapse: run `make rig`")
    for _ in range(STARTS):
        server = _started(limits)
        if server is not None:
            return server
    pytest.fail(f"Synapse found no port in {STARTS} attempts")


def _started(limits: dict[str, Any]) -> Synapse | None:
    directory = Path(tempfile.mkdtemp(prefix="parley-synapse-"))
    port = _free_port()
    config = directory / "homeserver.yaml"
    config.write_text(json.dumps(_config(directory, port) | limits))
    command = [str(PYTHON), "-m", "synapse.app.homeserver", "-c", str(config)]
    subprocess.run(
        [*command, "--generate-keys"], check=True, cwd=directory, stdout=subprocess.DEVNULL
    )
    log = directory / "synapse.log"
    serve = [str(PYTHON), "-c", _SERVE, "-c", str(config)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            serve, cwd=directory, stdin=subprocess.PIPE, stdout=output, stderr=output
        )
    atexit.register(_stop, process, directory)
    server = Synapse(f"http://127.0.0.1:{port}", log)
    _wait(server, process)
    if process.poll() is None:
        return server
    if IN_USE in log.read_text(errors="replace"):
        return None
    pytest.fail(f"Synapse did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(process: "subprocess.Popen[bytes]", directory: Path) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    shutil.rmtree(directory, ignore_errors=True)


def _wait(server: Synapse, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(f"{server.url}/health", timeout=2).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    if process.poll() is None:
        pytest.fail(f"Synapse did not answer:\n{server.log.read_text()[-2000:]}")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def _config(directory: Path, port: int) -> dict[str, Any]:
    listener = {
        "port": port,
        "bind_addresses": ["127.0.0.1"],
        "type": "http",
        "resources": [{"names": ["client", "media"]}],
    }
    return _RAISED | {
        "server_name": SERVER_NAME,
        "listeners": [listener],
        "database": {"name": "sqlite3", "args": {"database": str(directory / "synapse.db")}},
        "media_store_path": str(directory / "media"),
        "signing_key_path": str(directory / "signing.key"),
        "log_config": None,
        "report_stats": False,
        "registration_shared_secret": SECRET,
        "trusted_key_servers": [],
        "federation_domain_whitelist": [],
        "bcrypt_rounds": 4,
        "presence": {"enabled": False},
        "url_preview_enabled": False,
        "push": {"enabled": False},
        "macaroon_secret_key": "macaroon",
        "form_secret": "form",
    }
