"""A real browser and a real bot with the real demo model."""

import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright, expect

from engine.models import DEMO, ModelStore
from tests.clients.process import BotProcess
from tests.e2e.visitors import running

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

expect.set_options(timeout=20_000)  # for slow machines; what is expected is waited for, not timed


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


@pytest.fixture
async def bot(tmp_path: Path, models: Path) -> AsyncGenerator[BotProcess]:
    """With the real demo model, its answers short and always the same."""
    settings = {"engine__models_dir": str(models), "engine__temperature": "0"}
    settings["engine__calibrate"] = "false"
    async with running(tmp_path, **settings, engine__max_tokens="48") as bot:
        yield bot


@pytest.fixture
async def echo(tmp_path: Path) -> AsyncGenerator[BotProcess]:
    """With the scripted engine, for what needs an answer that is known and slow."""
    settings = {"engine__kind": "scripted", "engine__scripted_delay_s": "0.1"}
    async with running(tmp_path, **settings) as bot:
        yield bot
