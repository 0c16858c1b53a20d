"""The program that runs in the guest: our storage on a real NFS or CIFS mount, and its troubles.

`python -m tests.faults.nas_trials verdicts`, `… local-first SHARE TROUBLE…`, and so `direct` and
`bot`; SHARE is a version of NFS or `cifs`. What it found is written for the test that booted the
guest (`test_nfs.py`), which judges it.
"""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

from httpx import AsyncClient

from storage.courier import ChildCourier
from storage.database import Database
from storage.driver import driver
from storage.filesystem import admit, verdict_of
from storage.inbox import Inbox
from storage.pragmas import DIRECT, Pragmas
from storage.probe import measure
from storage.records import StorageError, Unavailable
from storage.spool import PACE, Spool
from tests.clients.page import Tab
from tests.clients.process import BotProcess, bot_process
from tests.faults.nas_traffic import PEOPLE, Talk, Traffic, damage, differing, missing, turns
from tests.rigs.uml.nas import EXPORT, OUTCOME, OWN, Nas
from tests.unit.storage.values import event

Outcome = dict[str, Any]

RECOVERY_S = 900.0
"""Until service must have come back by itself: a lease, a grace, the longest retry, and as much
more as a machine needs that is busy with other things."""

ECHO_S = 10
"""A client of CIFS gives up a server that is silent for three times as long, by default for 180 s,
and then may fail what waits (Linux, server_unresponsive()). So a minute has both."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls the NAS, and what ends it; it lasts so long once it is felt."""

    begin: Callable[[Nas, str], None]
    end: Callable[[Nas], None]
    lasts_s: float
    is_felt: bool = True
    """Whether local-first must notice before it ends."""


def _nothing(nas: Nas) -> None:
    """It ends by itself."""


TROUBLES = {
    "unplugged": Trouble(lambda nas, _: nas.client.unplug(), lambda nas: nas.client.plug(), 12),
    "unplugged for a minute": Trouble(
        lambda nas, _: nas.client.unplug(), lambda nas: nas.client.plug(), 60
    ),
    "stopped": Trouble(lambda nas, _: nas.stop(), Nas.start, 5),
    "restarted": Trouble(lambda nas, _: nas.restart(), _nothing, 0, is_felt=False),
    "unexported": Trouble(lambda nas, _: nas.unexport(), Nas.export, 5),
    "replaced": Trouble(Nas.replace, _nothing, 0, is_felt=False),
    "restored": Trouble(Nas.restore, _nothing, 0, is_felt=False),
    "full": Trouble(lambda nas, _: nas.fill(), Nas.free, 5),
    "read-only": Trouble(lambda nas, _: nas.share("ro"), lambda nas: nas.share("rw"), 5),
}


async def local_first(nas: Nas, share: Path, name: str, trouble: Trouble) -> Outcome:
    """Traffic on a working file whose NAS gets into trouble."""
    working, file = OWN / f"{name}.working.db", f"{name}.db"
    async with (
        ChildCourier(working, share / file, PACE.silence_s) as courier,
        Spool.open(courier) as spool,
    ):
        traffic = Traffic(spool.database)
        async with traffic.flowing():
            await traffic.more(20)
            began = perf_counter()
            await asyncio.to_thread(trouble.begin, nas, file)
            if trouble.is_felt:
                await _until(lambda: _is(spool, "degraded"), RECOVERY_S)
            await asyncio.sleep(trouble.lasts_s)
            state = await spool.condition()
            ended = perf_counter()
            await asyncio.to_thread(trouble.end, nas)
            await traffic.more(5)
        await _until(lambda: _is(spool, "copying", waiting=0), RECOVERY_S)
        recovered_s = perf_counter() - ended
    return {
        "state": state.state,
        "reason": state.reason,
        "waited": state.waiting,
        "recovered_s": round(recovered_s, 1),
        "p95_ms": [traffic.p95_ms(0, began), traffic.p95_ms(began, ended)],
        "differing": differing(working, EXPORT / file),
        **_result(traffic, EXPORT / file),
    }


async def direct(nas: Nas, share: Path, name: str, trouble: Trouble) -> Outcome:
    """Traffic on a file on the NAS itself."""
    file = f"{name}.db"
    async with opened(share / file, DIRECT) as database:
        traffic = Traffic(database)
        async with traffic.flowing():
            await traffic.more(10)
            await asyncio.to_thread(trouble.begin, nas, file)
            await asyncio.sleep(trouble.lasts_s)
            ended = perf_counter()
            await asyncio.to_thread(trouble.end, nas)
            async with asyncio.timeout(RECOVERY_S):
                await traffic.more(5)
            recovered_s = perf_counter() - ended
    return {"recovered_s": round(recovered_s, 1), **_result(traffic, EXPORT / file)}


@asynccontextmanager
async def opened(path: Path, pragmas: Pragmas | None = None) -> AsyncGenerator[Database]:
    """A database, once the probe of its mount is done in time: on a busy machine the guest may be
    too slow for it."""
    async with AsyncExitStack() as stack, asyncio.timeout(RECOVERY_S) as waiting:
        database = None
        while database is None:
            with suppress(Unavailable):
                database = await stack.enter_async_context(Database(path, pragmas=pragmas))
        waiting.reschedule(None)
        yield database


