"""The engine's child process killed, fed with bad files and talked to slowly: the bot lives on."""

import asyncio
import os
import signal
import struct
from pathlib import Path

import pytest

from engine.base import ContextTooLong, EngineStatus, Interrupted, Message, Overloaded, Unavailable
from engine.client import Patience, WorkerEngine
from engine.plan import Plan
from tests.contract.engine_fixtures import (
    SYSTEM,
    answer,
    demo_model,
    eventually,
    load_of,
    request,
    until,
    worker,
)

STORY = "Tell me a very long story about a fox."
QUICK = Patience(first_pause_s=0.0, longest_pause_s=0.0)


async def begun(engine: WorkerEngine, session: str) -> "asyncio.Task[str]":
    """A long answer of which the first word has come."""
    started = asyncio.Event()

    async def read() -> str:
        text = ""
        async for delta in engine.stream(request(STORY, session, max_tokens=600)):
            text += delta.text
            if text:
                started.set()
        return text

    task = asyncio.create_task(read())
    word = asyncio.create_task(started.wait())
    await asyncio.wait([task, word], return_when=asyncio.FIRST_COMPLETED)
    word.cancel()
    if not started.is_set():
        task.result()  # says why no word came
    return task


def kill(engine: WorkerEngine) -> None:
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGKILL)


async def outcome(task: "asyncio.Task[str]") -> Interrupted:
    with pytest.raises(Interrupted) as caught:
        await task
    return caught.value


async def test_a_killed_child_interrupts_and_the_retry_is_answered():
    async with worker(patience=QUICK) as engine:
        task = await begun(engine, "ada")
        first_pid = engine.pid
        kill(engine)

        assert (await outcome(task)).alone

        assert (await answer(engine, request("Hello!", "ada"))).text
        assert engine.pid != first_pid
        assert (await engine.status()).restarts == 1


async def test_only_one_that_was_alone_is_blamed_and_retries_run_one_at_a_time():
    async with worker(patience=QUICK) as engine:
        tasks = [await begun(engine, name) for name in ("ada", "bob")]
        kill(engine)
        assert [(await outcome(task)).alone for task in tasks] == [False, False]

        # The poison comes again, and so does the other: they must not meet.
        poison = await begun(engine, "ada")
        other = asyncio.create_task(answer(engine, request("Hello!", "bob")))
        stranger = asyncio.create_task(answer(engine, request("Hello!", "eve")))
        await asyncio.sleep(0)
        assert (await until(lambda status: status.running > 0, engine)).running == 1
        kill(engine)

        assert (await outcome(poison)).alone
        assert (await other).text
        assert (await stranger).text


async def test_counting_and_forgetting_outlive_a_child():
    async with worker(patience=QUICK) as engine:
        (count,) = await engine.count([SYSTEM])
        kill(engine)

        (again,) = await engine.count([Message("user", "quite another text")])
        await engine.forget("ada")

        assert count > 0
        assert again > 0


async def test_a_worker_that_dies_while_it_forgets_has_forgotten(tmp_path: Path):
    path = tmp_path / "model.gguf"
    path.symlink_to(demo_model().path)
    async with worker(load_of(path), QUICK) as engine:
        await engine.ready()
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGSTOP)
        forgetting = asyncio.create_task(engine.forget("ada"))
        await asyncio.sleep(0)
        path.unlink()  # no worker comes after this one
        kill(engine)

        await forgetting


async def test_waiting_for_the_model_is_bounded_by_the_deadline_and_by_number():
    async with worker(load_of(plan=Plan(context_tokens=256, waiting=1))) as engine:
        first = asyncio.create_task(answer(engine, request("Hello!", "ada")))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as caught:
            await answer(engine, request("Hello!", "bob"))
        assert caught.value.retry_after_s > 0
        assert (await first).text

    async with worker() as engine:
        with pytest.raises(Unavailable):
            await answer(engine, request("Hello!", deadline_s=0.001))


