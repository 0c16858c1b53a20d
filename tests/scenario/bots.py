"""A real bot for scenarios: its own database, a scripted engine, a platform in memory."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bot.app import App, Running
from bot.config import Settings
from engine.base import Engine
from engine.scripted import ScriptedEngine
from storage.filesystem import verdict_of
from storage.verdict import refuse_disk
from tests.fakes.platform import FakePlatform

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bot:
    """A running bot."""

    app: App
    running: Running
    platform: FakePlatform
    engine: ScriptedEngine

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that tells nobody when it happens."""
        async with asyncio.timeout(60):
            while not condition():
                await asyncio.sleep(0.002)

    async def until_async(
        self, look: Callable[[], Awaitable[T]], condition: Callable[[T], bool]
    ) -> None:
        """Wait until what is stored meets a condition."""
        async with asyncio.timeout(60):
            while not condition(await look()):
                await asyncio.sleep(0.002)

    async def until_asked(self, count: int) -> None:
        """Wait until the engine was asked so often."""
        await self.until(lambda: len(self.engine.requests) >= count)


def settings_in(directory: Path, **sections: dict[str, Any]) -> Settings:
    """Settings whose files are in `directory`, without a port."""
    return Settings.model_validate(
        {
            "storage": {"path": directory / "parley.db"},
            "engine": {"kind": "scripted", "models_dir": directory / "models"},
            "web": {"enabled": False},
            "access": {"open": ["fake"]},
        }
        | sections
    )


def as_nas(path: Path) -> dict[str, str]:
    """Settings of storage with which a directory of this machine's disk stands for a NAS."""
    return {"accept_risk": refuse_disk(verdict_of(path)).risk}


@asynccontextmanager
async def running_bot(
    settings: Settings,
    *,
    platform: FakePlatform | None = None,
    engine: ScriptedEngine | None = None,
) -> AsyncGenerator[Bot]:
    """Run a bot with a scripted engine while the block runs; it drains at the end."""
    platform = platform or FakePlatform()
    engine = engine or ScriptedEngine(context_tokens=settings.engine.context_tokens)
    app = App(settings, engine=entered(engine), adapters=[platform])
    async with running_app(app, platform) as running:
        yield Bot(app, running, platform, engine)


@asynccontextmanager
async def running_app(app: App, platform: FakePlatform) -> AsyncGenerator[Running]:
    """Run an application while the block runs."""
    platform.connect()
    started: asyncio.Future[Running] = asyncio.get_running_loop().create_future()
    run = asyncio.create_task(app.run(started.set_result))
    await asyncio.wait({run, started}, return_when=asyncio.FIRST_COMPLETED)
    if run.done():
        run.result()
    try:
        yield started.result()
    finally:
        app.stop()
        await run


@asynccontextmanager
async def entered(engine: Engine) -> AsyncGenerator[Engine]:
    """An engine as the application enters it."""
    yield engine
