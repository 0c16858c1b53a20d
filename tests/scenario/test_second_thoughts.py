"""Changing one's mind: stop, edit, delete, ask again, start over."""

from pathlib import Path

from adapters.base import Kind
from bot.texts import texts_for
from tests.scenario.bots import running_bot, settings_in
from tests.unit.bot.events import BOB, ROOM, message

TEXTS = texts_for("en")


async def test_stop_keeps_what_was_shown(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        numbers = " ".join(map(str, range(2_000)))  # far longer than it takes to say stop
        bot.engine.enqueue(numbers)
        bot.engine.token_delay_s = 0.05
        await bot.platform.receive([message("count")])
        await bot.platform.until(lambda: bool(bot.platform.shown("ann")))
        await bot.platform.receive([message("stop", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: TEXTS.stopped in bot.platform.shown("ann")[0])
        [turn] = await bot.running.desk.memory.turns.recent("fake:bot:ann", 9)
        assert turn.stopped
        assert numbers.startswith(turn.answer)
        assert bot.engine.cancelled


async def test_stop_before_the_first_word_leaves_no_turn(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.hold()
        await bot.platform.receive([message("count")])
        await bot.until_asked(1)
        await bot.platform.receive([message("stop", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [TEXTS.stopped])
        assert await bot.running.desk.memory.turns.count() == 0


async def test_stop_with_nothing_to_stop(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("stop", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [TEXTS.nothing_to_stop])


async def test_an_edit_of_the_last_message_answers_again_in_place(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        asked = message("teh sky")
        await bot.platform.receive([asked])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: teh sky"])
        edit = message("the sky", kind=Kind.EDIT, about=asked.message_id)
        await bot.platform.receive([edit])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: the sky"])
        [turn] = await bot.running.desk.memory.turns.recent("fake:bot:ann", 9)
        assert (turn.number, turn.question) == (1, "the sky")
        assert len(bot.engine.requests[-1].messages) == 2


async def test_an_edit_of_an_older_message_only_corrects_the_history(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        asked = message("my name is An")
        for event in (asked, message("thanks")):
            count = len(bot.platform.shown("ann"))
            await bot.platform.receive([event])
            await bot.platform.until(lambda n=count: len(bot.platform.shown("ann")) == n + 1)
        fixed = message("my name is Ann", kind=Kind.EDIT, about=asked.message_id)
        await bot.platform.receive([fixed])
        await bot.platform.receive([message("my name?")])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 3)
        assert bot.engine.requests[-1].messages[1].content == "my name is Ann"
        assert len(bot.engine.requests) == 3


async def test_an_edit_during_the_answer_starts_it_anew(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.hold()
        asked = message("teh sky")
        await bot.platform.receive([asked])
        await bot.until_asked(1)
        await bot.platform.receive([message("the sky", kind=Kind.EDIT, about=asked.message_id)])
        await bot.until_asked(2)
        bot.engine.release()
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: the sky"])


async def test_a_delete_while_waiting_leaves_nothing_to_answer(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.hold()
        gone = message("never mind", to=ROOM, by=BOB)
        await bot.platform.receive([message("first", to=ROOM), gone])
        await bot.until_asked(1)
        await bot.platform.receive(
            [message("", kind=Kind.DELETE, to=ROOM, by=BOB, about=gone.message_id)]
        )
        await bot.platform.receive([message("last", to=ROOM, by=BOB)])
        bot.engine.release()
        expected = ["echo: Ann: first", "echo: Bob: last"]
        await bot.platform.until(lambda: bot.platform.shown("room") == expected)


async def test_a_delete_during_the_answer_takes_it_back(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue("one two three four five six seven eight nine ten")
        bot.engine.token_delay_s = 0.1
        asked = message("count")
        await bot.platform.receive([asked])
        await bot.platform.until(lambda: bool(bot.platform.shown("ann")))
        await bot.platform.receive([message("", kind=Kind.DELETE, about=asked.message_id)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [])
        assert await bot.running.desk.memory.turns.count() == 0


async def test_a_delete_after_the_answer_takes_the_turn_back(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        asked = message("secret")
        await bot.platform.receive([asked])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: secret"])
        await bot.platform.receive([message("", kind=Kind.DELETE, about=asked.message_id)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [])
        await bot.platform.receive([message("next")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: next"])
        assert len(bot.engine.requests[-1].messages) == 2


async def test_retry_answers_the_last_question_in_place(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue("first try", "second try")
        await bot.platform.receive([message("poem")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["first try"])
        await bot.platform.receive([message("retry", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["second try"])
        assert await bot.running.desk.memory.turns.count() == 1


async def test_new_begins_an_empty_window(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("before")])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 1)
        await bot.platform.receive([message("new", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: bot.platform.shown("ann")[1:] == [TEXTS.fresh])
        await bot.platform.receive([message("after")])
        await bot.platform.until(lambda: bot.platform.shown("ann")[2:] == ["echo: after"])
        assert len(bot.engine.requests[-1].messages) == 2
        assert await bot.running.desk.memory.turns.count() == 2
