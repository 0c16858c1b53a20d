"""From a `Load` frame to a model that can answer; every check that fails is one clear sentence."""

from dataclasses import dataclass
from pathlib import Path

from engine.checksum import sha256_of
from engine.embedding import PACK_TEXTS
from engine.frames import Load
from engine.gguf import ModelError, read_header
from engine.llama import Encoder, Model, ModelFault
from engine.plan import (
    Shape,
    available_bytes,
    context_of,
    nearest,
    needed_bytes,
    usable_cores,
)
from engine.prompt import Prompter
from engine.template import ChatTemplate, TemplateFault
from engine.tuned import tuned_model
from engine.weight import plan_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to answer."""

    model: Model
    prompter: Prompter
    name: str
    sha256: str


def open_model(load: Load) -> Loaded:
    """Check and load. Raises `ModelError`."""
    path = Path(load.path)
    header = read_header(path)
    name = load.name or header.name
    sha256 = _checked_sha256(load, path)
    _check_memory(load, header.shape)
    try:
        model = tuned_model(path, load.plan, header.shape, sha256)
        return Loaded(model, _prompter(model), name, sha256)
    except ModelFault as exc:
        raise _unloadable(path, exc) from exc
    except TemplateFault as exc:
        raise ModelError(
            f"The model file {path.name} is not usable: {exc}; choose another file."
        ) from exc


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """A model ready to embed."""

    encoder: Encoder
    name: str
    sha256: str


def open_encoder(load: Load) -> LoadedEncoder:
    """Check and load a model that embeds. Raises `ModelError`."""
    path = Path(load.path)
    header = read_header(path)
    sha256 = _checked_sha256(load, path)
    _check_memory(load, header.shape)
    try:
        encoder = Encoder(
            path,
            most_tokens=plan_of(load, header.shape).batch_tokens,
            most_texts=PACK_TEXTS,
            threads=load.plan.threads or usable_cores(),
        )
    except ModelFault as exc:
        raise _unloadable(path, exc) from exc
    return LoadedEncoder(encoder, load.name or header.name, sha256)


def _unloadable(path: Path, why: ModelFault) -> ModelError:
    return ModelError(f"The model file {path.name} cannot be loaded: {why}; choose another file.")


def _checked_sha256(load: Load, path: Path) -> str:
    found = sha256_of(path)
    if load.sha256 and found != load.sha256:
        raise ModelError(
            f"The model file {path.name} has changed: its sha256 is {found}, and {load.sha256} "
            "was recorded when it was pulled; pull it again."
        )
    return found


def _check_memory(load: Load, shape: Shape) -> None:
    needed, available = needed_bytes(plan_of(load, shape), shape), available_bytes()
    if needed <= available:
        return
    fitting = nearest(load.plan, shape, available)
    remedy = (
        f"set engine.sequences = {fitting.sequences}, engine.context_tokens = "
        f"{context_of(fitting, shape.trained_context)}, engine.cache_type = "
        f'"{fitting.cache_type}" and engine.park_bytes = {fitting.park_bytes}, or choose a '
        "smaller model"
        if fitting
        else "choose a smaller model"
    )
    raise ModelError(
        f"The model {Path(load.path).name} is too large for this machine: it needs about "
        f"{needed >> 20} MB with {load.plan.sequences} conversations at once and "
        f"{available >> 20} MB are free; {remedy}."
    )


def _prompter(model: Model) -> Prompter:
    vocabulary = model.vocabulary
    template = ChatTemplate(
        model.template, bos=vocabulary.name(vocabulary.bos), eos=vocabulary.eos_name()
    )
    return Prompter(vocabulary, template)
