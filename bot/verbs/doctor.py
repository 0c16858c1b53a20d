"""`parley doctor`: looks at each part as `run` would, and says what to do about what is wrong."""

import asyncio
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import asdict, dataclass

import click

from adapters.base import Adapter, AdapterError, Transient
from adapters.capabilities import Connects
from bot.config import ConfigError, Settings
from bot.control import ControlError, NotRunning, ask, socket_path
from bot.key_age import KeyAge, key_since
from bot.keyring import READABLE, key_source, keyring_of, stays_readable
from bot.parts import platforms
from bot.place import place_of
from bot.receipt import dues
from bot.spill import spill_state
from bot.verbs.opened import opened
from engine.base import EngineError
from storage.clock import utc_now
from storage.filesystem import accept, admit, reach
from storage.former import Formers
from storage.probe import measure
from storage.records import StorageError
from storage.roster import RosterStore

LEAST_FREE_BYTES = 200 << 20
PLATFORM_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, whether it is well, and what was found; a remark is worth a thought."""

    part: str
    well: bool
    text: str
    remark: bool = False


class _Remark(Exception):
    """What is well, and could be better."""


def examine(settings: Settings, *, as_json: bool) -> bool:
    """Print the findings; true if all is well."""
    findings = list(look(settings))
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        for finding in findings:
            click.echo(f"{_mark(finding)} {finding.part:<9} {finding.text}")
    return all(finding.well for finding in findings)


def _mark(finding: Finding) -> str:
    if not finding.well:
        return "FAIL"
    return "note" if finding.remark else "ok  "


def look(settings: Settings) -> Iterator[Finding]:
    """Each part in turn."""
    reach(settings.storage.path)
    running = _ask_bot(settings)
    yield _checked("bot", lambda: f"running, {running}" if running else "not running")
    yield _checked("model", lambda: _model(settings, is_running=bool(running)))
    if settings.engine.kind == "llama":
        yield _checked("spill", lambda: spill_state(settings))
    yield _checked("mount", lambda: _mount(settings))
    yield _checked("storage", lambda: _storage(settings, is_running=bool(running)))
    yield _checked("former", lambda: _former(settings))
    yield _checked("key", lambda: _key(settings))
    yield _checked("disk", lambda: _disk(settings))
    yield _checked("port", lambda: _port(settings, is_running=bool(running)))
    for adapter in platforms(settings):
        yield _checked(adapter.name, lambda adapter=adapter: asyncio.run(_platform(adapter)))


def _checked(part: str, find: Callable[[], str]) -> Finding:
    try:
        return Finding(part, well=True, text=find())
    except _Remark as remark:
        return Finding(part, well=True, text=str(remark), remark=True)
    except (AdapterError, ConfigError, ControlError, EngineError, StorageError) as error:
        return Finding(part, well=False, text=str(error))


def _ask_bot(settings: Settings) -> str:
    try:
        status = asyncio.run(ask(socket_path(place_of(settings).here), {"do": "status"}))
    except NotRunning:
        return ""
    except ControlError as error:
        return f"but it does not answer: {error}"
    if status["role"] == "standby":
        return f"version {status['version']}; it {status['detail']}"
    return f"version {status['version']}, model {status['state']}, {status['turns']} turns"


def _model(settings: Settings, *, is_running: bool) -> str:
    if settings.engine.kind == "remote":
        return f"{settings.engine.model} at {settings.engine.base_url}"
    if settings.engine.kind == "scripted":
        return "scripted, for tests"
    from bot.model import calibrations, chosen, needs_demo, plan_of
    from engine.calibration import latest
    from engine.frames import Load
    from engine.gguf import read_header
    from engine.plan import available_bytes, cache_bytes, context_of, needed_bytes
    from engine.weight import check_memory

    if needs_demo(settings):
        return "the demo model, which “parley run” pulls at its first start"
    model = chosen(settings)
    header = read_header(model.path)
    plan, shape = plan_of(settings), header.shape
    if not is_running:  # else what it takes is not free any more
        check_memory(Load(str(model.path), model.sha256, model.name, plan), shape)
    found = latest(calibrations(settings), model.sha256) if settings.engine.calibrate else None
    tuned = found or ("will be measured" if settings.engine.calibrate else "fixed")
    return (
        f"{model.name}, {header.architecture}; {needed_bytes(plan, shape) >> 20:,} MiB of "
        f"{available_bytes() >> 20:,} free: file {model.size_bytes >> 20:,}, cache "
        f"{cache_bytes(plan, shape) >> 20:,} for {plan.sequences} conversations of "
        f"{context_of(plan, shape.trained_context):,} tokens in {plan.cache_type}, parked "
        f"{plan.park_bytes >> 20:,}; setup: {tuned}"
    )


def _storage(settings: Settings, *, is_running: bool) -> str:
    if is_running:
        return f"{settings.storage.path}, owned by the running bot"
    if not settings.storage.path.exists():
        return f"{settings.storage.path} will be made"
    from bot.verbs import database

    result = database.look(settings)
    if result["problems"]:
        raise StorageError("; ".join(result["problems"]))
    return f"{settings.storage.path} is sound"


def _key(settings: Settings) -> str:
    """Whether conversations are encrypted, and whether another key is due."""
    if stays_readable(settings):
        raise _Remark(READABLE)
    if keyring_of(settings).current is None:
        return "none: conversations are stored readable"
    if reminder := asyncio.run(_reminder(settings)):
        raise _Remark(reminder)
    return f"from storage.{key_source(settings.storage)}: conversations are encrypted"


async def _reminder(settings: Settings) -> str:
    try:
        status = await ask(socket_path(place_of(settings).here), {"do": "status"})
        return status.get("reminder", "")
    except NotRunning:
        if not place_of(settings).home.exists():
            return ""
    async with opened(settings) as (database, audit):
        since = await key_since(RosterStore(database, audit))
    return KeyAge(since, settings.storage.key_days).reminder(utc_now())


def _mount(settings: Settings) -> str:
    """The verdict on the database's file system, and what a test of it measured."""
    path = settings.storage.path
    place, accepted = place_of(settings), settings.storage.accept_risk
    accept(place.verdict, path, accepted)
    verdict = admit(path, accepted, on_nas=place.is_local_first)
    measured = measure(path)
    advice = f"; better: {verdict.advice}" if verdict.advice else ""
    locks = measured.fault or "locks work"
    return (
        f"{verdict.kind} ({verdict.filesystem}): {verdict.reason}{advice}; {locks}, "
        f"fsync {measured.fsync_ms:.1f} ms, {measured.free_bytes >> 20:,} MiB free for this user"
        f"{_TAKES_OVER[verdict.standby] if settings.storage.standby else ''}"
    )


