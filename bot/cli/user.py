"""`parley user …`."""

import click

from bot.cli.options import JSON
from bot.config import Settings


@click.group()
def user() -> None:
    """Say who may ask. A running bot is asked, for it owns the file."""


ROLES = click.Choice(["guest", "member", "admin", "owner"])


@user.command("list")
@JSON
@click.pass_obj
def user_list(settings: Settings, *, as_json: bool) -> None:
    """List who was seen, and their roles."""
    from bot.verbs import user as verb

    verb.show(settings, as_json=as_json)


@user.command("pair")
@click.option("--role", type=ROLES, default="member", help="What the code makes somebody.")
@click.pass_obj
def user_pair(settings: Settings, role: str) -> None:
    """Show a one-time code that lets somebody in, the first owner too."""
    from bot.verbs import user as verb

    verb.pair(settings, role)


@user.command("grant")
@click.argument("person")
@click.argument("role", type=click.Choice(["blocked", *ROLES.choices]), metavar="ROLE")
@click.pass_obj
def user_grant(settings: Settings, person: str, role: str) -> None:
    """Give PERSON (platform:account:id, platform:id or a name) a role.

    ROLE is blocked, guest, member, admin or owner.
    """
    from bot.verbs import user as verb

    verb.grant(settings, person, role)


@user.command("revoke")
@click.argument("person")
@click.pass_obj
def user_revoke(settings: Settings, person: str) -> None:
    """Take what PERSON was given."""
    from bot.verbs import user as verb

    verb.revoke(settings, person)
