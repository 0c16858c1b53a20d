"""`parley models …` and the demo model's first pull."""

import asyncio
import json
import signal
from collections.abc import Callable
from types import FrameType

import click

from bot.config import Settings
from bot.control import ControlError, NotRunning, actor, ask, socket_path
from bot.model import needs_demo, store_of
from bot.place import place_of
from bot.verbs.progress import progress
from engine.models import DEMO, ModelError, StoredModel

MEBIBYTE = 1 << 20


def ensure(settings: Settings) -> None:
    """Pull the demo model if it is what should answer and is not there yet."""
    if needs_demo(settings):
        pull(settings, "demo")


def show(settings: Settings, *, as_json: bool) -> None:
    """List the store."""
    models = store_of(settings).list()
    if as_json:
        click.echo(json.dumps([_facts(model) for model in models], indent=2))
        return
    if not models:
        click.echo("The store is empty. “parley models pull demo” brings a tiny one to try.")
    for model in models:
        mark = "*" if model.default else " "
        size = f"{model.size_bytes / MEBIBYTE:,.0f} MiB"
        click.echo(
            f"{mark} {model.name:<32} {size:>10}  {model.architecture:<10} "
            f"{model.context_tokens:>7} tokens  {model.source}"
        )


def pull(settings: Settings, source: str, name: str = "", sha256: str = "") -> None:
    """Bring a model into the store; a pull that broke off goes on."""
    if source == "demo":
        source, name, sha256 = DEMO.source, name or DEMO.name, sha256 or DEMO.sha256
    with progress(f"pulling {name or source}") as report:
        model = _interruptible(
            lambda: store_of(settings).pull(
                source, name=name or None, sha256=sha256 or None, progress=report
            )
        )
    click.echo(f"{model.name} is in {model.path}.", err=True)


def verify(settings: Settings, name: str) -> bool:
    """Check one model or all; true if they are what was pulled."""
    store = store_of(settings)
    sound = True
    for model in [store.get(name)] if name else store.list():
        try:
            with progress(model.name) as report:
                store.verify(model.name, report)
            click.echo(f"{model.name}: sound")
        except ModelError as error:
            sound = False
            click.echo(f"{model.name}: {error}")
    return sound


def use(settings: Settings, name: str, *, pause: bool) -> None:
    """Let a model answer: now if a bot runs, else from the next start on."""
    model = store_of(settings).get(name)
    request = {"do": "models.use", "name": model.name, "pause": pause, "actor": actor()}
    try:
        choice = asyncio.run(ask(socket_path(place_of(settings).here), request, _say))
    except NotRunning:
        store_of(settings).use(name)
        choice = {"now": False, "then": ""}
    click.echo(f"{model.name} answers {'now' if choice['now'] else 'from the next start on'}.")
    if choice["then"]:
        click.echo(f"After a restart {choice['then']} answers again: it is engine.model.")


def remove(settings: Settings, name: str) -> None:
    """Delete a model, but not the one that answers: its worker could not start again."""
    model = store_of(settings).get(name)
    if asyncio.run(_answering(settings)) == model.name:
        raise ControlError(
            f"{model.name} answers people now. Let another one answer (“parley models use NAME”), "
            "or stop the bot, then remove it."
        )
    store_of(settings).remove(model.name)
    click.echo(f"{model.name} is gone, {model.size_bytes / MEBIBYTE:,.0f} MiB are free again.")
    if model.default:
        click.echo("It was to answer. Choose another one: “parley models use NAME”.")


async def _answering(settings: Settings) -> str:
    """The model of the running bot; empty where none runs."""
    try:
        status = await ask(socket_path(place_of(settings).here), {"do": "status"})
    except NotRunning:
        return ""
    return str(status.get("model", ""))


def _say(line: object) -> None:
    click.echo(line, err=True)


def _facts(model: StoredModel) -> dict[str, object]:
    return {
        "name": model.name,
        "path": str(model.path),
        "sha256": model.sha256,
        "size_bytes": model.size_bytes,
        "source": model.source,
        "architecture": model.architecture,
        "context_tokens": model.context_tokens,
        "pulled_at": model.pulled_at.isoformat(),
        "default": model.default,
    }


def _interruptible(work: Callable[[], StoredModel]) -> StoredModel:
    """SIGTERM ends a pull like Ctrl-C does: what came so far is kept."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise click.Abort

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        return work()
    finally:
        signal.signal(signal.SIGTERM, before)
