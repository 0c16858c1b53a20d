"""What changed since the last start: the model, and keys of the configuration.

What a key was set to is told by nobody.
"""

import json
from collections.abc import Iterator

from pydantic import BaseModel, SecretStr

from bot.config import Settings
from bot.roster import Roster
from storage.chain import Chain
from storage.records import AuditEntry

KEPT = "configuration"
"""The setting that holds a digest of every key that is not as it comes."""
MODEL = "model"
"""The setting that holds the name and the SHA-256 of the model."""


async def note_changes(settings: Settings, roster: Roster, key: bytes) -> None:
    """Write down which keys differ from the last start, if any do."""
    chain = Chain(key)
    now = {name: chain.sign("setting", value)[:16] for name, value in _given(settings)}
    before: dict[str, str] = json.loads(roster.setting(KEPT) or "{}")
    changed = sorted(
        name for name in now.keys() | before.keys() if now.get(name) != before.get(name)
    )
    if changed:
        entry = AuditEntry("system", "configuration", "", json.dumps({"changed": changed}))
        await roster.make(roster.set(KEPT, json.dumps(now), entry))


async def note_model(name: str, sha256: str, roster: Roster) -> None:
    """Write down which file answers, if the last start had another; not for what is no file."""
    if not sha256:
        return
    kept = roster.setting(MODEL)
    before: dict[str, str] = json.loads(kept) if kept else {}
    now = {"model": name, "sha256": sha256}
    if now != before:
        detail = json.dumps({"sha256": sha256, "before": before})
        entry = AuditEntry("system", "model", name, detail)
        await roster.make(roster.set(MODEL, json.dumps(now), entry))


def _given(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every key that has another value than it comes with, and the value."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _given(value, f"{prefix}{name}.")
        elif value != field.get_default(call_default_factory=True):
            yield f"{prefix}{name}", _plain(value)


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        items: list[tuple[object, object]] = list(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        return repr([(key, _plain(each)) for key, each in items])
    return repr(value)
