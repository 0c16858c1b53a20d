"""`parley run`: get the model, start, say where everything is, stop when told."""

import asyncio
import faulthandler
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import click
import structlog
import uvloop

from adapters.capabilities import Connects
from bot import __version__, logs
from bot.app import App, Running
from bot.config import Settings
from bot.keyring import READABLE, stays_readable
from bot.model import chosen, is_demo
from storage.filesystem import reach
from storage.threads import left

log = structlog.get_logger(__name__)

LAST_S = 30.0
"""How long a stop may take beyond what is granted to what has begun, before the process is ended: a
service manager does that earlier, and in a terminal nobody else does."""
PLAIN = "readable for whoever can read the file; to encrypt it: docs/storage.md#encryption"


def run(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C."""
    logs.configure(settings.bot.log_level, settings.bot.log_format)
    if settings.engine.kind == "llama":
        from bot.verbs.models import ensure

        ensure(settings)
    if stays_readable(settings):
        log.warning("conversations are stored readable", remedy=READABLE)
    reach(settings.storage.path)
    app = App(settings)
    stop = stopper(app.stop, app.grace_s + LAST_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        loop = runner.get_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop)
        runner.run(
            app.run(
                lambda running: _tell(settings, running),
                lambda url: _tell_aside(settings, url),
            )
        )
        if left():  # Python would wait for what a dead mount holds
            log.warning("stopped; threads that hang in a mount are left to the kernel")
            sys.stdout.flush()
            os._exit(0)
    faulthandler.cancel_dump_traceback_later()


def stopper(stop: Callable[[], None], within_s: float) -> Callable[[], None]:
    """`stop`, after which the process ends within this time whatever hangs, and tells where.

    Closing a database on a mount that hangs holds the interpreter, so that nothing of Python's runs
    any more; the thread of faulthandler's needs it not. What was acknowledged is on disk.
    """

    def stopping() -> None:
        faulthandler.dump_traceback_later(within_s, exit=True)
        stop()

    return stopping


def _tell(settings: Settings, running: Running) -> None:
    """One screen for the person who started it."""
    rows = [
        ("Page", running.url or "off (web.enabled)"),
        ("Model", _model(settings)),
        ("Database", str(settings.storage.path.absolute())),
        *([("", PLAIN)] if stays_readable(settings) else []),
        ("API", running.url.partition("/?")[0] + "/api/v1/chat, OpenAI tools: /v1"),
        ("Terminal", f"{_parley()} chat"),
        ("Platforms", _platforms(running)),
    ]
    click.echo(f"\n  {settings.bot.name} {__version__}\n")
    for name, value in rows:
        click.echo(f"  {name:<10} {value}")
    click.echo("\n  Ctrl-C stops it; nothing is lost.\n")
    sys.stdout.flush()


def _tell_aside(settings: Settings, url: str) -> None:
    """The same while another bot answers."""
    click.echo(f"\n  {settings.bot.name} {__version__} stands by: another bot answers\n")
    click.echo(f"  Health     {url + '/readyz' if url else 'off (web.enabled)'}")
    click.echo(f"  Database   {settings.storage.path.absolute()}")
    click.echo(f"\n  {_parley()} failover takes over. Ctrl-C stops it; nothing is lost.\n")
    sys.stdout.flush()


def _platforms(running: Running) -> str:
    adapters = running.desk.adapters.values()
    names = [adapter.name for adapter in adapters if isinstance(adapter, Connects)]
    return ", ".join(names) or "none yet; Telegram, Slack, Matrix: docs/platforms.md"


def _model(settings: Settings) -> str:
    name = settings.engine.model
    match settings.engine.kind:
        case "remote":
            return f"{name} at {settings.engine.base_url}"
        case "scripted":
            return "scripted: it only echoes, for tests"
        case "llama":
            model = chosen(settings).name
            return f"{model} (tiny, for trying only)" if is_demo(model) else model


def _parley() -> str:
    program = Path(sys.argv[0])
    try:
        return str(program.absolute().relative_to(Path.cwd()))
    except ValueError:
        return program.name
