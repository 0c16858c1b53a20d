"""From a `Load` frame to a model that can answer; every check that fails is one clear sentence."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

from engine.checksum import sha256_of
from engine.drafter import Drafter
from engine.embedding import PACK_TEXTS
from engine.frames import DraftFile, Load
from engine.gguf import ModelError, read_header
from engine.llama import Encoder, Model, ModelFault
from engine.plan import usable_cores
from engine.prompt import Prompter
from engine.template import ChatTemplate, TemplateFault
from engine.tuned import tuned_model
from engine.weight import check_memory, draft_plan, plan_of


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model ready to answer."""

    model: Model
    prompter: Prompter
    name: str
    sha256: str
    drafter: Drafter | None = None
    note: str = ""
    """What is not as the settings ask, in a sentence."""


def open_model(load: Load) -> Loaded:
    """Check and load. Raises `ModelError`."""
    path = Path(load.path)
    header = read_header(path)
    name = load.name or header.name
    sha256 = _checked_sha256(load, path)
    check_memory(load, header.shape)
    try:
        model, note = tuned_model(path, load.plan, header.shape, sha256, died=load.died)
        loaded = Loaded(model, _prompter(model), name, sha256, note=note)
    except ModelFault as exc:
        raise _unloadable(path, exc) from exc
    except TemplateFault as exc:
        raise ModelError(
            f"The model file {path.name} is not usable: {exc}; choose another file."
        ) from exc
    return loaded if load.draft is None else _with_drafter(loaded, load, load.draft)


def _with_drafter(loaded: Loaded, load: Load, file: DraftFile) -> Loaded:
    """The model with its draft model, or why without it: it only makes answers quicker."""
    try:
        return replace(loaded, drafter=_open_drafter(loaded.model, load, file))
    except (ModelError, ModelFault) as exc:
        unused = f"engine.draft_model is not used: {exc}"
        return replace(loaded, note="; ".join(filter(None, [loaded.note, unused])))


def _open_drafter(model: Model, load: Load, file: DraftFile) -> Drafter:
    """Raises `ModelError` and `ModelFault`."""
    path, plan = Path(file.path), draft_plan(load)
    draft = replace(load, path=file.path, sha256=file.sha256, plan=plan)
    shape = read_header(path).shape
    _checked_sha256(draft, path)
    check_memory(draft, shape)
    second, _ = tuned_model(path, plan, shape, file.sha256, died=load.died)
    if not (second.can_truncate and model.vocabulary.like(second.vocabulary)):
        second.close()
        raise ModelError(
            f"The model file {path.name} cannot draft for {Path(load.path).name}: its vocabulary "
            "is another one, or it cannot go back; choose a smaller model of the same family."
        )
    return Drafter(second, plan.sequences, model.vocabulary.size, time.perf_counter)


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
    check_memory(load, header.shape)
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


def _prompter(model: Model) -> Prompter:
    vocabulary = model.vocabulary
    template = ChatTemplate(
        model.template, bos=vocabulary.name(vocabulary.bos), eos=vocabulary.eos_name()
    )
    template.rehearse()
    return Prompter(vocabulary, template)
