"""Whoever waits for a write hears of it once, also when the writer hangs in it."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import Connection

from storage.connection import Connector
from storage.job import Job
from storage.pragmas import LOCAL
from storage.records import Unavailable


@pytest.fixture
async def connection(tmp_path: Path) -> AsyncGenerator[Connection]:
    (tmp_path / "a.db").touch()
    connection = Connector(tmp_path / "a.db", LOCAL).open()
    yield connection
    connection.close()


async def test_who_waits_is_told_while_the_writer_is_at_it(connection: Connection) -> None:
    def hang(_: Connection) -> int:
        job.give_up(Unavailable("the mount hangs"))
        job.settle()
        return 1

    job = Job(hang, asyncio.get_running_loop().create_future())
    job.run(connection)
    job.settle()
    with pytest.raises(Unavailable, match="the mount hangs"):
        await job.future


async def test_a_second_try_counts(connection: Connection) -> None:
    job = Job(lambda _: 1, asyncio.get_running_loop().create_future())
    job.fail(Unavailable("not now"))
    job.run(connection)
    job.settle()
    job.give_up(Unavailable("too late"))
    assert await job.future == 1