async def bot(nas: Nas, share: Path, name: str, trouble: Trouble) -> Outcome:
    """People at the page of a whole bot, as people start it, whose NAS gets into trouble."""
    file, home = f"{name}.db", OWN / name
    home.mkdir()
    settings = {
        "engine__kind": "scripted",
        "web__port": "0",
        "storage__path": str(share / file),
        "storage__local_dir": str(home),
    }
    async with bot_process(home, **settings) as running:
        tabs = [Tab(running.link, f"p{number}") for number in range(PEOPLE)]
        talk = Talk(tabs)
        async with talk.flowing():
            await talk.more(10)
            began = perf_counter()
            await asyncio.to_thread(trouble.begin, nas, file)
            await _until(lambda: _says(running, "degraded"), RECOVERY_S)
            await asyncio.sleep(trouble.lasts_s)
            ended = perf_counter()
            await asyncio.to_thread(trouble.end, nas)
            await talk.more(5)
        await _until(lambda: _says(running, "takes writes"), RECOVERY_S)
        recovered_s = perf_counter() - ended
    return {
        "answered": talk.answered,
        "during": talk.count(began, ended),
        "recovered_s": round(recovered_s, 1),
        "p95_ms": [talk.p95_ms(0, began), talk.p95_ms(began, ended)],
        "turns": turns(EXPORT / file),
        "damage": damage(EXPORT / file),
    }


async def _says(running: BotProcess, state: str) -> bool:
    async with AsyncClient() as http:
        body = (await http.get(f"{running.link.partition('/?')[0]}/readyz", timeout=30)).json()
    return str(body["parts"]["storage"]["detail"]).startswith(state)


MODES = {"local-first": local_first, "direct": direct, "bot": bot}


def _result(traffic: Traffic, file: Path) -> Outcome:
    return {
        "acknowledged": len(traffic.acknowledged),
        "refused": traffic.refused,
        "missing": missing(file, traffic.acknowledged),
        "damage": damage(file),
    }


async def _is(spool: Spool, state: str, waiting: int | None = None) -> bool:
    found = await spool.condition()
    return found.state == state and waiting in {None, found.waiting}


async def _until(condition: Callable[[], Awaitable[bool]], patience_s: float) -> None:
    async with asyncio.timeout(patience_s):
        while not await condition():
            await asyncio.sleep(0.1)


async def verdicts(nas: Nas) -> Outcome:
    """What our storage says of real mounts, and how it opens a file on each."""
    nas.serve_nfs()
    nas.serve_cifs()
    shares = {
        "disk": OWN,
        "nfs 4.1": nas.client.mount("4.1"),
        "nfs 3": nas.client.mount("3"),
        "nfs soft": nas.client.mount("4.2", "soft"),
        "cifs": nas.client.mount_cifs("cache=strict"),
        "cifs nobrl": nas.client.mount_cifs("nobrl"),
    }
    found: Outcome = {}
    for name, share in shares.items():
        began = perf_counter()
        found[name] = await _judged(share / f"{share.name}.db")
        print(f"{perf_counter() - began:.1f} s {name}: {found[name]}", flush=True)
    return found


async def _judged(path: Path) -> Outcome:
    verdict = verdict_of(path)
    found: Outcome = {"kind": verdict.kind, "reason": verdict.reason, "advice": verdict.advice}
    found["refusal"] = _refusal(path)
    if verdict.kind == "unsafe":
        return found | {"commit": _committed(path)}
    found["pragmas"] = await _written(path)
    _make_log_mode(path)
    found["pragmas of a file with a log"] = await _written(path)
    path.with_name(path.name + "-wal").touch()
    return found | {"refusal of a log": _refusal(path)}


def _refusal(path: Path) -> str:
    try:
        admit(path, measure=partial(measure, patience_s=RECOVERY_S))
    except StorageError as error:
        return str(error)
    return ""


async def _written(path: Path) -> list[str]:
    """How it is opened: journal, synchronous, locking; and it takes a write."""
    async with opened(path) as database:
        await Inbox(database).record([event()])
        return await database.read(
            lambda connection: [
                str(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("journal_mode", "synchronous", "locking_mode")
            ]
        )


def _make_log_mode(path: Path) -> None:
    """What another program may leave: a file whose header asks for a write-ahead log."""
    with path.open("r+b") as file:
        file.seek(18)
        file.write(b"\2\2")


def _committed(path: Path) -> str:
    """What a commit brings where we refuse to open: the code of its fault, or `done`."""
    connection = driver.connect(path, isolation_level=None, timeout=1)
    try:
        connection.execute("CREATE TABLE t (x)")
    except driver.Error as error:
        return str(getattr(error, "sqlite_errorname", error))
    finally:
        connection.close()
    return "done"


async def main(kind: str, *arguments: str) -> Outcome:
    """Run what is asked for."""
    nas = Nas()
    if kind == "verdicts":
        return await verdicts(nas)
    shared_by, *troubles = arguments
    if shared_by == "cifs":
        nas.serve_cifs()
        share = nas.client.mount_cifs(f"nobrl,echo_interval={ECHO_S}")
    else:
        nas.serve_nfs()
        share = nas.client.mount(shared_by)
    found: Outcome = {}
    for name in troubles:
        began = perf_counter()
        found[name] = await MODES[kind](nas, share, name, TROUBLES[name])
        print(f"{perf_counter() - began:.1f} s {name}: {found[name]}", flush=True)
    return found


if __name__ == "__main__":
    OUTCOME.write_text(json.dumps(asyncio.run(main(*sys.argv[1:])), indent=1), "utf-8")
