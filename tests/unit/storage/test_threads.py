"""Work in threads of its own: what came of it is taken back where nobody waits for it any more."""

import asyncio
import threading

import pytest

from storage.threads import PREFIX, detached


@pytest.mark.parametrize("fails", [False, True])
async def test_what_came_of_work_is_undone_once_nobody_waits_for_it(*, fails: bool) -> None:
    may_end, undone = threading.Event(), threading.Event()

    def work() -> None:
        may_end.wait()
        if fails:
            raise OSError

    waiting = asyncio.create_task(detached(work, undo=undone.set))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    may_end.set()
    await asyncio.to_thread(_join_all)

    assert undone.is_set() != fails


def _join_all() -> None:
    for each in threading.enumerate():
        if each.name.startswith(PREFIX):
            each.join()
