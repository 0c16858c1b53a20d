"""Where a platform can't say what it was sent: placeholders, edits, and what they carry."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.base import Ambiguous, Kind, Limits, Rejected
from bot.codec import destination
from bot.config import Settings
from bot.lane import RATE, STOP, WRITING
from bot.texts import texts_for
from engine.base import Overloaded, Unavailable, Waiting
from engine.scripted import Script
from tests.fakes.platform import LIMITS, FakePlatform, Hang, LostResponse
from tests.scenario.bots import running_bot, settings_in
from tests.unit.bot.events import message

TEXTS = texts_for("en")
BLIND = replace(LIMITS, can_find=False)


async def test_a_lost_response_leaves_a_placeholder_and_one_answer(tmp_path: Path) -> None:
    platform = FakePlatform(limits=BLIND)
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        platform.faults.extend([LostResponse(), LostResponse()])
        await platform.receive([message("hello")])
        await platform.until(lambda: "echo: hello" in platform.shown("ann"))
        await bot.until_async(bot.running.desk.memory.outbox.undelivered, lambda parts: not parts)
    assert platform.shown("ann").count("echo: hello") == 1
    assert all(text.endswith(WRITING) for text in platform.shown("ann")[:-1])


@pytest.mark.parametrize("limits", [LIMITS, BLIND], ids=["finds", "can't find"])
async def test_a_lost_response_to_an_edit_is_repeated(tmp_path: Path, limits: Limits) -> None:
    platform = FakePlatform(limits=limits)
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        bot.engine.enqueue("one two three")
        bot.engine.token_delay_s = 0.3
        await platform.receive([message("count")])
        await platform.until(lambda: bool(platform.posts["ann"]))
        platform.faults.append(LostResponse())
        await platform.until(lambda: platform.shown("ann") == ["one two three"])


async def test_a_deleted_placeholder_is_answered_anew(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue("one two three")
        bot.engine.token_delay_s = 0.3
        await bot.platform.receive([message("count")])
        await bot.platform.until(lambda: bool(bot.platform.posts["ann"]))
        bot.platform.posts["ann"][0].deleted = True
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["one two three"])
    assert len(bot.platform.posts["ann"]) == 2


async def test_a_growing_answer_can_be_stopped_and_an_answer_rated(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue("one two three")
        bot.engine.token_delay_s = 0.3
        await bot.platform.receive([message("count")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["one two three"])
        await bot.platform.receive([message("help", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 2)
    answer, notice = bot.platform.posts["ann"]
    assert {body.buttons for body in answer.bodies[:-1]} == {(STOP,)}
    assert answer.bodies[-1].buttons == RATE
    assert notice.bodies[-1].buttons == ()


@pytest.mark.parametrize(("eta_s", "told"), [(30.0, True), (2.0, False), (None, False)])
async def test_who_waits_long_is_told_the_place(
    tmp_path: Path, eta_s: float | None, told: bool
) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue(Script("at last", waiting=Waiting(3, eta_s)))
        bot.engine.token_delay_s = 0.2
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["at last"])
    [post] = bot.platform.posts["ann"]
    assert ("number 3" in post.texts[0]) == told


async def test_who_finds_the_line_full_is_told_the_place_too(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, bot={"patience_s": 7200, "drain_s": 0})
    async with running_bot(settings) as bot:
        bot.engine.enqueue(Overloaded("full", 3600, Waiting(65, 40.0)))
        await bot.platform.receive([message("hello")])
        told = TEXTS.waiting.format(place=65, eta_s=40.0)
        await bot.platform.until(lambda: told in "".join(bot.platform.shown("ann")))


async def lose_sight(platform: FakePlatform, settings: Settings) -> None:
    """A run that ends between a placeholder's effect and its response."""
    async with running_bot(settings, platform=platform) as bot:
        bot.engine.enqueue("one two three")
        bot.engine.token_delay_s = 0.05
        platform.faults.append(Hang())
        await platform.receive([message("count")])
        await platform.until(lambda: bool(platform.posts["ann"]))
        bot.engine.hold()


async def test_a_placeholder_that_an_earlier_run_lost_sight_of_becomes_the_answer(
    tmp_path: Path,
) -> None:
    platform, settings = FakePlatform(), settings_in(tmp_path, bot={"drain_s": 0})
    await lose_sight(platform, settings)
    async with running_bot(settings, platform=platform):
        await platform.until(lambda: platform.shown("ann") == ["echo: count"])
    assert len(platform.posts["ann"]) == 1


