"""llama.cpp's own server, in the settings that somebody who knows it would try.

Started on a free port of the loopback interface, asked over HTTP as its users do, with the prompt
cache on, and with the one in host memory (`--cache-ram`, 8 GiB by default) unless a setting says
otherwise. Which setting is the best is measured (row `settings`), not believed.
"""

import asyncio
import json
import os
import socket
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any
from zlib import crc32

import aiohttp

from bench import SLEEPY
from bench.peers import peer
from bench.side import Ask
from bot.heard import Heard
from engine.base import Message

START_S = 120.0


@dataclass(frozen=True, slots=True)
class Setting:
    """A way to run the server. `pinned`: the client says which slot a conversation has."""

    name: str
    flags: tuple[str, ...]
    pinned: bool = False


AS_IT_COMES = Setting("as it comes", ())
REUSE = ("--cache-reuse", "16")
OWN = ("--no-kv-unified",)
UNPARKED = ("-kvu", *REUSE, "--cache-ram", "0")
SETTINGS = (
    Setting("unified cache", ("-kvu",)),
    Setting("unified cache, reuse, pinned, no host cache", UNPARKED, pinned=True),
    Setting("split cache, reuse, pinned", (*OWN, *REUSE), pinned=True),
    Setting("split cache, reuse", (*OWN, *REUSE)),
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What all sides have in common."""

    model: Path
    threads: int
    context: int
    slots: int


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A running server."""

    http: aiohttp.ClientSession
    url: str
    setting: Setting
    slots: int

    async def ask(self, ask: Ask) -> Heard:
        """See `Side.ask`."""
        asked, arrivals, text = perf_counter(), list[float](), ""
        timings: dict[str, Any] = {}
        async with self.http.post(f"{self.url}/v1/chat/completions", json=self._body(ask)) as reply:
            reply.raise_for_status()
            async for line in reply.content:
                if not line.startswith(b"data: {"):
                    continue
                chunk = json.loads(line[6:])
                piece = _piece(chunk)
                if piece:
                    arrivals.append(perf_counter())
                    text += piece
                timings = chunk.get("timings", timings)
        arrivals = arrivals or [perf_counter()]
        return Heard(asked, tuple(arrivals), text, timings["predicted_n"], timings["prompt_n"])

    async def rest(self, session: str, messages: tuple[Message, ...]) -> None:
        """See `Side.rest`: the server has no word for it."""

    def _body(self, ask: Ask) -> dict[str, object]:
        body: dict[str, object] = {
            "messages": [{"role": m.role, "content": m.content} for m in ask.messages],
            "max_tokens": ask.max_tokens,
            "temperature": 0,
            "stream": True,
            "cache_prompt": True,
        }
        if self.setting.pinned:
            body["id_slot"] = crc32(ask.session.encode()) % self.slots
        return body


def _piece(chunk: dict[str, Any]) -> str:
    choices: list[dict[str, Any]] = chunk.get("choices") or []
    return (choices[0]["delta"].get("content") or "") if choices else ""


@asynccontextmanager
async def llama_server(shape: Shape, setting: Setting) -> AsyncGenerator[LlamaServer]:
    """Start a server and wait until it can answer. Raises `RuntimeError` with its last words."""
    port = _free_port()
    command = [str(peer("llama-server")), *_flags(shape, setting), "--port", str(port)]
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            env=os.environ | SLEEPY,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        timeout = aiohttp.ClientTimeout(total=None, sock_read=900)
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        try:
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as http:
                try:
                    await _answers(http, url, process)
                except RuntimeError as error:
                    log.seek(0)
                    last = log.read().decode("utf-8", "replace")[-500:]
                    raise RuntimeError(f"{error}: {last}") from error
                yield LlamaServer(http, url, setting, shape.slots)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


def _flags(shape: Shape, setting: Setting) -> Sequence[str]:
    return (
        "-m", str(shape.model), "--host", "127.0.0.1", "-np", str(shape.slots),
        "-c", str(shape.context * shape.slots),
        "-t", str(shape.threads), "-tb", str(shape.threads), *setting.flags,
    )  # fmt: skip


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _answers(
    http: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process
) -> None:
    async with asyncio.timeout(START_S):
        while process.returncode is None:
            try:
                async with http.get(f"{url}/health") as reply:
                    if reply.status == 200:
                        return
            except aiohttp.ClientConnectionError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError(f"llama-server ended with exit code {process.returncode}")
