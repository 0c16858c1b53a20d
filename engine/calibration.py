"""What was measured to be the best way to compute a model on this machine, kept in a directory.

A file a machine, model, library and shape. `measure` does the measuring; `tuning` chooses. A file
that is begun and not finished tells that measuring ended the process, if the client saw one die:
that is not tried again before its next start. A process that was stopped leaves the same file.
"""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast, get_args

from engine.tuning import CacheType, Choice, Throughput, Tuning

LIBRARY = "llama-cpp-python"


@dataclass(frozen=True, slots=True)
class Key:
    """What a choice is good for; any difference asks for another one."""

    cpu: str
    cores: int
    sha256: str
    library: str
    sequences: int
    batch_tokens: int
    threads: int
    cache_type: CacheType
    may_compact: bool
    may_round: bool

    @property
    def file_name(self) -> str:
        fields = json.dumps(asdict(self), sort_keys=True).encode()
        return f"{hashlib.sha256(fields).hexdigest()[:16]}.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """A choice, and when it was made (ISO 8601)."""

    key: Key
    choice: Choice
    at: str

    def __str__(self) -> str:
        tuning, rates = self.choice.tuning, self.choice.rates
        way = "" if tuning.flash else ", no flash attention"
        return (
            f"{tuning.threads} threads to decode and {tuning.prefill_threads} to prefill, cache "
            f"{tuning.cache_type}, {tuning.ubatch_tokens} tokens a piece{way}; "
            f"measured {self.at}, {self.choice.tried} setups tried: "
            f"{rates.prefill:.0f} tokens/s of a prompt, {rates.one:.0f} of one answer, "
            f"{rates.many:.0f} of many"
        )


def cpu_model() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, "")


def library_version() -> str:
    """The library's version."""
    return version(LIBRARY)


class Calibrations:
    """The files in one directory. `now` gives the date that a choice gets; `died` is whether a
    process before this one died while it loaded."""

    def __init__(self, directory: Path, now: Callable[[], datetime], *, died: bool) -> None:
        self._directory = directory
        self._now = now
        self._died = died

    def settled(self, key: Key, choose: Callable[[], Choice]) -> Tuning | None:
        """What was chosen before, or is chosen now; None when choosing ended the process before.

        A directory that cannot be written costs the same time at the next start, and nothing else.
        """
        path = self._directory / key.file_name
        if known := _read(path):
            return known.choice.tuning
        begun = path.with_suffix(".begun")
        if self._died and begun.exists():
            return None
        kept = _write(begun, {})
        choice = choose()
        if kept:
            calibration = Calibration(key, choice, self._now().isoformat(timespec="seconds"))
            _write(path, asdict(calibration))
            begun.unlink(missing_ok=True)
        return choice.tuning


def latest(directory: Path, sha256: str) -> Calibration | None:
    """The newest choice for a model on this machine, library and processor as they are now."""
    found = [known for path in directory.glob("*.json") if (known := _read(path))]
    here = (cpu_model(), library_version(), sha256)
    fits = [c for c in found if (c.key.cpu, c.key.library, c.key.sha256) == here]
    return max(fits, key=lambda each: each.at, default=None)


def _read(path: Path) -> Calibration | None:
    """A file's choice; None when there is none that makes sense."""
    try:
        found = cast(dict[str, Any], json.loads(path.read_text()))
        choice = found["choice"]
        rates = {name: float(rate) for name, rate in choice["rates"].items()}
        made = Choice(_tuning(choice["tuning"]), Throughput(**rates), int(choice["tried"]))
        return Calibration(Key(**found["key"]), made, str(found["at"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _tuning(fields: dict[str, Any]) -> Tuning:
    """A setup as a file has it. Raises `ValueError` for what would end the process that tries it,
    `TypeError` and `KeyError` for what is none."""
    counts = [fields[name] for name in ("threads", "prefill_threads", "ubatch_tokens")]
    if not all(type(count) is int and count > 0 for count in counts):
        raise ValueError("threads and tokens are whole numbers from 1")
    if fields["cache_type"] not in get_args(CacheType):
        raise ValueError("the cache cannot store numbers so")
    return Tuning(**fields)


def _write(path: Path, content: dict[str, Any]) -> bool:
    """Whether a file could be written, whole."""
    half = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(json.dumps(content, indent=2))
        half.replace(path)
    except OSError:
        return False
    return True
