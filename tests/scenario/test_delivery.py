"""Answers reach their platform once, whatever it does, and after a restart."""

from pathlib import Path

import pytest

from adapters.base import Address, Kind, Limits, RateLimited, Rejected, Transient
from bot.app import App
from bot.texts import texts_for
from engine.scripted import ScriptedEngine
from storage.records import PartState
from tests.fakes.platform import LIMITS, FakePlatform, Fault, LostResponse
from tests.scenario.bots import entered, running_app, running_bot, settings_in
from tests.unit.bot.events import ANN, message

TEXTS = texts_for("en")


@pytest.mark.parametrize(
    "faults",
    [
        [Transient("reset")],
        [RateLimited("slow down", 0.01)],
        [LostResponse()],
        [LostResponse(), LostResponse(), LostResponse()],
        [Transient("reset"), LostResponse(), RateLimited("slow down", 0.01)],
    ],
    ids=str,
)
async def test_faults_do_not_double_or_lose(tmp_path: Path, faults: list[Fault]) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.platform.faults.extend(faults)
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: hello"])
    assert len(bot.platform.posts["ann"]) == 1


async def test_a_room_that_must_wait_does_not_slow_others(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path, bot={"drain_s": 0})) as bot:
        bot.platform.faults.append(RateLimited("slow down", 3_600))
        await bot.platform.receive([message("one")])
        await bot.until(lambda: bool(bot.platform.calls))
        elsewhere = Address("fake", "bot", "elsewhere", direct=True)
        await bot.platform.receive([message("two", to=elsewhere)])
        await bot.platform.until(lambda: bot.platform.shown("elsewhere") == ["echo: two"])
        assert bot.platform.shown("ann") == []


