"""A real browser and a real bot with the real demo model."""

import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from engine.models import DEMO, ModelStore

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="session")
def models() -> Path:
    """A store with the demo model, kept between runs; its digest is checked when it is pulled."""
    directory = Path(__file__).parents[2] / ".cache" / "models"
    ModelStore(directory).pull(DEMO.source, name=DEMO.name, sha256=DEMO.sha256)
    return directory


@pytest.fixture
async def browser() -> AsyncGenerator[Browser]:
    """Debian's Chromium."""
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium, or set CHROMIUM")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        await browser.close()
