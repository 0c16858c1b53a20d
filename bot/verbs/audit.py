"""`parley audit …`: asked of the running bot; done here when none runs."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click

from bot.config import Settings
from bot.control import NotRunning, ask, socket_path
from bot.place import place_of
from bot.verbs.opened import opened
from bot.witness import page, shown, verified


def verify(settings: Settings, *, as_json: bool) -> bool:
    """Look for rows that were changed, and for some that are missing; true if there are none."""
    result = _ask(settings, {"do": "audit.verify"})
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
    rows = _ask(settings, {"do": "audit.show", "limit": limit})
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
    while rows := _ask(settings, {"do": "audit.page", "after": after}):
        for row in rows:
            click.echo(json.dumps(row, ensure_ascii=False))
        after = rows[-1]["id"]


def _ask(settings: Settings, request: Mapping[str, object]) -> Any:
    return asyncio.run(_ask_or_open(settings, request))


async def _ask_or_open(settings: Settings, request: Mapping[str, object]) -> Any:
    try:
        return await ask(socket_path(place_of(settings).here), request)
    except NotRunning:
        async with opened(settings) as (_, audit):
            if request["do"] == "audit.verify":
                return await verified(audit)
            if request["do"] == "audit.page":
                return await page(audit, int(str(request["after"])))
            return await shown(audit, int(str(request["limit"])))
