"""People at browsers, and the bot they talk with."""

import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, Locator, Page, expect

from tests.clients.process import BotProcess

ANSWER_MS = 60_000
BOT = "[data-testid=message][data-author=bot]"


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at the page, in a browser profile of their own."""

    page: Page
    context: BrowserContext
    foreign: list[str]

    async def join(self, link: str, name: str) -> None:
        await self.page.goto(link)
        await self.page.get_by_test_id("join-name").fill(name)
        await self.page.get_by_test_id("join-button").click()
        await expect(self.composer).to_be_focused()

    @property
    def composer(self) -> Locator:
        return self.page.get_by_test_id("composer")

    @property
    def answers(self) -> Locator:
        return self.page.locator(BOT)

    @property
    def preview(self) -> Locator:
        return self.page.get_by_test_id("preview")

    async def say(self, text: str) -> None:
        await self.composer.fill(text)
        await self.page.keyboard.press("Enter")

    async def create_room(self, name: str) -> None:
        await self.page.get_by_test_id("new-room").click()
        await self.page.keyboard.type(name)
        await self.page.keyboard.press("Enter")
        await expect(self.page.locator("#room-title")).to_have_text(f"# {name}")

    def message(self, text: str) -> Locator:
        """The message that holds a text."""
        return self.page.get_by_test_id("message").filter(has_text=text)

    @property
    def toast(self) -> Locator:
        return self.page.locator("#toast")

    async def open_room(self, name: str) -> None:
        await self.page.locator("#shared-rooms").get_by_text(name, exact=True).click()


@asynccontextmanager
async def visitor(browser: Browser, **options: object) -> AsyncGenerator[Visitor]:
    """Somebody new; whatever their browser asks of other hosts is noted."""
    context = await browser.new_context(**options)  # type: ignore[reportArgumentType]
    page = await context.new_page()
    foreign: list[str] = []
    page.on(
        "request",
        lambda request: None if "://127.0.0.1:" in request.url else foreign.append(request.url),
    )
    page.on("pageerror", lambda error: foreign.append(f"script error: {error}"))
    try:
        yield Visitor(page, context, foreign)
        assert foreign == []
    finally:
        await context.close()


@asynccontextmanager
async def running(directory: Path, **settings: str) -> AsyncGenerator[BotProcess]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    names = {"web__port": port} | settings
    bot = BotProcess(directory, {f"PARLEY_{name.upper()}": names[name] for name in names})
    await bot.start()
    try:
        yield bot
    finally:
        await bot.stop()
