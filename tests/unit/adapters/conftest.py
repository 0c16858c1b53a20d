"""The page and a Matrix room, each with somebody in it, for the tests that need no more."""

from collections.abc import AsyncGenerator

import pytest

from tests.unit.adapters.matrix_bot import Scene, set_up
from tests.unit.adapters.page_stage import Page, serving


@pytest.fixture
async def page() -> AsyncGenerator[Page]:
    async with serving() as page:
        yield page


@pytest.fixture
async def scene() -> AsyncGenerator[Scene]:
    async with set_up() as scene:
        yield scene