async def test_a_placeholder_is_kept_before_it_changes(tmp_path: Path) -> None:
    """Once it was found again and changed, its key may be another: it could not be found twice."""
    platform, settings = FakePlatform(), settings_in(tmp_path, bot={"drain_s": 0})
    await lose_sight(platform, settings)
    async with running_bot(settings, platform=platform):
        platform.faults.append(Hang())  # of its first edit
        await platform.until(lambda: len(platform.posts["ann"][0].bodies) == 2)
    platform.posts["ann"][0].key = "another"
    async with running_bot(settings, platform=platform):
        await platform.until(lambda: platform.shown("ann") == ["echo: count"])
    assert len(platform.posts["ann"]) == 1


async def test_a_place_in_the_line_that_an_earlier_run_showed_goes(tmp_path: Path) -> None:
    """After the restart both messages are answered at once."""
    platform, settings = FakePlatform(), settings_in(tmp_path, bot={"drain_s": 0})
    async with running_bot(settings, platform=platform) as bot:
        bot.engine.enqueue(Script("of long ago"))
        bot.engine.token_delay_s = 0.01
        await platform.receive([message("hello")])
        await platform.until(lambda: platform.shown("ann") == ["of long ago"])
        bot.running.desk.answering.mean_answer_s = 60.0
        bot.engine.enqueue("one two three four five six")
        bot.engine.token_delay_s = 0.2
        await platform.receive([message("first")])
        await platform.until(lambda: len(platform.shown("ann")) == 2)
        await platform.receive([message("second")])
        await platform.until(lambda: len(platform.shown("ann")) == 3)
    async with running_bot(settings, platform=platform):
        await platform.until(lambda: len(platform.shown("ann")) == 2)
        await platform.until(lambda: "second" in platform.shown("ann")[1])
        assert platform.shown("ann")[1].startswith("echo: first")


async def test_what_an_earlier_run_began_and_gave_up_goes(tmp_path: Path) -> None:
    """It was killed between the end of a question and the removal of its placeholder."""
    platform = FakePlatform()
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        await platform.receive([message("hello")])
        await platform.until(lambda: platform.shown("ann") == ["echo: hello"])
        platform.posts["ann"].append(
            replace(platform.posts["ann"][0], id="stray", key="given-up.0")
        )
        outbox = bot.running.desk.memory.outbox
        part = await outbox.open("given-up", 0, destination(message(), "s"))
        await outbox.placed(part.answer, part.index, "stray")
    async with running_bot(settings_in(tmp_path), platform=platform):
        await platform.until(lambda: platform.shown("ann") == ["echo: hello"])


async def test_a_message_of_another_answer_is_not_taken_for_a_lost_one(tmp_path: Path) -> None:
    platform = FakePlatform(vague=True)
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        await platform.receive([message("one")])
        await platform.until(lambda: platform.shown("ann") == ["echo: one"])
        await bot.until_async(bot.running.desk.memory.outbox.undelivered, lambda parts: not parts)
        platform.faults.append(Ambiguous("the connection broke before anything was sent"))
        await platform.receive([message("two")])
        await platform.until(lambda: platform.shown("ann") == ["echo: one", "echo: two"])


async def test_a_question_taken_back_takes_its_placeholder_along(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue("one two three four")
        bot.engine.token_delay_s = 0.3
        asked = message("count")
        await bot.platform.receive([asked])
        await bot.platform.until(lambda: bool(bot.platform.posts["ann"]))
        await bot.platform.receive([message(kind=Kind.DELETE, about=asked.message_id)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [])


async def test_a_retry_that_fails_brings_the_old_answer_back(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: hello"])
        bot.engine.enqueue(Script("never seen to its end", Unavailable("gone")))
        bot.engine.token_delay_s = 0.1
        await bot.platform.receive([message("retry", kind=Kind.COMMAND)])
        expected = ["echo: hello", TEXTS.no_model]
        await bot.platform.until(lambda: bot.platform.shown("ann") == expected)
    assert any("never" in text for text in bot.platform.posts["ann"][0].texts)


async def test_a_typing_sign_is_there_at_once_and_renewed(tmp_path: Path) -> None:
    platform = FakePlatform(limits=replace(LIMITS, typing_s=0.05))
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        bot.engine.hold()
        await platform.receive([message("hello")])
        await bot.until(lambda: len(platform.typed) >= 3)
        bot.engine.release()
        await platform.until(lambda: platform.shown("ann") == ["echo: hello"])


async def test_a_room_that_lost_the_bot_is_a_dead_letter_at_once(tmp_path: Path) -> None:
    platform = FakePlatform(limits=BLIND)
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        platform.faults.extend([Rejected("the bot was kicked")] * 2)
        await platform.receive([message("hello")])
        await bot.until_async(bot.running.desk.memory.outbox.dead_letters, bool)
