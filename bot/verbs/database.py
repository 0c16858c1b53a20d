"""`parley db …`: asked of the running bot; done here when none runs."""

import asyncio
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from bot.config import Settings
from bot.control import ControlError, NotRunning, actor, ask, socket_path
from bot.finding import find, marked
from bot.people import NobodyFound, whole_key
from bot.place import place_of
from bot.receipt import written
from bot.verbs.opened import Opened, asked, opened
from bot.verbs.progress import progress
from storage import backup as copying
from storage.former import Formers
from storage.members import Members
from storage.records import AuditEntry, Held, Unavailable
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

    async def alone(file: Opened) -> object:
        result = await copying.check(file.database)
        return {
            "problems": list(result.problems),
            "revision": result.revision,
            "size_bytes": result.size_bytes,
        }

    return asyncio.run(asked(settings, {"do": "db.check"}, alone))


def backup(settings: Settings, target: Path) -> None:
    """Copy the database."""
    asyncio.run(_backup(settings, target.absolute()))
    click.echo(f"{target} holds a checked copy.")


def search(settings: Settings, query: str, limit: int, *, as_json: bool) -> None:
    """Print the turns that fit best."""

    async def alone(file: Opened) -> object:
        await file.audit.add(AuditEntry(actor(), "db search"))
        return await find(Search(file.database), query, limit)

    request = {"do": "db.search", "query": query, "limit": limit, "actor": actor()}
    result = asyncio.run(asked(settings, request, alone))
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
    person = _key(person)

    async def alone(file: Opened) -> object:
        await file.audit.add(AuditEntry(actor(), "db export", person))
        return await Members(file.database).export(person)

    request = {"do": "db.export", "person": person, "actor": actor()}
    result = asyncio.run(asked(settings, request, alone))
    click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def erase(settings: Settings, person: str) -> None:
    """Erase a person's data."""
    person = _key(person)

    async def alone(file: Opened) -> object:
        entry = AuditEntry(actor(), "db erase", person)
        held = await _formers(settings, file)
        erased = await Members(file.database).forget(person, [file.audit.adding(entry)], held)
        return written(erased.receipt)

    request = {"do": "db.erase", "person": person, "actor": actor()}
    receipt = asyncio.run(asked(settings, request, alone))
    counted = (f"{count} {what}" for what, count in receipt["counts"].items() if count)
    click.echo("Erased: " + (", ".join(counted) or "nothing was there"))
    click.echo(f"Receipt: {receipt['receipt']}")
    if receipt["backups"]:
        click.echo(f"Backups that hold it until the bot's next rotation: {len(receipt['backups'])}")
    for name, due in receipt["former"].items():
        click.echo(f"It is in a former file too, which the bot deletes on {due[:10]}: {name}")


def _key(person: str) -> str:
    try:
        return whole_key(person)
    except NobodyFound as error:
        raise ControlError(str(error)) from error


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


async def _formers(settings: Settings, file: Opened) -> Held:
    """The former files, as far as they can be seen; the bot finds the others."""
    place = place_of(settings)
    formers = Formers(place.path, place.working, file.database)
    with suppress(Unavailable):
        await formers.look()
    return Held(tuple(str(each.path) for each in formers.known))
