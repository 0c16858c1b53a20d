"""`parley user …`: asked of the running bot; done here when none runs."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import click

from bot.access import Role
from bot.config import Settings
from bot.control import ControlError, actor
from bot.people import NobodyFound, Register
from bot.roster import Roster
from bot.verbs.opened import Opened, asked
from storage.members import Members
from storage.roster import RosterStore


def show(settings: Settings, *, as_json: bool) -> None:
    """List who was seen, and their roles."""
    people = _ask(settings, {"do": "user.list"})
    if as_json:
        click.echo(json.dumps(people, ensure_ascii=False, indent=2))
        return
    if not people:
        click.echo("Nobody yet. “parley user pair” shows a code to let somebody in with.")
    for each in people:
        seen = each["last_seen"][:16].replace("T", " ") or "never seen"
        click.echo(f"{each['role']:8} {each['person']}  {each['name']}  ({seen})")


def pair(settings: Settings, role: str) -> None:
    """Show a one-time code."""
    made = _ask(settings, {"do": "user.pair", "role": role, "actor": actor()})
    click.echo(made["code"])
    click.echo(
        f"Good once, for {made['minutes']} minutes: whoever sends the bot “/pair {made['code']}” "
        f"(Slack: “/parley pair …”, Matrix: “!parley pair …”) in a direct message is {role}.",
        err=True,
    )


def grant(settings: Settings, person: str, role: str) -> None:
    """Give a role."""
    request = {"do": "user.grant", "person": person, "role": role, "actor": actor()}
    _say(_ask(settings, request))


def revoke(settings: Settings, person: str) -> None:
    """Take a role."""
    _say(_ask(settings, {"do": "user.revoke", "person": person, "actor": actor()}))


def _say(done: Mapping[str, str]) -> None:
    click.echo(f"{done['person']} is {done['role']} now.")


def _ask(settings: Settings, request: Mapping[str, object]) -> Any:
    async def alone(file: Opened) -> object:
        roster = Roster(RosterStore(file.database, file.audit), settings.access)
        await roster.load()
        return await _do(Register(roster, Members(file.database)), request)

    return asyncio.run(asked(settings, request, alone))


async def _do(register: Register, request: Mapping[str, object]) -> object:
    actor, person = str(request.get("actor")), str(request.get("person"))
    role = Role[str(request.get("role", "member")).upper()]
    try:
        match request["do"]:
            case "user.pair":
                return await register.pair(role, actor)
            case "user.grant":
                return await register.grant(person, role, actor)
            case "user.revoke":
                return await register.revoke(person, actor)
            case _:
                return await register.rows()
    except NobodyFound as error:
        raise ControlError(str(error)) from error