_TAKES_OVER = {
    "automatic": "; the standby takes over by itself",
    "manual": "; the standby takes over only by parley failover",
    "none": "; no standby can share it: leave storage.standby out",
}


def _former(settings: Settings) -> str:
    """What a restore or a move left behind, which no erasure reaches."""
    found, fault = asyncio.run(_formers(settings))
    if fault:
        raise StorageError(fault)
    if not found:
        return "no former files"
    told = ", ".join(f"{path} until {due[:10]}" for path, due in found.items())
    raise _Remark(f"former files, which no erasure reaches; the bot deletes them: {told}")


async def _formers(settings: Settings) -> tuple[Mapping[str, str], str]:
    """When each is deleted; and why some may be missing."""
    place = place_of(settings)
    try:
        status = await ask(socket_path(place.here), {"do": "status"})
        return status.get("former", {}), status.get("former_fault", "")
    except NotRunning:
        if not place.home.exists():
            return {}, ""
    async with opened(settings) as (database, _):
        formers = Formers(place.path, place.working, database)
        return dues(await formers.look()), ""


def _disk(settings: Settings) -> str:
    place = settings.storage.path.absolute().parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if free < LEAST_FREE_BYTES:
        raise StorageError(f"{place} has {free >> 20} MiB left: make room")
    return f"{free >> 20:,} MiB free at {place}"


async def _platform(adapter: Adapter) -> str:
    try:
        async with AsyncExitStack() as stack, asyncio.timeout(PLATFORM_TIMEOUT_S):
            if isinstance(adapter, AbstractAsyncContextManager):
                await stack.enter_async_context(adapter)
            return await adapter.check() if isinstance(adapter, Connects) else ""
    except TimeoutError as error:
        raise Transient(f"no answer in {PLATFORM_TIMEOUT_S:.0f} s: look at the network") from error


def _port(settings: Settings, *, is_running: bool) -> str:
    if not settings.web.enabled:
        return "off"
    place = f"{settings.web.host}:{settings.web.port}"
    if is_running:
        return f"{place}, served by the running bot"
    from bot.port import Port

    Port(settings.web).close()
    return f"{place} is free"
