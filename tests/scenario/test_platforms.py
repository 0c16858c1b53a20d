"""One conversation, the same expectations, on every platform.

Each test is a row of the table in `docs/platforms.md`, here as in `test_platforms_shown` and
`test_platforms_people`: what its docstring says works where it passes, and does not exist where the
platform has no such thing.
"""

import asyncio
from pathlib import Path

import pytest

from bot.texts import texts_for
from tests.contract.engine_fixtures import MODELS, demo_model
from tests.scenario.stage import Stage, staged
from tests.unit.bot.test_reading import pdf
from tests.venues.base import Venue
from tests.venues.matrix import MatrixVenue
from tests.venues.registry import VENUES

TEXTS = texts_for("en")


async def test_direct_message(stage: Stage) -> None:
    """A direct message is answered."""
    ann = await stage.alone("ann")
    await ann.say("hello")
    await ann.sees("echo: hello")


async def test_conversation(stage: Stage) -> None:
    """The model sees what was said before."""
    ann = await stage.alone("ann")
    await ann.say("first")
    await ann.sees("echo: first")
    await ann.say("second")
    await ann.sees("echo: first", "echo: second")
    contents = [message.content for message in stage.engine.requests[-1].messages[1:]]
    assert contents == ["first", "echo: first", "second"]


async def test_mention(stage: Stage) -> None:
    """In a room, a mention is answered and other talk is not seen."""
    ann, bob = await stage.room("ann", "bob")
    await ann.say("lunch?")
    await bob.say("what is for lunch?", mention=True)
    [answer] = await ann.sees("echo: bob: what is for lunch?")
    assert answer.text
    assert len(stage.engine.requests) == 1


async def test_reply(stage: Stage) -> None:
    """In a room, a reply to the bot is answered."""
    stage.need("replies")
    ann, bob = await stage.room("ann", "bob")
    await ann.say("what is for lunch?", mention=True)
    [answer] = await ann.sees("echo: ann: what is for lunch?")
    await bob.say("and dessert?", reply_to=answer.id)
    await stage.venue.until(lambda: ann.texts[1:] != [] and ann.texts[1].endswith("dessert?"))


async def test_quote(stage: Stage) -> None:
    """A message that is replied to is quoted to the model."""
    stage.need("replies")
    ann, bob = await stage.room("ann", "bob")
    plan = await ann.say("the plan is soup")
    await bob.say("sum it up", mention=True, reply_to=plan)
    await stage.venue.until(lambda: len(stage.engine.requests) == 1)
    asked = stage.engine.requests[0].messages[-1].content
    assert asked == "bob: > ann: the plan is soup\n\nsum it up"


async def test_thread(stage: Stage) -> None:
    """A thread is a conversation of its own, and in it the bot needs no mention."""
    stage.need("threads")
    ann, bob = await stage.room("ann", "bob")
    root = await ann.say("about the roof")
    await bob.say("does it leak?", mention=True, thread=root)
    [answer] = await ann.sees("echo: bob: does it leak?")
    assert answer.thread
    await ann.say("since when?", thread=root)
    await ann.sees("echo: bob: does it leak?", "echo: ann: since when?")
    assert [len(request.messages) for request in stage.engine.requests] == [2, 4]


async def test_edit(stage: Stage) -> None:
    """An edited question is answered again, in place."""
    stage.need("edits")
    ann = await stage.alone("ann")
    asked = await ann.say("teh sky")
    [first] = await ann.sees("echo: teh sky")
    await ann.edit(asked, "the sky")
    [second] = await ann.sees("echo: the sky")
    assert first.id == second.id


async def test_delete(stage: Stage) -> None:
    """A deleted question takes its answer along."""
    stage.need("deletes")
    ann = await stage.alone("ann")
    asked = await ann.say("never mind")
    await ann.sees("echo: never mind")
    await ann.delete(asked)
    await ann.sees()


async def test_reaction(stage: Stage) -> None:
    """👍 and 👎 on an answer are kept as feedback."""
    stage.need("reactions")
    ann = await stage.alone("ann")
    await ann.say("hello")
    [answer] = await ann.sees("echo: hello")
    await ann.react(answer.id, "👎")
    async with asyncio.timeout(60):
        while not (feedback := (await stage.stored("ann"))["feedback"]):
            await asyncio.sleep(0.01)
    assert feedback[0]["value"] == -1


