"""The control socket: how `parley …` speaks with the bot that owns the database.

A Unix socket beside the database, for the bot's own user only. One JSON line asks, JSON lines
answer: `{"progress": …}` as often as there is something to say, then `{"result": …}` or
`{"error": sentence}`. `{"do": "chat"}` turns the connection over to the console adapter.
"""

import asyncio
import hashlib
import json
import os
import pwd
import socket
import struct
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import structlog

from adapters.base import Person
from adapters.console import ConsoleAdapter
from bot.ending import accept_no_more
from bot.tasks import guarded
from storage.directory import make_directory

log = structlog.get_logger(__name__)

MAX_PATH_BYTES = 100
MAX_LINE_BYTES = 4_000_000
"""Of what is asked."""
MAX_REPLY_BYTES = 1 << 30
"""Of a reply: everything about somebody is one line."""
ASK_TIMEOUT_S = 10.0
CLOSE_S = 1.0
"""For the other ends to read what was said to them last."""

Progress = Callable[[object], Coroutine[Any, Any, None]]
Task = Callable[[Mapping[str, Any], Progress], Awaitable[object]]
"""Does what was asked, with its arguments; the result must be JSON-ready."""


class ControlError(Exception):
    """The bot could not do what it was asked; the text says why."""


class NotRunning(ControlError):
    """No bot listens there."""


def socket_path(database: Path) -> Path:
    """Where the bot that owns `database` listens."""
    path = database.absolute().with_suffix(".sock")
    if len(os.fsencode(path)) <= MAX_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"parley-{os.getuid()}-{name}.sock"


class Control:
    """The bot's end; without a console it stands by, and nobody talks to it."""

    def __init__(
        self, path: Path, console: ConsoleAdapter | None, tasks: Mapping[str, Task]
    ) -> None:
        self._path = path
        self._console = console
        self._tasks = tasks
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[None]:
        """Accept connections while the block runs."""
        make_directory(self._path.parent)
        self._path.unlink(missing_ok=True)
        previous = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(self._accept, self._path, limit=MAX_LINE_BYTES)
        finally:
            os.umask(previous)
        try:
            yield
        finally:
            self._path.unlink(missing_ok=True)
            try:
                await accept_no_more([server])
            finally:
                await self._end()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.create_task(guarded(self._serve(reader, writer)))
        self._open[serving] = writer
        serving.add_done_callback(self._open.pop)

    async def _end(self) -> None:
        """End all connections, and see them ended."""
        for serving, writer in self._open.items():
            if not writer.is_closing():  # else all is said, and on its way
                serving.cancel()
        for patience_s in (CLOSE_S, None):
            if self._open:
                await asyncio.wait([*self._open], timeout=patience_s)
            for writer in self._open.values():
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = json.loads(await asyncio.wait_for(reader.readline(), ASK_TIMEOUT_S))
            if request.get("do") == "chat" and self._console:
                await self._console.attach(_peer(writer, request), reader, writer)
            else:
                await self._do(request, writer)
        except (ConnectionError, TimeoutError, ValueError) as error:
            log.debug("control connection ended", error=str(error))
        finally:
            with suppress(ConnectionError):
                writer.close()
                await writer.wait_closed()

    async def _do(self, request: Mapping[str, Any], writer: asyncio.StreamWriter) -> None:
        async def progress(value: object) -> None:
            await _write(writer, {"progress": value})

        task = self._tasks.get(str(request.get("do")))
        try:
            if task is None:
                raise ControlError(self._unknown(str(request.get("do"))))
            await _write(writer, {"result": await task(request, progress)})
        except ConnectionError:
            raise
        except Exception as error:
            if not isinstance(error, ControlError):
                log.exception("control request failed", request=request.get("do"))
            await _write(writer, {"error": str(error) or type(error).__name__})

    def _unknown(self, name: str) -> str:
        if self._console:
            return f"the running bot does not know “{name}”"
        return f"this bot stands by, and can't do “{name}”: ask the one that answers"


async def ask(
    path: Path,
    request: Mapping[str, object],
    on_progress: Callable[[Any], None] = lambda _: None,
) -> Any:
    """Ask the running bot. Raises `NotRunning` or `ControlError`."""
    reader, writer = await connect(path)
    try:
        await _write(writer, request)
        while line := await reader.readline():
            reply = json.loads(line)
            if "error" in reply:
                raise ControlError(reply["error"])
            if "result" in reply:
                return reply["result"]
            on_progress(reply["progress"])
        raise ConnectionResetError
    except ConnectionError as error:
        raise ControlError("the bot ended before it answered") from error
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


def actor() -> str:
    """Who sits at the machine, as the console names them."""
    return f"console:local:{os.getuid()}"


async def connect(path: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the running bot. Raises `NotRunning`."""
    try:
        return await asyncio.open_unix_connection(path, limit=MAX_REPLY_BYTES)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise NotRunning(f"no bot is running at {path}") from error
    except PermissionError as error:
        raise ControlError(f"{path} belongs to another user: run this as the bot's user") from error


async def _write(writer: asyncio.StreamWriter, message: Mapping[str, object]) -> None:
    writer.write(json.dumps(message, ensure_ascii=False).encode() + b"\n")
    await writer.drain()


def _peer(writer: asyncio.StreamWriter, request: Mapping[str, Any]) -> Person:
    """Who is at the other end, by the kernel's word (SO_PEERCRED, unix(7))."""
    peer = writer.get_extra_info("socket")
    credentials = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, user, _ = struct.unpack("3i", credentials)
    return Person(str(user), _user_name(user), str(request.get("language", "")))


def _user_name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
