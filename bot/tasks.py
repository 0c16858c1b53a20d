"""Tasks of the bot's one group: how they fail, and which one ends the others."""

import asyncio
from collections.abc import Coroutine, Generator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)


@contextmanager
def alone() -> Generator[None]:
    """A task group's one error as itself: what fails the start is for a person to read."""
    try:
        yield
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def first(*works: Coroutine[Any, Any, Any]) -> None:
    """Run until one of them ends; the others are cancelled."""
    tasks = {asyncio.create_task(work) for work in works}
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    for task in done:
        task.result()


async def guarded(work: Coroutine[Any, Any, None]) -> None:
    """Run it; a failure is logged and stops nothing else."""
    try:
        await work
    except Exception:
        log.exception("a task failed")
