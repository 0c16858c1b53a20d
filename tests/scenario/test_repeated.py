"""What is asked again in a room, and what administrators answer themselves, seen on the page."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bot.access import Role
from bot.lane import WRITING
from bot.texts import texts_for
from storage.records import AuditEntry
from tests.scenario.stage import Someone, Stage, staged
from tests.venues.page import PageVenue

TEXTS = texts_for("en")
BEFORE = f"\n\n{TEXTS.answered_before}"
STANDARD = f"\n\n{TEXTS.standard_answer}"

OURS = ("system", "test")
"""Who writes entries that no administrator made."""


@asynccontextmanager
async def page(directory: Path, **bot: Any) -> AsyncGenerator[Stage]:
    """A bot on its page; Ann, who is there, owns it."""
    async with PageVenue() as venue, staged(venue, directory, sections={"bot": bot}) as stage:
        await stage.alone("ann")
        owner = AuditEntry("test", "test")
        roster = stage.desk.roster
        await roster.make(roster.set_role(key(stage, "ann"), Role.OWNER, owner))
        yield stage


def key(stage: Stage, person: str) -> str:
    [account] = [name[1] for name in stage.desk.adapters if name[0] == "web"]
    return f"web:{account}:{stage.venue.person_id(person)}"


async def told(who: Someone, text: str, **how: Any) -> str:
    """Say something, and what the bot then says."""
    before = known(who)
    mention = not who.place.direct and not text.startswith("/")
    await who.say(text, mention=mention, **how)

    def new() -> list[str]:
        return [message.text.strip() for message in who.shown if message.id not in before]

    await who.venue.until(lambda: any(not text.endswith(WRITING) for text in new()))
    [said] = new()
    return said


def known(who: Someone) -> set[str]:
    """What anybody was shown there: one tab may lag behind another."""
    assert isinstance(who.venue, PageVenue)
    shown = [who.venue.shown(person, who.place) for person in who.venue.people]
    return {message.id for messages in shown for message in messages}


async def changes(stage: Stage) -> list[AuditEntry]:
    """What people changed by command, the newest first, without what they only looked at."""
    entries = await stage.desk.audit.latest(20)
    return [entry for entry in entries if entry.actor not in OURS and entry.detail != "{}"]


async def anew(who: Someone, text: str, **how: Any) -> str:
    """Ask as the first question of a conversation."""
    assert await told(who, "/new") == TEXTS.fresh
    return await told(who, text, **how)


async def counted(stage: Stage, count: int) -> None:
    """The model was asked so often, and is at rest."""
    assert len(stage.engine.requests) == count


async def rated(stage: Stage, person: str, values: list[int]) -> None:
    async with asyncio.timeout(60):
        while [row["value"] for row in (await stage.stored(person))["feedback"]] != values:
            await asyncio.sleep(0.01)


async def opened(stage: Stage, *people: str) -> tuple[Someone, ...]:
    """A room that keeps answers."""
    there = await stage.room("ann", *people)
    assert "an answer is given again for 24 h" in await told(there[0], "/admin cache on")
    return there


async def test_who_asks_the_same_gets_the_same_at_once(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("On Monday.", "On Tuesday.")
        assert await anew(ann, "When is the meeting?") == "On Monday."
        assert await anew(bob, "when  is the MEETING") == f"On Monday.{BEFORE}"
        await counted(stage, 1)
        [turn] = (await stage.stored("bob"))["turns"]
        [first] = (await stage.stored("ann"))["turns"]
        assert turn["answer"] == "On Monday."
        assert turn["messages"][0]["text"] == "when  is the MEETING"
        for name in ("model", "prompt_version", "sampling"):
            assert turn[name] == first[name]
        assert "answers kept 1" in await told(ann, "/admin cache")
        assert await anew(bob, "When is the meeting, really?") == "On Tuesday."
        await counted(stage, 2)


async def test_only_a_first_question_is_known(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("one", "two", "three", "four")
        assert await anew(ann, "What now?") == "one"
        assert await told(bob, "What now?") == "two"
        assert await anew(bob, "What now?") == f"one{BEFORE}"
        assert await told(bob, "And then?") == "three"
        sent = [message.content for message in stage.engine.requests[-1].messages[1:]]
        assert sent == ["bob: What now?", "one", "bob: And then?"]
        assert await anew(bob, "And then?") == "four"


async def test_retry_asks_the_model_and_its_answer_is_known_from_then_on(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("worse", "better")
        assert await anew(ann, "How?") == "worse"
        assert await anew(bob, "How?") == f"worse{BEFORE}"
        await bob.press(bob.shown[-1].id, "retry")
        await bob.venue.until(lambda: bob.texts[-1] == "better")
        assert await anew(ann, "How?") == f"better{BEFORE}"
        await counted(stage, 2)


async def test_a_bad_answer_is_not_given_again(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("wrong", "right")
        assert await anew(ann, "How?") == "wrong"
        assert await anew(bob, "How?") == f"wrong{BEFORE}"
        await bob.press(bob.shown[-1].id, "good")
        await rated(stage, "bob", [1])
        assert await anew(bob, "How?") == f"wrong{BEFORE}"
        await bob.press(bob.shown[-1].id, "bad")
        await rated(stage, "bob", [1, -1])
        assert await anew(ann, "How?") == "right"


async def test_what_its_author_changes_or_erases_is_known_no_more(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("one", "two", "three", "four", "five")
        assert await told(ann, "/new") == TEXTS.fresh
        said = await ann.say("How?", mention=True)
        await ann.venue.until(lambda: ann.texts[-1] == "one")
        await ann.edit(said, "@Parley Why?")
        await ann.venue.until(lambda: ann.texts[-1] == "two")
        assert await anew(bob, "How?") == "three"
        assert await anew(ann, "How?") == f"three{BEFORE}"
        alone = await stage.alone("bob")
        assert "Erased" in await told(alone, "/forget")
        assert await anew(ann, "How?") == "four"
        assert await told(ann, "/new") == TEXTS.fresh
        said = await ann.say("Who?", mention=True)
        await ann.venue.until(lambda: ann.texts[-1] == "five")
        await ann.delete(said)
        await ann.venue.until(lambda: ann.texts[-1] != "five")
        stage.engine.enqueue("six")
        assert await anew(bob, "Who?") == "six"


async def test_no_other_room_and_no_chat_alone_shares_answers(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        other, _ = await opened(stage, "bob")
        closed, _ = await stage.room("ann", "bob")
        alone = await stage.alone("bob")
        stage.engine.enqueue(*map(str, range(7)))
        assert await anew(ann, "How?") == "0"
        assert await anew(other, "How?") == "1"
        assert await anew(closed, "How?") == "2"
        assert await anew(closed, "How?") == "3"
        assert await anew(alone, "How?") == "4"
        assert await anew(alone, "How?") == "5"
        assert await anew(bob, "How?") == f"0{BEFORE}"


async def test_what_is_quoted_or_calls_somebody_by_name_is_for_nobody_else(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("You are Ann.", "You are Bob.", "as it is", "so be it")
        assert await anew(ann, "Who am I?") == "You are Ann."
        assert await anew(bob, "Who am I?") == "You are Bob."
        first = bob.shown[-1].id
        for answer in ("as it is", "so be it"):
            assert await anew(ann, "How so?", reply_to=first) == answer
        await counted(stage, 4)


async def test_who_opts_out_keeps_nothing(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("one", "two", "three")
        assert await anew(ann, "How?") == "one"
        assert "I keep no answers" in await told(ann, "/admin cache off")
        assert await anew(bob, "How?") == "two"
        await told(ann, "/admin cache on")
        assert "answers kept 0" in await told(ann, "/admin cache")
        assert await anew(bob, "How?") == "three"
        assert [(each.action, each.detail) for each in await changes(stage)] == [
            ("admin cache", '{"switch": "on"}'),
            ("admin cache", '{"switch": "off"}'),
            ("admin cache", '{"switch": "on"}'),
        ]


async def test_a_persona_of_its_own_has_answers_of_its_own(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("meow", "ahoy")
        assert await anew(ann, "How?") == "meow"
        await told(ann, "/admin persona You are a pirate.")
        assert await anew(bob, "How?") == "ahoy"
        await told(ann, "/admin persona reset")
        assert await anew(bob, "How?") == f"meow{BEFORE}"


async def test_answers_last_and_are_as_many_as_the_settings_say(tmp_path: Path) -> None:
    async with page(tmp_path, cache_entries=1) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("one", "two", "three")
        assert await anew(ann, "How?") == "one"
        assert await anew(ann, "Why?") == "two"
        assert await anew(bob, "Why?") == f"two{BEFORE}"
        assert await anew(bob, "How?") == "three"


async def test_administrators_answer_themselves(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann = await stage.alone("ann")
        kept = await told(
            ann,
            "/admin standard set phone phone of {who} | {who}'s phone => Ask {bot}, {name}: {who}",
        )
        assert kept == (
            f"{TEXTS.standard_set.format(name='phone')}\n\n"
            "- `phone`: `phone of {who}`, `{who}'s phone`"
        )
        assert await told(ann, "Phone of Bob?") == f"Ask Parley, ann: Bob{STANDARD}"
        bob, *_ = await stage.room("bob")
        assert await told(bob, "ANN'S PHONE") == f"Ask Parley, bob: ANN{STANDARD}"
        await counted(stage, 0)
        stage.engine.enqueue("555", "and so on")
        await bob.press(bob.shown[-1].id, "retry")
        await bob.venue.until(lambda: bob.texts[-1] == "555")
        assert await told(ann, "phone of Bob and Carol, please, or else")
        [turn] = (await stage.stored("bob"))["turns"]
        assert (turn["answer"], turn["prompt_version"]) != ("555", "standard:phone")


async def test_what_administrators_see_of_their_answers(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann = await stage.alone("ann")
        assert await told(ann, "/admin standard") == TEXTS.standards.format(count=0)
        await told(ann, "/admin standard set wifi language=en *wifi* => On the wall.")
        line = "- `wifi`: `*wifi*` (en)"
        listed = TEXTS.standards.format(count=1)
        assert await told(ann, "/admin standard list") == f"{listed}\n\n{line}"
        shown = await told(ann, "/admin standard show wifi")
        assert "\nadmin standard set wifi language=en *wifi* => On the wall.\n" in shown
        tested = await told(ann, "/admin standard test the WiFi?")
        assert tested == f"{TEXTS.standard_fits.format(name='wifi')}\n\nOn the wall."
        assert (await told(ann, "/admin standard off wifi")).endswith(f"{line} (off)")
        fits_none = TEXTS.standard_fits_none.format(language="en")
        assert await told(ann, "/admin standard test the WiFi?") == fits_none
        stage.engine.enqueue("no idea")
        assert await told(ann, "the WiFi?") == "no idea"
        await told(ann, "/admin standard on wifi")
        assert await told(ann, "the WiFi?") == f"On the wall.{STANDARD}"
        gone = TEXTS.standard_removed.format(name="wifi")
        assert await told(ann, "/admin standard remove wifi") == gone
        unknown = TEXTS.standard_unknown.format(name="wifi", sign="/")
        assert await told(ann, "/admin standard on wifi") == unknown
        done = [(each.action, each.target) for each in await changes(stage)]
        assert done == [("admin standard", "wifi")] * 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            "set a b => {c}",
            "The answer's `{c}` is unknown. Known are `{name}, {room}, {date}, {bot}`",
        ),
        ("set a `*` => c", ""),
        ("set a * => c", "would fit every message"),
        ("set a {x => c", "write `{thing}`"),
        ("set A b => c", "The name `A` can't be used"),
        ("set a b", "`/admin standard "),
        ("set", "`/admin standard "),
        ("explain a", "`/admin standard "),
        ("show", "`/admin standard "),
        ("show b", "There is no standard answer `b`"),
    ],
)
async def test_what_is_wrong_is_said(tmp_path: Path, wrong: str, said: str) -> None:
    async with page(tmp_path) as stage:
        ann = await stage.alone("ann")
        assert said in await told(ann, f"/admin standard {wrong}")
        wanted = [] if said else ["a"]
        assert [each.name for each in stage.desk.memory.ready.standards.all()] == wanted


async def test_answers_of_administrators_outlive_the_program(tmp_path: Path) -> None:
    async with page(tmp_path) as stage:
        ann, bob = await opened(stage, "bob")
        stage.engine.enqueue("one")
        assert await anew(ann, "How?") == "one"
        await told(ann, "/admin standard set wifi *wifi* => On the wall in {room}.")
        room = bob.place
    async with PageVenue() as venue, staged(venue, tmp_path) as stage:
        carol = Someone(venue, "carol", (await stage.room("carol"))[0].place)
        assert await told(carol, "wifi") == f"On the wall in Room 2.{STANDARD}"
        there = Someone(venue, "carol", room)
        assert await anew(there, "How?") == f"one{BEFORE}"
        await counted(stage, 0)
