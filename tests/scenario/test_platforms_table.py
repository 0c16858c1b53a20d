"""The table in `docs/platforms.md` says what the suite showed; `make platforms-table` writes it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.scenario import test_platforms as suite
from tests.scenario.conftest import OUTCOMES, Outcome
from tests.venues.registry import VENUES

PAGE = Path(__file__).parents[2] / "docs" / "platforms.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
NAMES = {"web": "Page", "telegram": "Telegram", "slack": "Slack", "matrix": "Matrix"}
SIGNS: Mapping[Outcome, str] = {"passed": "yes", "skipped": "–", "failed": "fails"}


def features() -> dict[str, str]:
    """The suite's tests and what each shows, in the order they stand there."""
    return {
        name: (function.__doc__ or "").strip().replace("|", "\\|")
        for name, function in vars(suite).items()
        if name.startswith("test_")
    }


def rows(outcomes: Mapping[tuple[str, str], Outcome]) -> Iterator[str]:
    yield "| What works | " + " | ".join(NAMES[venue] for venue in VENUES) + " |\n"
    yield "| --- " * (len(VENUES) + 1) + "|\n"
    for name, what in features().items():
        signs = (SIGNS[outcomes[name, venue]] for venue in VENUES)
        yield f"| {what} | " + " | ".join(signs) + " |\n"


def test_the_table_says_what_the_suite_showed(request: pytest.FixtureRequest) -> None:
    outcomes = request.config.stash.get(OUTCOMES, dict[tuple[str, str], Outcome]())
    if len(outcomes) < len(features()) * len(VENUES):
        pytest.skip("the suite did not run as a whole")
    table = "".join(rows(outcomes))
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    found, after = rest.split(END)
    if os.environ.get("PARLEY_WRITE_TABLE"):
        PAGE.write_text(f"{before}{BEGIN}{table}{END}{after}", "utf-8")
        found = table
    assert found == table, "make platforms-table writes it again"