async def test_command(stage: Stage) -> None:
    """Commands are answered."""
    ann = await stage.alone("ann")
    await ann.command("help")
    await stage.venue.until(lambda: any(TEXTS.help_title in text for text in ann.texts))
    sign = {"slack": "/parley ", "matrix": "!parley "}.get(stage.venue.name, "/")
    assert any(f"{sign}new" in text for text in ann.texts)


async def test_suggestions(stage: Stage) -> None:
    """Clients suggest the bot's commands."""
    stage.need("suggestions")
    ann = await stage.alone("ann")
    await stage.venue.until(lambda: ann.suggested >= {"help", "new", "stop", "retry"})
    assert "admin" not in ann.suggested


async def test_fresh_start(stage: Stage) -> None:
    """`new` begins an empty window."""
    ann = await stage.alone("ann")
    await ann.say("first")
    await ann.sees("echo: first")
    await ann.command("new")
    await ann.sees("echo: first", TEXTS.fresh)
    await ann.say("second")
    await ann.sees("echo: first", TEXTS.fresh, "echo: second")
    assert len(stage.engine.requests[-1].messages) == 2


async def test_file(stage: Stage) -> None:
    """What stands in a text file or a PDF joins the question."""
    stage.need("files")
    ann = await stage.alone("ann")
    files = {
        "plan.txt": ("text/plain", b"the roof leaks"),
        "bill.pdf": ("application/pdf", pdf("Two hundred for the plumber")),
    }
    for number, (name, (mime, content)) in enumerate(files.items()):
        await ann.send("sum it up", name, mime, content)
        await stage.venue.until(lambda number=number: len(stage.engine.requests) > number, 60)
    asked = [request.messages[-1].content for request in stage.engine.requests]
    for text, *parts in zip(asked, files, ("the roof leaks", "Two hundred for"), strict=True):
        assert all(part in text for part in (*parts, "sum it up"))


async def test_unreadable_file(stage: Stage) -> None:
    """Of a file that can't be read, it is said."""
    stage.need("files")
    ann = await stage.alone("ann")
    await ann.send("sum it up", "tool.bin", "application/octet-stream", b"\0\1\2")
    await stage.venue.until(lambda: any(TEXTS.file_kind in text for text in ann.texts))
    assert "tool.bin" in ann.texts[0]


@pytest.mark.parametrize("venue", list(VENUES))
async def test_encryption(venue: str, tmp_path: Path) -> None:
    """End-to-end encrypted chats and rooms are answered, encrypted."""
    if venue != "matrix":
        pytest.skip("there is no end-to-end encryption for bots")
    async with MatrixVenue(encrypted=True) as sealed, staged(sealed, tmp_path) as stage:
        ann = await stage.alone("ann")
        await ann.say("hello")
        await sealed.until(lambda: ann.texts == ["echo: hello"], 60)
        here, there = await stage.room("ann", "bob")
        await there.say("lunch?", mention=True)
        await sealed.until(lambda: here.texts == ["echo: bob: lunch?"], 60)


async def test_restart(venue: Venue, tmp_path: Path) -> None:
    """What was written while the bot was away is answered when it is back."""
    if venue.name == "web":
        pytest.skip("the page is the bot's own: it is away when the bot is")
    async with staged(venue, tmp_path) as stage:
        ann = await stage.alone("ann")
        await ann.say("before")
        await ann.sees("echo: before")
    await ann.say("meanwhile")
    async with staged(venue, tmp_path):
        await ann.sees("echo: before", "echo: meanwhile")


async def test_real_model(venue: Venue, tmp_path: Path) -> None:
    """A real model answers, and the answer is kept as it stands there."""
    demo_model()
    engine = {"kind": "llama", "models_dir": MODELS, "calibrate": False}
    engine |= {"sequences": 1, "max_tokens": 24}
    async with staged(venue, tmp_path, sections={"engine": engine}) as stage:
        ann = await stage.alone("ann")
        await ann.say("What is bread made of?")
        await venue.until(lambda: bool(ann.texts) and not ann.texts[0].endswith("…"), 60)
        stored = await stage.stored("ann")
        assert stored["turns"][0]["answer"].split()[:3] == ann.texts[0].split()[:3]
