"""Which file answers: from the name in the settings to a model of the store."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from bot.config import Settings
from engine.base import Engine, Swaps, ToldOfReading, untold
from engine.gguf import ModelError
from engine.models import DEMO, ModelStore, StoredModel
from engine.plan import Plan

DEMO_NAME = "demo"


def store_of(settings: Settings) -> ModelStore:
    """The model store that the settings name."""
    return ModelStore(settings.engine.models_dir)


def chosen(settings: Settings) -> StoredModel:
    """The model that is to answer. Raises `ModelError`, with what to do."""
    return named(settings, settings.engine.model)


def named(settings: Settings, name: str) -> StoredModel:
    """A model by what a person calls it. Raises `ModelError`, with what to do.

    It is a name in the store; `demo` is the pinned demo model, unless `parley models use` chose
    another; a path is a file that was pulled as it lies there.
    """
    store = store_of(settings)
    if name == DEMO_NAME:
        return store.default() or store.get(DEMO.name)
    by_name = {model.name: model for model in store.list()}
    by_path = {model.path.resolve(): model for model in by_name.values()}
    model = by_name.get(name) or by_path.get(Path(name).resolve())
    if model is None:
        known = ", ".join(by_name) or "none"
        raise ModelError(
            f"There is no model “{name}” in {store.directory}; there is: {known}. "
            "Bring it with “parley models pull SOURCE”."
        )
    return model


def is_demo(model: str) -> bool:
    """Whether a model of this name is the one that is for trying only."""
    return model == DEMO.name


def model_names(settings: Settings) -> list[str]:
    """The models in the store."""
    return [model.name for model in store_of(settings).list()]


@dataclass(frozen=True, slots=True)
class Choice:
    """A model was chosen: it answers `now` or from the next start on; `then` is the model that the
    settings name, which answers again after a restart, if that is another one."""

    model: str
    now: bool
    then: str


async def choose(
    settings: Settings,
    engine: Engine,
    name: str,
    *,
    pause: bool = False,
    reads: ToldOfReading = untold,
) -> Choice:
    """Let a model of the store answer, now where the engine can do that, and after a restart.

    Raises `EngineError`, and nothing has changed; `pause` and `reads` are those of
    `engine.base.Swaps.use`.
    """
    store = store_of(settings)
    model = await asyncio.to_thread(store.get, name)
    swaps = isinstance(engine, Swaps)
    if swaps:
        await engine.use(name, pause=pause, reads=reads)
    await asyncio.to_thread(store.use, model.name)
    then = settings.engine.model
    return Choice(model.name, now=swaps, then="" if then in (DEMO_NAME, model.name) else then)


def calibrations(settings: Settings) -> Path:
    """Where it is kept how this machine computes each model best."""
    return settings.storage.path.absolute().parent / "calibration"


def plan_of(settings: Settings) -> Plan:
    """How much of the machine the model is to get."""
    engine = settings.engine
    return Plan(
        context_tokens=engine.context_tokens,
        sequences=engine.sequences,
        threads=engine.threads,
        waiting=engine.max_waiting,
        park_bytes=engine.park_bytes,
        spill_bytes=engine.spill_bytes,
        cache_type="f16" if engine.cache_type == "auto" else engine.cache_type,
        may_compact=engine.cache_type == "auto",
        may_round=not engine.exact,
        lookup=engine.lookup,
        step_s=engine.token_interval_s,
        calibrate_in=str(calibrations(settings)) if engine.calibrate else "",
    )


def needs_demo(settings: Settings) -> bool:
    """Whether the demo model has to be pulled before anything can answer."""
    if settings.engine.model != DEMO_NAME:
        return False
    model = store_of(settings).default()
    return model is None or not model.path.is_file()
