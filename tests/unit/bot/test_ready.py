"""Which questions are looked up, and which answers are kept: each condition on its own."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Address, Attachment, Kind, MessageEvent, Quote
from bot.codec import answer_key, session_key, to_record
from bot.config import Settings
from bot.health import Metrics
from bot.likeness import Made
from bot.pattern import Invalid
from bot.question import Again, Ask, Change, Question
from bot.ready import Look, ReadyAnswers
from bot.roster import Roster, place_of
from bot.sections import Access
from bot.standards import MAX_ANSWERS, Standards
from storage.audit import Audit
from storage.database import Database
from storage.known import Known
from storage.records import AuditEntry, Inbound, RoomState, StandardAnswer, Turn, TurnMessage
from storage.roster import RosterStore
from storage.standard import StandardStore
from storage.turns import Turns
from tests.unit.bot.events import ANN, BOB, DIRECT, ROOM, message
from tests.unit.storage.values import KEY

MADE = Made("sha", "prompt", "{}")
AT = datetime(2026, 1, 1, tzinfo=UTC)
ENTRY = AuditEntry("test", "test")
FILE = Attachment("f", "plan.txt")
QUOTE = Quote("m", "Ann", "said before")


@dataclass(frozen=True, slots=True)
class House:
    """A room that keeps answers."""

    ready: ReadyAnswers
    roster: Roster
    turns: Turns

    async def look(self, question: Question, made: Made = MADE, *, first: bool = True) -> Look:
        async def make() -> Made:
            return made

        return await self.ready.look(question, make, first=first)

    async def answer(self, question: Question, text: str, **how: Any) -> bool:
        """Answer as the model does; whether the answer was kept."""
        look = await self.look(question)
        session = session_key(question.event.address, by_thread=True)
        messages = (TurnMessage(question.event.message_id, question.text),)
        turn = Turn(question.answer, session, "ann", "Ann", messages, text, AT, model="sha")
        turn = replace(turn, prompt_version="prompt")
        whole: bool = how.pop("whole", True)
        steps = self.ready.keep(look, replace(turn, **how), whole=whole)
        await self.turns.commit(turn, also=steps)
        return bool(steps)

    async def keep(self, answer: StandardAnswer) -> None:
        """A standard answer is set."""
        await self.roster.make(self.ready.standards.put(answer, ENTRY))


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with Database(tmp_path / "parley.db") as db:
        audit = Audit(db, KEY)
        roster = Roster(RosterStore(db, audit), Access())
        await roster.make(roster.put_room(RoomState(place_of(ROOM), keeps_answers=True)))
        standards = Standards(StandardStore(db, audit), "Parley", "en", now=lambda: AT)
        ready = ReadyAnswers(Settings(), roster, standards, Known(db), Metrics())
        yield House(ready, roster, Turns(db))


def ask(text: str = "How?", *, to: Address = ROOM, **how: Any) -> Question:
    return asked(message(text, to=to, **how))


def asked(event: MessageEvent, *others: Ask | Change | Again) -> Question:
    inbound = Inbound(1, to_record(event, "s"), AT)
    entry = Ask(inbound, event)
    said = [TurnMessage(event.message_id, event.text)]
    return Question(answer_key(event), event, AT, said, [entry, *others])


def once_more(text: str = "How?") -> Question:
    event = message("retry", to=ROOM, kind=Kind.COMMAND)
    question = ask(text)
    question.entries = [Again(Inbound(1, to_record(event, "s"), AT), event)]
    return question


def joined() -> Question:
    """With a file that its author sent right after it."""
    event = message("", to=ROOM, files=(FILE,))
    return asked(message("How?", to=ROOM), Ask(Inbound(2, to_record(event, "s"), AT), event))


def changed() -> Question:
    event = message("How?", to=ROOM, kind=Kind.EDIT)
    return asked(event, Change(Inbound(1, to_record(event, "s"), AT), event, event.text))


async def test_the_same_question_is_known_and_others_are_not(house: House) -> None:
    assert await house.answer(ask("How?"), "so")
    found = (await house.look(ask("  HOW", by=BOB))).ready
    assert found is not None
    assert (found.text, found.mark, found.made) == ("so", "answered_before", MADE)
    for other in (
        ask("Why?"),
        ask(to=replace(ROOM, room="elsewhere")),
        ask(by=replace(ANN, language="zh-Hans")),
    ):
        assert (await house.look(other)).ready is None
    for name in ("model", "prompt_version", "sampling"):
        assert (await house.look(ask(), replace(MADE, **{name: "other"}))).ready is None
    assert (await house.look(ask(to=replace(ROOM, thread="t"), by=BOB))).ready is not None


@pytest.mark.parametrize(
    "question",
    [
        ask(to=DIRECT),
        ask(to=Address("fake", "bot", "room", direct=True)),
        ask(to=replace(ROOM, whisper="ann")),
        ask(to=replace(ROOM, room="closed")),
        ask(files=(FILE,)),
        ask(quote=QUOTE),
        ask("?!"),
        joined(),
        changed(),
    ],
    ids=["direct", "room alone", "whisper", "closed", "file", "quote", "empty", "joined", "edit"],
)
async def test_what_is_neither_looked_up_nor_kept(house: House, question: Question) -> None:
    await house.answer(ask(), "so")
    assert await house.look(question) == Look()
    assert not await house.answer(question, "so")


async def test_a_later_question_is_not_looked_up(house: House) -> None:
    await house.answer(ask(), "so")
    assert await house.look(ask(), first=False) == Look()


@pytest.mark.parametrize(
    "how",
    [
        {"whole": False},
        {"answer": "so, Ann"},
        {"model": "swapped"},
        {"prompt_version": "set anew"},
        {"sampling": "other"},
    ],
    ids=str,
)
async def test_what_is_not_kept(house: House, how: dict[str, Any]) -> None:
    assert not await house.answer(ask(), "so", **how)
    assert (await house.look(ask())).ready is None


async def test_asking_again_replaces_what_is_kept_and_keeps_nothing_new(house: House) -> None:
    assert not await house.answer(once_more(), "anew")
    assert await house.answer(ask(), "so")
    assert (await house.look(once_more())).ready is None
    assert await house.answer(once_more(), "better")
    found = (await house.look(ask())).ready
    assert found
    assert found.text == "better"


async def test_a_standard_answer_goes_before_what_is_known(house: House) -> None:
    await house.answer(ask("How is Bob?"), "so")
    answer = StandardAnswer("how", ("how is {who}",), "Ask {who} in {room} on {date}, {name}.")
    await house.keep(answer)
    found = (await house.look(ask("how is Bob?"), first=False)).ready
    assert found
    assert (found.mark, found.made) == ("standard_answer", Made("", "standard:how", "{}"))
    day = f"{AT.astimezone():%Y-%m-%d}"
    assert found.text == f"Ask Bob in this chat on {day}, Ann."
    for question in (ask("how is Bob", files=(FILE,)), ask("how is Bob", quote=QUOTE)):
        assert (await house.look(question)).ready is None
    again = await house.look(once_more("how is Bob?"))
    assert again.ready is None


async def test_there_is_an_end_to_standard_answers(house: House) -> None:
    for number in range(MAX_ANSWERS):
        await house.keep(StandardAnswer(f"a{number}", ("b",), "c"))
    with pytest.raises(Invalid) as error:
        await house.keep(StandardAnswer("one-more", ("b",), "c"))
    assert error.value.values == {"limit": MAX_ANSWERS}
    await house.keep(StandardAnswer("a0", ("b",), "changed"))
    await house.ready.standards.load()
    changed = house.ready.standards.get("a0")
    assert changed
    assert changed.template == "changed"