async def test_closing_ends_the_child_and_what_it_had_to_do():
    async with worker() as engine:
        task = await begun(engine, "ada")
        pid = engine.pid
        assert pid is not None

    with pytest.raises(Unavailable):
        await task
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Unavailable):
        await answer(engine, request("Hello!"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_child_is_stopped_by_its_parent_and_not_by_a_signal(number: signal.Signals):
    async with worker() as engine:
        assert (await answer(engine, request("Hello!"))).text
        assert engine.pid is not None
        os.kill(engine.pid, number)

        assert (await answer(engine, request("Hello again!"))).text
        assert (await engine.status()).restarts == 0


async def test_a_reader_that_does_not_read_holds_nobody_up():
    async with worker() as engine:
        slow = engine.stream(request(STORY, "slow", max_tokens=60))
        await anext(slow)

        replies = await asyncio.gather(
            *[answer(engine, request("Hello!", f"p{n}", max_tokens=40)) for n in range(4)]
        )

        assert all(reply.text for reply in replies)
        await until(lambda status: status.running == 0, engine)
        rest = [delta async for delta in slow]
        assert rest[-1].finish
        assert len(rest) <= 3


@pytest.mark.parametrize("chars", [1_000_000, 40_000_000])
async def test_a_text_too_long_for_anything_is_refused_and_the_next_one_answered(chars: int):
    async with worker() as engine:
        with pytest.raises(ContextTooLong) as caught:
            await answer(engine, request("fox " * (chars // 4)))

        assert caught.value.tokens > 100_000
        assert (await answer(engine, request("Hello!"))).text


async def test_a_child_that_hangs_is_replaced():
    patience = Patience(first_pause_s=0.0, longest_pause_s=0.0, stall_s=20.0)
    async with worker(patience=patience) as engine:
        task = await begun(engine, "ada")
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGSTOP)

        await outcome(task)

        assert (await answer(engine, request("Hello!", "ada"))).text


def _truncated(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def _cut_header(whole: bytes) -> bytes:
    return whole[:1000]


def _noise(_whole: bytes) -> bytes:
    return bytes(range(256)) * 64


def _empty(_whole: bytes) -> bytes:
    return b""


def _huge_count(whole: bytes) -> bytes:
    return whole[:8] + struct.pack("<QQ", 1 << 60, 1 << 60) + whole[24:]


def _other_tensors(whole: bytes) -> bytes:
    # A header that is fine by itself and that the library must refuse.
    return whole.replace(b"blk.3.ffn_up.weight", b"blk.3.ffn_xp.weight", 1)


BAD_FILES = {
    "truncated": (_truncated, "truncated"),
    "cut header": (_cut_header, "truncated"),
    "noise": (_noise, "GGUF"),
    "empty": (_empty, "truncated"),
    "huge count": (_huge_count, "is the most"),
    "missing tensor": (_other_tensors, "cannot be loaded"),
}


async def failure_of(path: Path, *, sha256: str = "", plan: Plan | None = None) -> EngineStatus:
    load = load_of(path, sha256=sha256, plan=plan or Plan(context_tokens=256))
    async with worker(load, QUICK) as engine:
        status = await until(lambda status: status.state != "loading", engine)
        with pytest.raises(Unavailable) as caught:
            await answer(engine, request("Hello!"))
        assert str(caught.value) == status.detail
        assert await eventually(lambda: _pid(engine), lambda pid: pid is None) is None
    return status


async def _pid(engine: WorkerEngine) -> int | None:
    return engine.pid


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_bad_file_is_refused_in_one_clear_sentence(name: str, tmp_path: Path):
    spoil, expected = BAD_FILES[name]
    path = tmp_path / "bad.gguf"
    path.write_bytes(spoil(demo_model().path.read_bytes()))

    status = await failure_of(path)

    assert status.state == "failed"
    assert expected in status.detail
    assert "bad.gguf" in status.detail
    assert status.detail.endswith(".")
    assert "\n" not in status.detail


async def test_a_missing_changed_or_too_large_model_is_refused(tmp_path: Path):
    missing = await failure_of(tmp_path / "none.gguf")
    changed = await failure_of(demo_model().path, sha256="0" * 64)
    large = await failure_of(
        demo_model().path, plan=Plan(context_tokens=8192, sequences=256, batch_tokens=512)
    )

    assert "is missing" in missing.detail
    assert "has changed" in changed.detail
    assert "too large for this machine" in large.detail


async def test_a_child_that_dies_while_it_loads_is_given_up():
    async with worker(patience=QUICK) as engine:
        killer = asyncio.create_task(_kill_each(engine))
        status = await until(lambda status: status.state == "failed", engine)
        killer.cancel()

    assert "SIGKILL" in status.detail


async def _kill_each(engine: WorkerEngine) -> None:
    killed: set[int] = set()
    while True:
        pid = await eventually(lambda: _pid(engine), lambda pid: pid not in {None, *killed})
        assert pid is not None
        killed.add(pid)
        os.kill(pid, signal.SIGKILL)
