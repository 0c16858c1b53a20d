"""`parley db …`."""

import sys
from pathlib import Path

import click

from bot.cli.options import FAILED, FILE, JSON
from bot.config import Settings


@click.group()
def db() -> None:
    """Care for the database. A running bot is asked, for it owns the file."""


@db.command("upgrade")
@click.pass_obj
def db_upgrade(settings: Settings) -> None:
    """Bring the file to this program's revision. `run` does it by itself."""
    from bot.verbs import database as verb

    verb.upgrade(settings)


@db.command("check")
@JSON
@click.pass_obj
def db_check(settings: Settings, *, as_json: bool) -> None:
    """Look for damage."""
    from bot.verbs import database as verb

    sys.exit(0 if verb.check(settings, as_json=as_json) else FAILED)


@db.command("backup")
@click.argument("target", type=FILE)
@click.pass_obj
def db_backup(settings: Settings, target: Path) -> None:
    """Copy the database to TARGET, checked."""
    from bot.verbs import database as verb

    verb.backup(settings, target)


@db.command("restore")
@click.argument("source", type=FILE)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--without-present",
    is_flag=True,
    help="Go on although the present database can't be read: who was erased since may be back.",
)
@click.pass_obj
def db_restore(settings: Settings, source: Path, *, yes: bool, without_present: bool) -> None:
    """Put the backup SOURCE in the place of the database.

    What stood there is kept beside it. Stop the bot before.
    """
    from bot.verbs import restore as verb

    if not yes:
        click.confirm(f"Go on with what {source} holds?", abort=True)
    verb.restore(settings, source, without_present=without_present)


@db.command("rekey")
@click.option("--generate", is_flag=True, help="First put a new key into storage.key_file.")
@click.option("--plain", is_flag=True, help="Make encrypted files readable.")
@click.pass_obj
def db_rekey(settings: Settings, *, generate: bool, plain: bool) -> None:
    """Bring what is stored under the key that is in force. The bot must be stopped."""
    from bot.verbs import rekey as verb

    verb.rekey(settings, generate=generate, plain=plain)


@db.command("move")
@click.argument("target", type=FILE)
@click.pass_obj
def db_move(settings: Settings, target: Path) -> None:
    """Move the database to the file TARGET, on a NAS or back here. Stop the bot before."""
    from bot.verbs import restore as verb

    verb.move(settings, target)


@db.command("search", context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", default=20, type=click.IntRange(1, 1000), help="How many at most.")
@JSON
@click.pass_obj
def db_search(settings: Settings, query: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """Find what was said.

    QUERY is words, '"a phrase"', -word, from:NAME, in:ROOM, after:DAY and before:DAY.
    """
    from bot.verbs import database as verb

    verb.search(settings, " ".join(query), limit, as_json=as_json)


@db.command("export")
@click.argument("person")
@click.pass_obj
def db_export(settings: Settings, person: str) -> None:
    """Print what is stored about PERSON (platform:account:id) as JSON."""
    from bot.verbs import database as verb

    verb.export(settings, person)


@db.command("erase")
@click.argument("person")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def db_erase(settings: Settings, person: str, *, yes: bool) -> None:
    """Erase what is stored about PERSON (platform:account:id)."""
    from bot.verbs import database as verb

    if not yes:
        click.confirm(f"Erase everything about {person}?", abort=True)
    verb.erase(settings, person)
