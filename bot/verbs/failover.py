"""`parley failover`: the bot of this machine gives the lease up, or takes it."""

import asyncio
from pathlib import Path
from typing import Any

import click

from bot.config import ConfigError, Settings
from bot.control import ControlError, NotRunning, actor, ask, socket_path
from bot.place import place_of
from bot.standby import patience_of

PAUSE_S = 0.5


def failover(settings: Settings, *, force: bool) -> None:
    """Ask the running bot, and wait until another one answers, or this one."""
    if not settings.storage.standby:
        raise ConfigError(
            "storage.standby is off: no other bot shares this database. docs/storage.md says how"
            " two share one."
        )
    if force:
        click.echo(
            "Forced: if the other bot still runs, both may answer until it notices, at most "
            f"{settings.storage.lease_s:.0f} s. Nothing that it writes from now on is kept."
        )
    click.echo(asyncio.run(_failover(settings, force=force)))


async def _failover(settings: Settings, *, force: bool) -> str:
    path = socket_path(place_of(settings).here)
    request = {"do": "failover", "force": force, "actor": actor()}
    try:
        before = await ask(path, request)
    except NotRunning as error:
        raise ControlError(f"{error}: parley run takes the lease, or stands by") from error
    patience_s = patience_of(settings)
    try:
        async with asyncio.timeout(patience_s):
            status = await _changed(path, str(before["role"]))
    except TimeoutError as error:
        raise ControlError(
            f"nobody took the lease in {patience_s:.0f} s; parley doctor says how it stands"
        ) from error
    if status["role"] == before["role"]:
        return "Nobody else took the lease, so this bot has it again: is the other one running?"
    if status["role"] == "primary":
        return f"This bot answers now (epoch {status['epoch']})."
    return f"{status['holder']} answers now (epoch {status['epoch']})."


async def _changed(path: Path, role: str) -> Any:
    """The status once somebody has the lease again, and the other role is this bot's, if any."""
    was_away = False
    while True:
        status = await _status(path)
        has_changed = status is not None and status["role"] != role
        was_away = was_away or has_changed
        if status and (status["role"] == "primary" or status["holder"]) and was_away:
            return status
        await asyncio.sleep(PAUSE_S)


async def _status(path: Path) -> Any:
    """None between two roles."""
    try:
        return await ask(path, {"do": "status"})
    except ControlError:
        return None
