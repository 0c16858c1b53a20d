"""Platforms that fail: each for itself, seen by operators, tried again."""

from pathlib import Path

from adapters.base import AuthFailed
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import running_bot, settings_in
from tests.unit.bot.events import message


async def test_a_broken_connection_is_made_again(tmp_path: Path) -> None:
    platform = FakePlatform()
    platform.failures.append(OSError("no route"))
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        await bot.until(lambda: platform.link.state == "down")
        await platform.receive([message("hello")])
        await platform.until(lambda: platform.shown("ann") == ["echo: hello"])
        assert platform.link.state == "up"


async def test_a_refused_account_is_named_and_keeps_nobody_from_being_answered(
    tmp_path: Path,
) -> None:
    platform = FakePlatform()
    platform.failures.append(AuthFailed("the token is wrong: copy it again"))
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        await bot.until(lambda: platform.link.state == "refused")
        readiness = await bot.app.readiness(bot.running.desk)
        assert readiness.ready
        assert not readiness.parts["fake"].ready
        assert readiness.parts["fake"].detail == "the token is wrong: copy it again"
        gauge = bot.app.metrics.platform_up.labels("fake", "bot")
        assert [sample.value for metric in gauge.collect() for sample in metric.samples] == [0]


async def test_an_event_is_noted_for_operators(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.platform.link.note_event()
        gauge = bot.app.metrics.platform_last_event.labels("fake", "bot")
        [sample] = [sample for metric in gauge.collect() for sample in metric.samples]
        assert bot.platform.link.last_event_at
        assert sample.value == bot.platform.link.last_event_at.timestamp()
