"""A bot over somebody else's model server, which is not always well."""

from pathlib import Path

from bot.app import App
from bot.texts import texts_for
from engine.remote import RemoteEngine
from tests.fakes.openai_server import MODEL, BreakOff, openai_server
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import entered, running_app, settings_in
from tests.unit.bot.events import message

TEXTS = texts_for("en")


async def test_a_question_at_which_the_server_breaks_off_every_time_is_set_aside(
    tmp_path: Path,
) -> None:
    platform = FakePlatform()
    async with openai_server() as server, RemoteEngine(server.url, MODEL) as engine:
        server.faults.extend([BreakOff()] * 9)
        app = App(settings_in(tmp_path), engine=entered(engine), adapters=[platform])
        async with running_app(app, platform):
            await platform.receive([message("one two three four")])
            await platform.until(lambda: platform.shown("ann") == [TEXTS.set_aside])
            assert len(server.bodies) == 3
            server.faults.clear()
            await platform.receive([message("hello")])
            await platform.until(lambda: platform.shown("ann")[-1] == "echo: hello")