async def test_what_is_refused_for_good_is_a_dead_letter_that_can_be_retried(
    tmp_path: Path,
) -> None:
    settings = settings_in(tmp_path, access={"owners": ["fake:ann"]})
    async with running_bot(settings) as bot:
        bot.platform.faults.extend([Rejected("chat not found")] * 2)  # the preview and the answer
        await bot.platform.receive([message("hello")])
        outbox = bot.running.desk.memory.outbox
        await bot.until_async(lambda: outbox.dead_letters(), bool)
        [letter] = await outbox.dead_letters()
        key = f"{letter.answer}.{letter.index}"

        await bot.platform.receive([message("admin dead", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: any(key in text for text in bot.platform.shown("ann")))
        assert "chat not found" in bot.platform.shown("ann")[0]

        await bot.platform.receive([message(f"admin dead retry {key}", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: "echo: hello" in bot.platform.shown("ann"))
        assert await outbox.dead_letters() == []


async def test_only_administrators_administer(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("admin dead", kind=Kind.COMMAND)])
        expected = TEXTS.not_allowed.format(name="admin")
        await bot.platform.until(lambda: bot.platform.shown("ann") == [expected])


async def test_an_answer_left_by_an_earlier_run_is_brought_once(tmp_path: Path) -> None:
    platform = FakePlatform()
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        platform.faults.extend([Transient("down")] * 100)
        await platform.receive([message("hello")])
        await bot.until_async(
            lambda: bot.running.desk.memory.outbox.undelivered(),
            lambda parts: any(part.state is PartState.READY for part in parts),
        )
    assert platform.shown("ann") == []
    platform.faults.clear()
    async with running_bot(settings_in(tmp_path), platform=platform):
        await platform.until(lambda: platform.shown("ann") == ["echo: hello"])
    assert len(platform.posts["ann"]) == 1


async def test_a_question_left_by_an_earlier_run_is_answered(tmp_path: Path) -> None:
    platform = FakePlatform()
    async with running_bot(settings_in(tmp_path, bot={"drain_s": 0}), platform=platform) as bot:
        bot.engine.hold()
        await platform.receive([message("hello")])
        await bot.until_asked(1)
    async with running_bot(settings_in(tmp_path), platform=platform):
        await platform.until(lambda: platform.shown("ann") == ["echo: hello"])


async def test_a_placeholder_left_by_an_earlier_run_becomes_the_answer(tmp_path: Path) -> None:
    platform = FakePlatform()
    async with running_bot(settings_in(tmp_path, bot={"drain_s": 0}), platform=platform) as bot:
        bot.engine.enqueue("one two three four five six seven eight nine")
        bot.engine.token_delay_s = 0.1
        await platform.receive([message("count")])
        await platform.until(lambda: bool(platform.shown("ann")))
    async with running_bot(settings_in(tmp_path), platform=platform):
        await platform.until(lambda: platform.shown("ann") == ["echo: count"])
    assert len(platform.posts["ann"]) == 1


async def test_stopping_lets_an_answer_finish(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.token_delay_s = 0.02
        bot.engine.enqueue("one two three four five")
        await bot.platform.receive([message("count")])
        await bot.until_asked(1)
    assert bot.platform.shown("ann") == ["one two three four five"]


async def test_previews_keep_the_platform_s_pace(tmp_path: Path) -> None:
    slow = Limits(4096, LIMITS.dialect, edits_per_minute=60, sends_per_minute=60)
    platform = FakePlatform(limits=slow)
    async with running_bot(settings_in(tmp_path), platform=platform) as bot:
        bot.engine.enqueue(" ".join(f"w{n}" for n in range(200)))
        bot.engine.token_delay_s = 0.01
        await platform.receive([message("count")])
        await platform.until(lambda: "w199" in "".join(platform.shown("ann")))
    edits = [call for call in platform.calls if call[0] == "edit"]
    assert 1 <= len(edits) <= 10  # a burst of six, and one a second


async def test_a_growing_answer_is_one_message(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.token_delay_s = 0.3  # slower than the lane, which is idle between two words
        bot.engine.enqueue("one two three four")
        await bot.platform.receive([message("count")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["one two three four"])
    [post] = bot.platform.posts["ann"]
    assert len(post.texts) > 2


async def test_a_person_s_reaction_is_kept_with_the_turn(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: hello"])
        remote = bot.platform.posts["ann"][0].id
        await bot.platform.receive([message("👍", kind=Kind.REACTION, about=remote)])
        members = bot.running.desk.members
        await bot.until_async(
            lambda: members.export("fake:bot:ann"), lambda data: bool(data["feedback"])
        )


async def test_forget_erases_and_says_so(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("my canary")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: my canary"])
        await bot.platform.receive([message("forget", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 2)
        assert "Turns: 1," in bot.platform.shown("ann")[1]
        exported = await bot.running.desk.members.export("fake:bot:ann")
        assert "canary" not in str(exported)
        assert "fake:bot:ann" in bot.engine.forgotten
        await bot.platform.receive([message("who am I?")])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 3)
        assert len(bot.engine.requests[-1].messages) == 2


async def test_forget_during_an_answer_leaves_nothing_of_it(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue("one two three four five six seven eight")
        bot.engine.token_delay_s = 0.1
        await bot.platform.receive([message("canary")])
        await bot.until_asked(1)
        await bot.platform.receive([message("forget", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: any("Erased" in t for t in bot.platform.shown("ann")))
        assert await bot.running.desk.memory.turns.count() == 0


async def test_export_hands_everything(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("my question")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: my question"])
        await bot.platform.receive([message("export", kind=Kind.COMMAND, by=ANN)])
        await bot.platform.until(lambda: "my question" in "".join(bot.platform.shown("ann")[1:]))


async def test_what_was_left_is_answered_before_and_apart_from_what_comes_now(
    tmp_path: Path,
) -> None:
    platform, settings = FakePlatform(), settings_in(tmp_path, bot={"drain_s": 0})
    async with running_bot(settings, platform=platform) as bot:
        bot.engine.hold()
        await platform.receive([message("left")])
        await bot.until_asked(1)
    platform.waiting.append(message("new"))  # is there as soon as the platform is asked
    engine = ScriptedEngine()
    later = [FakePlatform(name=f"later{number}") for number in range(40)]  # they take their time
    app = App(settings, engine=entered(engine), adapters=[platform, *later])
    async with running_app(app, platform):
        await platform.until(lambda: "new" in "".join(platform.shown("ann")))
    shown = "\n".join(platform.shown("ann"))
    assert (shown.count("left"), shown.count("new")) == (1, 1)
    assert shown.index("left") < shown.index("new")
