"""A real worker whose memory has room for one conversation: the others wait in files."""

import os
import signal
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from engine.base import Kept, Message, Usage
from engine.client import Patience, WorkerEngine
from tests.contract.engine_fixtures import (
    PLAN,
    SYSTEM,
    answer,
    eventually,
    load_of,
    loaded_model,
    request,
    until,
    worker,
)
from tests.contract.spilled import files_in

CANARY = "kanarienvogel7f3a"
STATE_BYTES = 2 << 20
"""Less than what one of these conversations takes, and more than half of it."""
SESSIONS = [f"session {number}" for number in range(4)]


@asynccontextmanager
async def spilling(directory: Path) -> AsyncGenerator[WorkerEngine]:
    """A worker that can compute one conversation, after all of `SESSIONS` have asked."""
    plan = replace(
        PLAN,
        sequences=1,
        park_bytes=3 * STATE_BYTES,
        spill_dir=str(directory),
        spill_bytes=100 * STATE_BYTES,
    )
    async with worker(load_of(plan=plan), Patience(first_pause_s=0.0)) as engine:
        for number, session in enumerate(SESSIONS):
            await ask(engine, session)
            await until(lambda status: status.running == status.kept.moving == 0, engine)
            assert (await kept(engine)).files >= number - 1
        yield engine


async def ask(engine: WorkerEngine, session: str, *, after: str = "") -> Usage:
    """What a question, or a later one `after` an answer, took."""
    text = f"{session}: what does a {CANARY} eat? " + "It is yellow and small. " * 12
    history = (SYSTEM, Message("user", text), Message("assistant", after)) if after else (SYSTEM,)
    asked = "And what does it drink?" if after else text
    asking = request(asked, session, history=history, max_tokens=2, deadline_s=None)
    return (await answer(engine, asking)).usage


async def kept(engine: WorkerEngine) -> Kept:
    return (await engine.status()).kept


async def test_nothing_readable_is_on_the_disk_and_a_conversation_comes_back(tmp_path: Path):
    async with spilling(tmp_path) as engine:
        found = files_in(tmp_path)
        assert len(found) == (await kept(engine)).files >= 2
        assert os.listdir(tmp_path) == []
        tokens = loaded_model().model.vocabulary.tokenize(CANARY, special=False)
        ids = [struct.pack(f"<{len(tokens)}{size}", *tokens) for size in "iq"]
        for file in found:
            content = file.read_bytes()
            assert len(content) > STATE_BYTES // 2
            assert all(each not in content for each in (CANARY.encode(), *ids))

        usage = await ask(engine, SESSIONS[0], after="Seeds.")
        assert usage.prefilled_tokens < 40 < usage.reused_tokens
        status = await until(lambda s: s.kept.restored == 1, engine)
        assert (status.kept.fetched, status.kept.lost) == (1, 0)

        for session in SESSIONS:
            await engine.forget(session)
        status = await until(lambda s: s.kept.files == s.kept.moving == 0, engine)
        assert status.kept.file_bytes == 0

        async def held() -> int:
            return len(files_in(tmp_path))

        await eventually(held, lambda count: count == 0)


async def test_a_disk_that_fails_costs_no_more_than_computing_anew(tmp_path: Path):
    async with spilling(tmp_path) as engine:
        changed = files_in(tmp_path)
        for file in changed:
            with file.open("r+b") as content:
                content.seek(4096)
                content.write(b"x" * 64)
        os.rmdir(tmp_path)
        for session in ("new", "newer", SESSIONS[0]):
            usage = await ask(engine, session, after="Seeds.")
            assert usage.completion_tokens
        assert usage.prefilled_tokens > 40
        status = await until(lambda s: s.kept.lost == 1, engine)
        assert status.kept.fetched == status.restarts == 0
        assert status.kept.files == len(changed) - 1


async def test_a_killed_worker_leaves_nothing(tmp_path: Path):
    async with spilling(tmp_path) as engine:
        assert engine.pid
        os.kill(engine.pid, signal.SIGKILL)
        status = await until(lambda s: s.restarts == 1 and s.state == "ready", engine)
        assert status.kept == Kept()
        assert files_in(tmp_path) == os.listdir(tmp_path) == []
