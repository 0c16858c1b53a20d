"""The program that runs in the guest: a machine that comes back in the middle of a transaction.

It begins one on a real NFS server and is cut off; another takes the lease over and writes. Then the
line is back, and the first goes on as if nothing had been. What came of it is written for the test
that booted the guest (`test_two_machines.py`), which judges it.
"""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from storage.database import Database
from storage.inbox import Inbox
from storage.lookout import Lookout
from storage.opening import Place, Sharing, leasing, opened
from storage.records import StorageError
from tests.faults.nas_traffic import damage
from tests.rigs.uml.nas import EXPORT, OUTCOME, OWN, Nas
from tests.unit.storage.values import event

NAME = "parley.db"
TTL_S = 2.0
PATIENCE_S = 300.0
EVENTS = 20
"""So many that what one machine changes is on pages that the other had begun to change."""


@asynccontextmanager
async def running(place: Place) -> AsyncGenerator[Database]:
    """The storage of a machine, once its turn has come: the locks of one that is gone are in the
    way until the server ends them."""
    with leasing(place) as lease:
        assert lease
        async with AsyncExitStack() as stack, asyncio.timeout(PATIENCE_S) as waiting:
            lookout, store = await stack.enter_async_context(Lookout(place.path, lease)), None
            while store is None:
                with suppress(StorageError):
                    await lookout.look()
                    if lease.is_to_be_taken:
                        store = await stack.enter_async_context(opened(place, lease=lease))
                await asyncio.sleep(TTL_S / 10)
            waiting.reschedule(None)
            yield store.database


async def record(database: Database, name: str) -> list[str]:
    """Write some events one by one."""
    names = [f"{name}-{number}" for number in range(EVENTS)]
    for each in names:
        await Inbox(database).record([event(each)])
    return names


async def come_back(place: Place) -> None:
    """The machine that is cut off, a process of its own: it says what it wrote, then that it is in
    the middle of a transaction; told to go on, it says what became of that."""
    async with running(place) as database:
        print(json.dumps(await record(database, "ann")), flush=True)
        try:
            await database.write(_wait_in_the_middle)
        except StorageError as error:
            print(error, flush=True)
        else:
            print(flush=True)


def _wait_in_the_middle(connection: Connection) -> None:
    connection.exec_driver_sql("UPDATE inbox SET payload = 'late'")
    print("begun", flush=True)
    sys.stdin.readline()


async def main() -> dict[str, Any]:
    """One machine's way there and back."""
    nas = Nas()
    nas.serve_nfs()
    machines = {name: nas.join(name) for name in ("ann", "bob")}
    files = {name: machine.mount("4.1") / NAME for name, machine in machines.items()}
    (EXPORT / NAME).touch()
    async with _started(files["ann"]) as (said, tell):
        wrote = json.loads(await said.readline())
        assert await said.readline() == b"begun\n"
        await asyncio.to_thread(machines["ann"].unplug)
        async with running(_place(files["bob"], "bob")) as bob:
            wrote += await record(bob, "bob")
            await asyncio.to_thread(machines["ann"].plug)
            tell.write(b"go on\n")
            fault = (await said.readline()).decode().strip()
            journal_bytes = _size(EXPORT / f"{NAME}-journal")
            wrote += await record(bob, "bob again")
            rows = await Inbox(bob).pending()
    return {
        "clients": nas.clients,
        "fault": fault,
        "journal, bytes": journal_bytes,
        "wrote": wrote,
        "found": [row.event.event_id for row in rows],
        "late": [row.event.event_id for row in rows if row.event.payload == "late"],
        "damage": damage(EXPORT / NAME),
    }


@asynccontextmanager
async def _started(
    file: Path,
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """The other machine: what it says, and what it is told."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.faults.nas_return", str(file)), stdin=PIPE, stdout=PIPE
    )
    assert process.stdin
    assert process.stdout
    try:
        yield process.stdout, process.stdin
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


def _place(file: Path, name: str) -> Place:
    return Place(file, OWN / name / "parley.working.db", sharing=Sharing(TTL_S, name))


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case [file]:
            asyncio.run(come_back(_place(Path(file), "ann")))
        case _:
            OUTCOME.write_text(json.dumps(asyncio.run(main()), indent=1), "utf-8")
