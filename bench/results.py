"""What was measured, as a JSON file: the rounds of each row, when, and on what machine."""

import json
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.row import Figures


@dataclass(frozen=True, slots=True)
class Measured:
    """One row's rounds. `at` is the day (ISO 8601), `load` the machine's load before it began."""

    at: str
    load: float
    command: str
    rounds: tuple[Figures, ...]

    @property
    def median(self) -> Figures:
        """The median of every figure over the rounds that have it."""
        names = dict.fromkeys(name for figures in self.rounds for name in figures)
        return {
            name: statistics.median(f[name] for f in self.rounds if name in f) for name in names
        }


@dataclass(slots=True)
class Results:
    """All rows measured so far; a row measured again takes the place of the older one."""

    machine: dict[str, str] = field(default_factory=dict[str, str])
    rows: dict[str, Measured] = field(default_factory=dict[str, Measured])

    def save(self, path: Path) -> None:
        """Write the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n", "utf-8")


def load(path: Path) -> Results:
    """Read a file that `save` wrote; nothing is measured yet where there is none."""
    if not path.exists():
        return Results()
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    rows = {
        name: Measured(row["at"], row["load"], row["command"], tuple(row["rounds"]))
        for name, row in found["rows"].items()
    }
    return Results(found["machine"], rows)
