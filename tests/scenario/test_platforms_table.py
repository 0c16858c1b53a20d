"""The table in `docs/platforms.md` says what the suite showed; `make platforms-table` writes it."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.scenario import test_platforms, test_platforms_people, test_platforms_shown
from tests.scenario.conftest import OUTCOMES, Outcome
from tests.venues.registry import VENUES

SUITE = (test_platforms, test_platforms_shown, test_platforms_people)
PAGE = Path(__file__).parents[2] / "docs" / "platforms.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"
NAMES = {"web": "Page", "telegram": "Telegram", "slack": "Slack", "matrix": "Matrix"}
TESTS: Mapping[tuple[str, str], str] = {
    (module.__name__.rpartition(".")[2], name): (test.__doc__ or "").strip().replace("|", "\\|")
    for module in SUITE
    for name, test in vars(module).items()
    if name.startswith("test_")
}
"""What each shows, in the order they stand there: the docstrings are the rows."""
SIGNS: Mapping[Outcome, str] = {"passed": "yes", "skipped": "–", "failed": "fails"}


def rows(outcomes: Mapping[tuple[str, str, str], Outcome]) -> Iterator[str]:
    yield "| What works | " + " | ".join(NAMES[venue] for venue in VENUES) + " |\n"
    yield "| --- " * (len(VENUES) + 1) + "|\n"
    for test, what in TESTS.items():
        signs = (SIGNS[outcomes[*test, venue]] for venue in VENUES)
        yield f"| {what} | " + " | ".join(signs) + " |\n"


def test_the_table_says_what_the_suite_showed(request: pytest.FixtureRequest) -> None:
    outcomes = request.config.stash.get(OUTCOMES, dict[tuple[str, str, str], Outcome]())
    if any((*test, venue) not in outcomes for test in TESTS for venue in VENUES):
        pytest.skip("the suite did not run as a whole")
    table = "".join(rows(outcomes))
    page = PAGE.read_text("utf-8")
    before, rest = page.split(BEGIN)
    found, after = rest.split(END)
    if os.environ.get("PARLEY_WRITE_TABLE"):
        PAGE.write_text(f"{before}{BEGIN}{table}{END}{after}", "utf-8")
        found = table
    assert found == table, "make platforms-table writes it again"
