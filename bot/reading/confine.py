"""Has a file read by a child process, so that what is wrong with it harms nobody.

The child knows no secrets (its environment is emptied), bounds its own memory and time, and is
killed with all it started when it takes too long or says too much. Whatever becomes of it is a
reason, never an exception.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from dataclasses import asdict
from typing import Literal
from weakref import WeakKeyDictionary

import structlog

from bot.reading.limits import Limits, Read

CHILDREN = 2
"""Files read at the same time; others wait."""

_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "LC_ALL", "TESSDATA_PREFIX")
_BYTES_PER_CHAR = 12
"""A character beyond the basic plane takes twelve bytes in JSON."""
_REASONS = frozenset({"file_unreadable", "file_kind", "image_without_words"})
_places = WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]()

log = structlog.get_logger(__name__)


async def in_child(kind: Literal["pdf", "image"], content: bytes, limits: Limits) -> Read:
    """What the child read."""
    places = _places.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(CHILDREN))
    async with places:
        said = await _said(kind, content, limits)
    found = _parsed(said, limits)
    if found is None:
        log.warning("a file broke its reader", kind=kind, size_bytes=len(content))
    return found or Read(reason="file_unreadable")


async def _said(kind: str, content: bytes, limits: Limits) -> bytes:
    """What the child writes, empty if it failed."""
    try:
        child = await _started(kind, limits)
    except OSError as error:
        log.error("no reader can be started", error=str(error))
        return b""
    try:
        async with asyncio.timeout(limits.timeout_s):
            return await _exchange(child, content, limits.max_chars * _BYTES_PER_CHAR + 1024)
    except (TimeoutError, OSError):
        return b""
    finally:
        if child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            _stop_listening(child)
            await child.wait()


async def _started(kind: str, limits: Limits) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "bot.reading.child", kind, json.dumps(asdict(limits)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )  # fmt: skip


async def _exchange(child: asyncio.subprocess.Process, content: bytes, max_bytes: int) -> bytes:
    """Hand over the content, and take what comes back if the child ends well."""
    assert child.stdin
    assert child.stdout
    with suppress(BrokenPipeError, ConnectionResetError):
        child.stdin.write(content)
        await child.stdin.drain()
    child.stdin.close()
    said = b""
    while chunk := await child.stdout.read(65_536):
        said += chunk
        if len(said) > max_bytes:
            return b""
    return said if await child.wait() == 0 else b""


def _stop_listening(child: asyncio.subprocess.Process) -> None:
    """Close our end of what it says: waiting for the child is, in asyncio, also waiting for all of
    that to be read, which nobody does any more; and there is no public way to close it."""
    child._transport.get_pipe_transport(1).close()  # type: ignore[reportAttributeAccessIssue]


def _parsed(said: bytes, limits: Limits) -> Read | None:
    try:
        answer = json.loads(said)
    except ValueError:
        return None
    match answer:
        case {"text": str(text)} if text.strip():
            return Read(text[: limits.max_chars + 100])
        case {"reason": str(reason)} if reason in _REASONS:
            return Read(reason=reason)
        case _:
            return None
