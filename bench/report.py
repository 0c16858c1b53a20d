"""placeholder"""

from pathlib import Path

from bench.results import Results


def write(found: Results, docs: Path) -> None: ...
