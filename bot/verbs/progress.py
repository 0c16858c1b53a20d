"""Progress of long work: a bar on a terminal, a line every tenth elsewhere."""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Protocol

import click


class Report(Protocol):
    """Takes how much is done, of how much if that is known."""

    def __call__(self, done: int, total: int | None) -> None: ...


@contextmanager
def progress(what: str, unit: str = "B") -> Generator[Report]:
    """Show the progress of `what`, counted in `unit`s."""
    if not sys.stderr.isatty():
        yield _Lines(what)
        return
    from tqdm import tqdm

    with tqdm(desc=what, unit=unit, unit_scale=True, dynamic_ncols=True) as bar:

        def report(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield report


class _Lines:
    def __init__(self, what: str) -> None:
        self._what = what
        self._next = 0

    def __call__(self, done: int, total: int | None) -> None:
        if not total:
            return
        percent = 100 * done // total
        if percent >= self._next:
            click.echo(f"{self._what}: {percent} %", err=True)
            self._next = percent - percent % 10 + 10
