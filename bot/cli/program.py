"""`parley` itself, the verbs that are a word each, and what becomes of their faults."""

import sys
from pathlib import Path

import click

from bot import __version__
from bot.cli.audit import audit
from bot.cli.db import db
from bot.cli.models import models
from bot.cli.options import FAILED, JSON, WRONG_USAGE
from bot.cli.user import user
from bot.config import ConfigError, Settings, load


class _Listed(click.Group):
    """Its help lists commands as a newcomer meets them, not by the alphabet."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    cls=_Listed,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="“parley run” alone shows a page to talk on; README.md has the rest.",
)
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
    """Start the bot, and say where it is.

    Without any configuration: a page on this machine, and a demo model that is fetched once.
    """
    from bot.verbs import run as verb

    if no_calibrate:
        engine = settings.engine.model_copy(update={"calibrate": False})
        settings = settings.model_copy(update={"engine": engine})
    verb.run(settings)


@parley.command()
@click.pass_obj
def chat(settings: Settings) -> None:
    """Talk to the bot in this terminal.

    One that runs is asked; else one is started, for as long as you talk.
    """
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
    type=click.FloatRange(0, 3600),
    default=1.0,
    show_default=True,
    help="Seconds that the person of the conversation thinks.",
)
@JSON
@click.pass_obj
def bench(settings: Settings, *, pause: float, as_json: bool) -> None:
    """Measure how fast the model answers on this machine.

    Compares with the last time. The bot must be stopped.
    """
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


for group in (models, user, db, audit):
    parley.add_command(group)


def main() -> None:
    """The program's entry."""
    from bot.control import ControlError
    from engine.base import EngineError
    from storage.records import StorageError

    try:
        parley(prog_name="parley", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo("\nparley: ended before it was done.", err=True)
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
