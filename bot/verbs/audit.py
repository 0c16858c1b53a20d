"""`parley audit …`: asked of the running bot; done here when none runs."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click

from bot.config import Settings
from bot.verbs.opened import Alone, asked
from bot.witness import page, shown, verified


def verify(settings: Settings, *, as_json: bool) -> bool:
    """Look for rows that were changed, and for some that are missing; true if there are none."""
    result = _ask(settings, {"do": "audit.verify"}, lambda file: verified(file.audit))
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    elif result["faults"]:
        click.echo("\n".join(result["faults"]))
    else:
        click.echo(
            f"{result['rows']:,} rows, {result['exports']} exports: nothing was changed. "
            f"The anchor vouches for row {result['anchored']:,}."
        )
    return not result["faults"]


def show(settings: Settings, limit: int, *, as_json: bool) -> None:
    """Print the last entries, the newest first."""
    request = {"do": "audit.show", "limit": limit}
    rows = _ask(settings, request, lambda file: shown(file.audit, limit))
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    for row in rows:
        at = row["at"][:19].replace("T", " ")
        words = (at, row["actor"] or "–", row["action"], row["target"], row["outcome"])
        click.echo("  ".join(word for word in words if word))


def export(settings: Settings) -> None:
    """Print every entry that the database holds, one a line, the oldest first."""
    after = 0
    while rows := _page(settings, after):
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        after = rows[-1]["id"]


def _page(settings: Settings, after: int) -> list[dict[str, Any]]:
    request = {"do": "audit.page", "after": after}
    return _ask(settings, request, lambda file: page(file.audit, after))


def _ask(settings: Settings, request: Mapping[str, object], alone: Alone) -> Any:
    return asyncio.run(asked(settings, request, alone))
