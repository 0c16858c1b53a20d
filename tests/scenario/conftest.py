"""Keeps what became of the platform suite's tests, for the table in `docs/platforms.md`."""

from collections.abc import Generator
from typing import Literal

import pytest
from _pytest.reports import TestReport

Outcome = Literal["passed", "failed", "skipped"]

OUTCOMES = pytest.StashKey[dict[tuple[str, str], Outcome]]()
"""By the test's name and the platform's."""
SUITE = "test_platforms.py"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, TestReport, TestReport]:
    report = yield
    if item.path.name == SUITE and isinstance(item, pytest.Function):
        outcomes = item.config.stash.setdefault(OUTCOMES, {})
        key = (item.originalname, str(item.callspec.params["venue"]))
        worst = {outcomes.get(key, "passed"), report.outcome}
        outcomes[key] = next(each for each in ("failed", "skipped", "passed") if each in worst)
    return report
