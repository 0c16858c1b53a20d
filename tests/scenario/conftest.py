"""The platforms' suite: a bot on each, and what became of each test, for the table in the docs."""

from collections.abc import AsyncGenerator, Generator
from pathlib import Path
from typing import Literal

import pytest
from _pytest.reports import TestReport

from tests.scenario.stage import Stage, staged
from tests.venues.base import Venue
from tests.venues.registry import VENUES

Outcome = Literal["passed", "failed", "skipped"]

OUTCOMES = pytest.StashKey[dict[tuple[str, str, str], Outcome]]()
"""By the test's module and name, and the platform."""


@pytest.fixture(params=list(VENUES))
async def venue(request: pytest.FixtureRequest) -> AsyncGenerator[Venue]:
    async with VENUES[request.param]() as venue:
        yield venue


@pytest.fixture
async def stage(venue: Venue, tmp_path: Path) -> AsyncGenerator[Stage]:
    async with staged(venue, tmp_path) as stage:
        yield stage


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, TestReport, TestReport]:
    report = yield
    if isinstance(item, pytest.Function) and "venue" in item.fixturenames:
        outcomes = item.config.stash.setdefault(OUTCOMES, {})
        key = (item.path.stem, item.originalname, str(item.callspec.params["venue"]))
        worst = {outcomes.get(key, "passed"), report.outcome}
        outcomes[key] = next(each for each in ("failed", "skipped", "passed") if each in worst)
    return report
