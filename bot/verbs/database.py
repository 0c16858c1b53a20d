"""`parley db …`: asked of the running bot; done here when none runs."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from bot.config import Settings
from bot.control import ControlError, NotRunning, actor, ask, socket_path
from bot.finding import find, marked
from bot.place import place_of
from bot.receipt import written
from bot.verbs.opened import opened
from bot.verbs.progress import progress
from storage import backup as copying
from storage.members import Members
from storage.records import AuditEntry
from storage.search import Search


def upgrade(settings: Settings) -> None:
    """Opening the file upgrades it."""

    async def work() -> None:
        async with opened(settings):
            click.echo(f"{settings.storage.path} is up to date.")

    asyncio.run(work())


def check(settings: Settings, *, as_json: bool) -> bool:
    """Look for damage; true if there is none."""
    result = look(settings)
    if as_json:
        click.echo(json.dumps(result))
    elif result["problems"]:
        click.echo("\n".join(result["problems"]))
    else:
        click.echo(
            f"{settings.storage.path} is sound: revision {result['revision']}, "
            f"{result['size_bytes']:,} bytes."
        )
    return not result["problems"]


def look(settings: Settings) -> Any:
    """The check's result: `problems`, `revision`, `size_bytes`."""
    return asyncio.run(_check(settings))


def backup(settings: Settings, target: Path) -> None:
    """Copy the database."""
    asyncio.run(_backup(settings, target.absolute()))
    click.echo(f"{target} holds a checked copy.")


def search(settings: Settings, query: str, limit: int, *, as_json: bool) -> None:
    """Print the turns that fit best."""
    result = asyncio.run(_search(settings, query, limit))
    if "error" in result:
        raise ControlError(result["error"])
    found: list[dict[str, Any]] = result["found"]
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
        return
    for each in found:
        click.secho(each["head"], dim=True)
        for part in each["excerpts"]:
            click.echo("  " + marked(part["text"], part["matches"], _bold, str))
    click.echo(f"{len(found)} found.", err=True)


def export(settings: Settings, person: str) -> None:
    """Print a person's data."""
    result = asyncio.run(
        _ask_or_open(settings, {"do": "db.export", "person": person, "actor": actor()})
    )
    click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def erase(settings: Settings, person: str) -> None:
    """Erase a person's data."""
    receipt = asyncio.run(
        _ask_or_open(settings, {"do": "db.erase", "person": person, "actor": actor()})
    )
    counted = (f"{count} {what}" for what, count in receipt["counts"].items() if count)
    click.echo("Erased: " + (", ".join(counted) or "nothing was there"))
    click.echo(f"Receipt: {receipt['receipt']}")
    if receipt["backups"]:
        click.echo(f"Backups that hold it until the bot's next rotation: {len(receipt['backups'])}")


async def _check(settings: Settings) -> Any:
    try:
        return await ask(socket_path(place_of(settings).here), {"do": "db.check"})
    except NotRunning:
        async with opened(settings) as (database, _):
            result = await copying.check(database)
            return {
                "problems": list(result.problems),
                "revision": result.revision,
                "size_bytes": result.size_bytes,
            }


async def _search(settings: Settings, query: str, limit: int) -> Any:
    request = {"do": "db.search", "query": query, "limit": limit, "actor": actor()}
    try:
        return await ask(socket_path(place_of(settings).here), request)
    except NotRunning:
        async with opened(settings) as (database, audit):
            await audit.add(AuditEntry(actor(), "db search"))
            return await find(Search(database), query, limit)


def _bold(text: str) -> str:
    return click.style(text, bold=True, underline=True)


async def _backup(settings: Settings, target: Path) -> None:
    with progress("backup", unit=" pages") as report:
        try:
            request = {"do": "db.backup", "target": str(target), "actor": actor()}
            await ask(
                socket_path(place_of(settings).here), request, lambda step: report(step[0], step[1])
            )
        except NotRunning:
            async with opened(settings) as (database, audit):
                copies = copying.Copies(database, audit, place_of(settings).scratch)
                await copies.give(target, report)
                await audit.add(AuditEntry(actor(), "db backup", str(target)))


async def _ask_or_open(settings: Settings, request: Mapping[str, object]) -> Any:
    try:
        return await ask(socket_path(place_of(settings).here), request)
    except NotRunning:
        async with opened(settings) as (database, audit):
            members = Members(database)
            person, action = str(request["person"]), str(request["do"]).replace(".", " ")
            entry = AuditEntry(str(request["actor"]), action, person)
            if request["do"] == "db.export":
                await audit.add(entry)
                return await members.export(person)
            erased = await members.forget(person, [audit.adding(entry)])
            return written(erased.receipt)
