"""What a bot shows while it stands by: a port that says so, and a socket to take over by."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from adapters.web.aside import routes
from bot.config import Settings
from bot.control import Control, socket_path
from bot.health import Metrics, PartState, Readiness
from bot.place import place_of
from bot.standby import Standby


class Aside:
    """Port and socket of a standby. `engine` tells how its engine is."""

    def __init__(
        self,
        settings: Settings,
        standby: Standby,
        metrics: Metrics,
        engine: Callable[[], Awaitable[PartState]],
    ) -> None:
        self._settings = settings
        self._standby = standby
        self._metrics = metrics
        self._engine = engine

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[str]:
        """Serve while the block runs; the port's address, empty without one."""
        control = Control(socket_path(place_of(self._settings).here), None, self._standby.tasks())
        async with AsyncExitStack() as doors:
            url = ""
            if self._settings.web.enabled:
                url = await doors.enter_async_context(self._port())
            await doors.enter_async_context(control.listening())
            yield url

    @asynccontextmanager
    async def _port(self) -> AsyncGenerator[str]:
        from bot.guard import Guard  # imported only where it serves
        from bot.http import Health, application
        from bot.port import Port

        web = self._settings.web
        port = Port(web)
        app = application([*Health(self._metrics, self._readiness).routes(), *routes()])
        async with port.serving(Guard(app, web.allowed_hosts)):
            yield port.url

    async def _readiness(self) -> Readiness:
        parts = {"engine": await self._engine(), "storage": self._standby.state}
        return Readiness(parts, "standby")
