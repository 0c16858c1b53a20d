"""`parley audit …`."""

import sys

import click

from bot.cli.options import FAILED, JSON
from bot.config import Settings


@click.group()
def audit() -> None:
    """Look at what was done, by whom. A running bot is asked."""


@audit.command("verify")
@JSON
@click.pass_obj
def audit_verify(settings: Settings, *, as_json: bool) -> None:
    """Look for entries that were changed or are missing."""
    from bot.verbs import audit as verb

    sys.exit(0 if verb.verify(settings, as_json=as_json) else FAILED)


@audit.command("show")
@click.option("--limit", default=50, type=click.IntRange(1, 100_000), help="How many at most.")
@JSON
@click.pass_obj
def audit_show(settings: Settings, limit: int, *, as_json: bool) -> None:
    """Print the last entries, the newest first."""
    from bot.verbs import audit as verb

    verb.show(settings, limit, as_json=as_json)


@audit.command("export")
@click.pass_obj
def audit_export(settings: Settings) -> None:
    """Print every entry as JSON, one a line, the oldest first."""
    from bot.verbs import audit as verb

    verb.export(settings)
