"""Which file answers: from the name in the settings to a model of the store."""

from pathlib import Path

from bot.config import Settings
from engine.gguf import ModelError
from engine.models import DEMO, ModelStore, StoredModel
from engine.plan import Plan

DEMO_NAME = "demo"


def store_of(settings: Settings) -> ModelStore:
    """The model store that the settings name."""
    return ModelStore(settings.engine.models_dir)


def chosen(settings: Settings) -> StoredModel:
    """The model that is to answer. Raises `ModelError`, with what to do.

    `engine.model` is a name in the store; `demo` is the pinned demo model, unless `parley models
    use` chose another; a path is a file that was pulled as it lies there.
    """
    store, name = store_of(settings), settings.engine.model
    if name == DEMO_NAME:
        return store.default() or store.get(DEMO.name)
    by_name = {model.name: model for model in store.list()}
    by_path = {model.path.resolve(): model for model in by_name.values()}
    model = by_name.get(name) or by_path.get(Path(name).resolve())
    if model is None:
        known = ", ".join(by_name) or "none"
        raise ModelError(
            f"engine.model: there is no model “{name}” in {store.directory}; there is: {known}. "
            "Bring it with “parley models pull SOURCE”."
        )
    return model


def model_names(settings: Settings) -> list[str]:
    """The models in the store."""
    return [model.name for model in store_of(settings).list()]


def choose(settings: Settings, name: str) -> str:
    """Mark the model that answers from the next start on; its name. Raises `ModelError`."""
    return store_of(settings).use(name).name


def plan_of(settings: Settings) -> Plan:
    """How much of the machine the model is to get."""
    engine = settings.engine
    return Plan(
        context_tokens=engine.context_tokens,
        sequences=engine.sequences,
        threads=engine.threads,
        waiting=engine.max_waiting,
        park_bytes=engine.park_bytes,
        cache_type=engine.cache_type,
        lookup=engine.lookup,
    )


def needs_demo(settings: Settings) -> bool:
    """Whether the demo model has to be pulled before anything can answer."""
    if settings.engine.model != DEMO_NAME:
        return False
    model = store_of(settings).default()
    return model is None or not model.path.is_file()
