"""Talking: answers, order, joining, and what is said when no answer can come."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from adapters.base import Address, Kind, Quote
from bot.sessions import IDLE_SESSIONS
from bot.texts import texts_for
from engine.base import ContextTooLong, Interrupted, Overloaded, Unavailable
from engine.scripted import Script, ScriptedEngine
from tests.scenario.bots import running_bot, settings_in
from tests.unit.bot.events import ANN, BOB, ROOM, message

TEXTS = texts_for("en")


async def test_a_question_is_answered(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: hello"])


async def test_the_same_event_twice_is_answered_once(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        event = message("hello")
        await bot.platform.receive([event])
        await bot.platform.receive([event])
        await bot.platform.receive([message("second")])
        await bot.platform.until(
            lambda: bot.platform.shown("ann") == ["echo: hello", "echo: second"]
        )


async def test_in_a_room_only_what_is_addressed_is_seen(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("gossip", to=ROOM, addressed=False)])
        await bot.platform.receive([message("bot, hello", to=ROOM)])
        await bot.platform.until(lambda: bot.platform.shown("room") == ["echo: Ann: bot, hello"])
        assert [m.content for m in bot.engine.requests[0].messages[1:]] == ["Ann: bot, hello"]
        assert len(await bot.running.desk.memory.inbox.pending()) == 0


async def test_a_quoted_message_is_seen(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        quote = Quote("m0", "Bob", "the plan")
        await bot.platform.receive([message("sum it up", to=ROOM, quote=quote)])
        await bot.platform.until(lambda: len(bot.platform.shown("room")) == 1)
        assert bot.engine.requests[0].messages[-1].content == "Ann: > Bob: the plan\n\nsum it up"


async def test_what_is_added_before_the_first_word_joins(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.hold()
        await bot.platform.receive([message("first")])
        await bot.until_asked(1)
        await bot.platform.receive([message("second")])
        await bot.until_asked(2)
        bot.engine.release()
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: first\nsecond"])
        assert len(await bot.running.desk.memory.turns.recent("fake:bot:ann", 9)) == 1


async def test_another_person_waits_for_an_own_answer(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.hold()
        await bot.platform.receive([message("first", to=ROOM)])
        await bot.platform.receive([message("mine", to=ROOM, by=BOB)])
        await bot.platform.receive([message("more", to=ROOM)])
        await bot.until_asked(2)
        bot.engine.release()
        expected = ["echo: Ann: first\nmore", "echo: Bob: mine"]
        await bot.platform.until(lambda: bot.platform.shown("room") == expected)


async def test_the_model_sees_exactly_the_last_ten_turns(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        for number in range(1, 14):
            await bot.platform.receive([message(f"question {number}")])
            await bot.platform.until(lambda n=number: len(bot.platform.shown("ann")) == n)
        seen = [m.content for m in bot.engine.requests[-1].messages]
        assert seen[0] == bot.app.settings.persona
        assert seen[1::2] == [f"question {n}" for n in range(3, 14)]
        assert seen[2::2] == [f"echo: question {n}" for n in range(3, 13)]


async def test_the_engine_is_told_what_the_next_window_begins_with(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path, bot={"window_turns": 2})) as bot:
        for number in range(1, 4):
            await bot.platform.receive([message(f"question {number}")])
            await bot.platform.until(lambda n=number: len(bot.platform.shown("ann")) == n)
        await bot.until(lambda: bool(bot.engine.prepared))
        [(session, messages)] = bot.engine.prepared
        assert session == "fake:bot:ann"
        assert [m.content for m in messages[1::2]] == ["question 2", "question 3"]


async def test_a_long_answer_comes_in_parts(tmp_path: Path) -> None:
    engine = {"kind": "scripted", "max_tokens": 2_000}
    async with running_bot(settings_in(tmp_path, engine=engine)) as bot:
        words = [f"word{n}" for n in range(1_500)]
        bot.engine.enqueue(" ".join(words))
        await bot.platform.receive([message("tell me all")])
        await bot.platform.until(lambda: " ".join(bot.platform.shown("ann")).split() == words)
        assert len(bot.platform.shown("ann")) >= 3


async def test_too_long_a_message_is_refused_and_not_kept(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("x" * 1_000_000)])
        expected = TEXTS.too_long.format(limit=bot.app.settings.bot.max_message_chars)
        await bot.platform.until(lambda: bot.platform.shown("ann") == [expected])
        assert bot.engine.requests == []


async def test_a_full_session_says_so(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path, bot={"max_waiting": 2})) as bot:
        bot.engine.hold()
        await bot.platform.receive([message("first", to=ROOM)])
        await bot.until_asked(1)
        await bot.platform.receive([message(f"b{n}", to=ROOM, by=BOB) for n in range(3)])
        expected = TEXTS.too_many_waiting.format(limit=2)
        await bot.platform.until(lambda: bot.platform.shown("room") == [expected])
        bot.engine.release()
        await bot.platform.until(lambda: len(bot.platform.shown("room")) == 3)


async def test_a_busy_engine_is_waited_for(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue(Overloaded("full", 0.01), Overloaded("full", 0.01), "at last")
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["at last"])


async def test_an_engine_that_stays_busy_is_told(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path, bot={"patience_s": 5})) as bot:
        bot.engine.enqueue(Overloaded("full", 30))
        await bot.platform.receive([message("hello")])
        expected = TEXTS.busy.format(seconds=30)
        await bot.platform.until(lambda: bot.platform.shown("ann") == [expected])


async def test_no_model_is_told(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue(Unavailable("no such file"))
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [TEXTS.no_model])


async def test_turns_are_dropped_until_the_prompt_fits(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        for number in range(3):
            await bot.platform.receive([message(f"q{number}")])
            await bot.platform.until(lambda n=number: len(bot.platform.shown("ann")) == n + 1)
        bot.engine.enqueue(ContextTooLong(900, 800), ContextTooLong(850, 800), "fits")
        await bot.platform.receive([message("q3")])
        await bot.platform.until(lambda: bot.platform.shown("ann")[-1] == "fits")
        seen = [m.content for m in bot.engine.requests[-1].messages[1:]]
        assert seen == ["q2", "echo: q2", "q3"]


async def test_a_message_that_does_not_fit_alone_is_told(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue(ContextTooLong(900, 800))
        await bot.platform.receive([message("q")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [TEXTS.too_long_for_model])


async def test_a_dying_engine_answers_all_the_same(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        died = Interrupted("killed", alone=False)
        bot.engine.enqueue(*[Script("half an", error=died)] * 5, "a whole answer")
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["a whole answer"])


async def test_a_message_that_kills_the_engine_alone_is_set_aside(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.enqueue(*[Interrupted("killed", alone=True)] * 3)
        await bot.platform.receive([message("poison")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [TEXTS.set_aside])
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann")[-1] == "echo: hello")


async def test_two_people_are_two_conversations(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        to_bob = Address("fake", "bot", "bob", direct=True)
        await bot.platform.receive([message("from ann"), message("from bob", to=to_bob, by=BOB)])
        await bot.platform.until(lambda: bool(bot.platform.shown("bob")))
        await bot.platform.until(lambda: bool(bot.platform.shown("ann")))
        assert {len(request.messages) for request in bot.engine.requests} == {2}
        assert {request.person for request in bot.engine.requests} == {
            "fake:bot:ann",
            "fake:bot:bob",
        }


async def test_a_person_s_language_is_spoken(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive(
            [message("stop", kind=Kind.COMMAND, by=replace(ANN, language="zh-Hans-CN"))]
        )
        chinese = texts_for("zh").nothing_to_stop
        await bot.platform.until(lambda: bot.platform.shown("ann") == [chinese])


async def test_thousands_of_sessions_leave_no_task_behind(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        tasks = len(asyncio.all_tasks())
        rooms = [Address("fake", "bot", f"r{n}", direct=True) for n in range(2_500)]
        for start in range(0, len(rooms), 100):
            batch = rooms[start : start + 100]
            await bot.platform.receive([message(f"to {to.room}", to=to) for to in batch])
            await bot.until(lambda batch=batch: all(bot.platform.shown(to.room) for to in batch))
        await bot.until(lambda: len(asyncio.all_tasks()) <= tasks)
        assert len(bot.running.desk.sessions) <= IDLE_SESSIONS
        await bot.platform.receive([message("again", to=rooms[0])])
        await bot.platform.until(lambda: len(bot.platform.shown("r0")) == 2)
        assert len(bot.engine.requests[-1].messages) == 4


@pytest.mark.parametrize(("state", "model"), [("ready", "first"), ("loading", "second")])
async def test_a_turn_tells_which_model_answered(
    tmp_path: Path, state: Literal["ready", "loading"], model: str
) -> None:
    """The one that was asked; while one loads in the place of another, the one that comes."""
    async with running_bot(settings_in(tmp_path)) as bot:
        bot.engine.state = replace(bot.engine.state, state=state, model="first")
        bot.engine.hold()
        await bot.platform.receive([message("hello")])
        await bot.until_asked(1)
        bot.engine.state = replace(bot.engine.state, state="ready", model="second")
        bot.engine.release()
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: hello"])
        [turn] = await bot.running.desk.memory.turns.recent("fake:bot:ann", 1)
        assert turn.model == model


async def test_the_window_fits_the_model_that_answers_now(tmp_path: Path) -> None:
    """A model that was swapped in may hold less than the configuration says of the first."""
    engine = ScriptedEngine(context_tokens=160)
    settings = settings_in(tmp_path, engine={"max_tokens": 16})
    async with running_bot(settings, engine=engine) as bot:
        for number in range(6):
            engine.enqueue("a long answer " * 5)
            await bot.platform.receive([message(f"question {number} " * 4)])
            await bot.platform.until(lambda n=number: len(bot.platform.shown("ann")) == n + 1)
    assert len(engine.requests) == 6  # each fitted at once
    assert 3 < len(engine.requests[-1].messages) < 13
