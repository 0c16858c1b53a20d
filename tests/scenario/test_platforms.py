"""One conversation, the same expectations, on every platform.

Each test is a row of the table in `docs/platforms.md`: what its docstring says works where it
passes, and does not exist where the platform has no such thing.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from pathlib import Path

import pytest

from bot.access import Role
from bot.lane import WRITING
from bot.texts import texts_for
from storage.records import AuditEntry
from tests.contract.engine_fixtures import MODELS, demo_model
from tests.scenario.stage import Someone, Stage, staged
from tests.unit.bot.test_reading import pdf
from tests.venues.base import Feature, Shown, Venue
from tests.venues.matrix import MatrixVenue
from tests.venues.registry import VENUES

TEXTS = texts_for("en")


@pytest.fixture(params=list(VENUES))
async def venue(request: pytest.FixtureRequest) -> AsyncGenerator[Venue]:
    async with VENUES[request.param]() as venue:
        yield venue


@pytest.fixture
async def stage(venue: Venue, tmp_path: Path) -> AsyncGenerator[Stage]:
    async with staged(venue, tmp_path) as stage:
        yield stage


def need(stage: Stage, *features: Feature) -> None:
    for feature in features:
        if feature not in stage.venue.features:
            pytest.skip(f"{stage.venue.name} has no {feature}")


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


async def test_typing(stage: Stage) -> None:
    """While an answer is computed, a sign says so."""
    need(stage, "typing")
    ann = await stage.alone("ann")
    stage.engine.hold()
    await ann.say("hello")
    await stage.venue.until(lambda: stage.venue.typed(ann.place))
    stage.engine.release()
    await ann.sees("echo: hello")


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
    need(stage, "replies")
    ann, bob = await stage.room("ann", "bob")
    await ann.say("what is for lunch?", mention=True)
    [answer] = await ann.sees("echo: ann: what is for lunch?")
    await bob.say("and dessert?", reply_to=answer.id)
    await stage.venue.until(lambda: ann.texts[1:] != [] and ann.texts[1].endswith("dessert?"))


async def test_quote(stage: Stage) -> None:
    """A message that is replied to is quoted to the model."""
    need(stage, "replies")
    ann, bob = await stage.room("ann", "bob")
    plan = await ann.say("the plan is soup")
    await bob.say("sum it up", mention=True, reply_to=plan)
    await stage.venue.until(lambda: len(stage.engine.requests) == 1)
    asked = stage.engine.requests[0].messages[-1].content
    assert asked == "bob: > ann: the plan is soup\n\nsum it up"


async def test_thread(stage: Stage) -> None:
    """A thread is a conversation of its own, and in it the bot needs no mention."""
    need(stage, "threads")
    ann, bob = await stage.room("ann", "bob")
    root = await ann.say("about the roof")
    await bob.say("does it leak?", mention=True, thread=root)
    [answer] = await ann.sees("echo: bob: does it leak?")
    assert answer.thread
    await ann.say("since when?", thread=root)
    await ann.sees("echo: bob: does it leak?", "echo: ann: since when?")
    assert [len(request.messages) for request in stage.engine.requests] == [2, 4]


async def test_growing(stage: Stage) -> None:
    """An answer grows while it is written, and is one message."""
    ann = await stage.alone("ann")
    words = " ".join(f"word{number}" for number in range(40))
    stage.engine.enqueue(words)
    stage.engine.token_delay_s = 0.1
    seen: set[str] = set()

    def is_there() -> bool:
        seen.update(ann.texts)
        return ann.texts == [words]

    await ann.say("count")
    await stage.venue.until(is_there)
    assert [text for text in seen if text.endswith(WRITING.strip()) and "word1" in text]


async def test_long_answer(stage: Stage) -> None:
    """A long answer comes in parts, in order, with nothing lost."""
    ann = await stage.alone("ann")
    lines = [f"line-{number}-{'x' * 300}" for number in range(60)]
    stage.engine.enqueue("\n\n".join(lines))
    await ann.say("at length")
    await stage.venue.until(
        lambda: [line for text in ann.texts for line in text.split("\n") if line] == lines
    )
    assert (len(ann.shown) == 1) == (stage.venue.name == "web")


async def whole(stage: Stage, person: Someone, last: str) -> Shown:
    """The one answer that stands there when it is complete; `last` stands at its end."""

    def is_complete() -> bool:
        texts = person.texts
        return len(texts) == 1 and last in texts[0] and not texts[0].endswith(WRITING.strip())

    await stage.venue.until(is_complete)
    return person.shown[0]


HTML = ("<h1>Title</h1>", "<strong>bold</strong>", "<code>code</code>", "<li>one", "<pre><code")
FORMATTED: Mapping[str, tuple[str, ...]] = {
    "web": HTML,
    "matrix": HTML,
    "telegram": ("<b>Title</b>", "<b>bold</b>", "<code>code</code>", "• one", "<pre><code class="),
    "slack": ("# Title", "**bold**", "`code`", "- one", "```python"),  # a block of Markdown
}


async def test_markup(stage: Stage) -> None:
    """Markdown shows as the platform's own formatting."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(
        "# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n\n```python\nx = 1\n```"
    )
    await ann.say("show me")
    answer = await whole(stage, ann, "x = 1")
    for mark in FORMATTED[stage.venue.name]:
        assert mark in answer.raw
    if stage.venue.name != "web":  # its texts are the source of what it shows
        for mark in ("**", "`", "# "):
            assert mark not in answer.text
        for text in ("Title", "bold", "code", "one", "two", "x = 1"):
            assert text in answer.text


LAID_OUT: Mapping[str, tuple[str, ...]] = {
    "web": ("<li>one\n<ul>\n<li>inner</li>", "<th>what</th>", "<td>bread</td>\n<td>12</td>"),
    "matrix": ("<li>one\n<ul>\n<li>inner</li>", "<th>what</th>", "<td>bread</td>\n<td>12</td>"),
    "telegram": ("• one\n   • inner", "what  │ count\n", "bread │ 12"),
    "slack": ("- one\n  - inner", "| what | count |\n| --- | --- |", "| bread | 12 |"),
}


async def test_layout(stage: Stage) -> None:
    """Nested lists and tables keep their shape."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(
        "- one\n  - inner\n- two\n\n| what | count |\n|---|---|\n| soup | 3 |\n| bread | 12 |"
    )
    await ann.say("show me")
    answer = await whole(stage, ann, "12")
    for part in LAID_OUT[stage.venue.name]:
        assert part in answer.raw
    assert stage.venue.name == "web" or "|---" not in answer.text


@pytest.mark.parametrize(
    "text", ["<!channel> wake up", "<b>x</b> & <script>alert(1)</script>", "a < b > c"]
)
async def test_markup_is_inert(stage: Stage, text: str) -> None:
    """What the model writes is text: it pings nobody and injects nothing."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(text)
    await ann.say("try")
    await ann.sees(text)


async def test_edit(stage: Stage) -> None:
    """An edited question is answered again, in place."""
    need(stage, "edits")
    ann = await stage.alone("ann")
    asked = await ann.say("teh sky")
    [first] = await ann.sees("echo: teh sky")
    await ann.edit(asked, "the sky")
    [second] = await ann.sees("echo: the sky")
    assert first.id == second.id


async def test_delete(stage: Stage) -> None:
    """A deleted question takes its answer along."""
    need(stage, "deletes")
    ann = await stage.alone("ann")
    asked = await ann.say("never mind")
    await ann.sees("echo: never mind")
    await ann.delete(asked)
    await ann.sees()


async def test_reaction(stage: Stage) -> None:
    """👍 and 👎 on an answer are kept as feedback."""
    need(stage, "reactions")
    ann = await stage.alone("ann")
    await ann.say("hello")
    [answer] = await ann.sees("echo: hello")
    await ann.react(answer.id, "👎")
    async with asyncio.timeout(20):
        while not (feedback := (await stage.stored("ann"))["feedback"]):
            await asyncio.sleep(0.01)
    assert feedback[0]["value"] == -1


async def test_command(stage: Stage) -> None:
    """Commands are answered."""
    ann = await stage.alone("ann")
    await ann.command("help")
    await stage.venue.until(lambda: any(TEXTS.help_title in text for text in ann.texts))


async def test_suggestions(stage: Stage) -> None:
    """Clients suggest the bot's commands."""
    need(stage, "suggestions")
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


async def test_stop(stage: Stage) -> None:
    """`stop` ends an answer that is being written; what was shown stays."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(" ".join(["more"] * 400))
    stage.engine.token_delay_s = 0.05
    await ann.say("go on")
    await stage.venue.until(lambda: any(text.startswith("more more") for text in ann.texts))
    await ann.command("stop")
    await stage.venue.until(lambda: any("Stopped." in text for text in ann.texts))
    assert stage.engine.cancelled
    [stopped] = [text for text in ann.texts if "Stopped." in text]
    assert stopped.startswith("more more")


async def test_buttons(stage: Stage) -> None:
    """Below an answer, Retry writes it anew."""
    need(stage, "buttons")
    ann = await stage.alone("ann")
    stage.engine.enqueue("a poor answer", "a better answer")
    await ann.say("try")
    [answer] = await ann.sees("a poor answer")
    await ann.press(answer.id, "retry")
    [again] = await ann.sees("a better answer")
    assert again.id == answer.id


async def test_file(stage: Stage) -> None:
    """What stands in a text file or a PDF joins the question."""
    need(stage, "files")
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
    need(stage, "files")
    ann = await stage.alone("ann")
    await ann.send("sum it up", "tool.bin", "application/octet-stream", b"\0\1\2")
    await stage.venue.until(lambda: any(TEXTS.file_kind in text for text in ann.texts))
    assert "tool.bin" in ann.texts[0]


async def test_two_people(stage: Stage) -> None:
    """Two people in a room each get their own answer, with names before the model."""
    ann, bob = await stage.room("ann", "bob")
    await ann.say("one", mention=True)
    await ann.sees("echo: ann: one")
    await bob.say("two", mention=True)
    await bob.sees("echo: ann: one", "echo: bob: two")


async def promote(stage: Stage, person: str, role: Role) -> None:
    """Give somebody a role, as an owner would."""
    await stage.venue.direct(person)
    [account] = [key[1] for key in stage.desk.adapters if key[0] == stage.venue.name]
    key = f"{stage.venue.name}:{account}:{stage.venue.person_id(person)}"
    roster = stage.desk.roster
    await roster.make(roster.set_role(key, role, AuditEntry("owner", "role", key)))


async def test_every_message(stage: Stage) -> None:
    """An administrator sets a room to "every message": then no mention is needed."""
    ann, bob = await stage.room("ann", "bob")
    await promote(stage, "ann", Role.ADMIN)
    await ann.command("admin rooms every")
    await stage.venue.until(lambda: len(ann.texts) == 1)
    await bob.say("is it raining?")
    await stage.venue.until(lambda: "echo: bob: is it raining?" in ann.texts)


async def test_strangers(venue: Venue, tmp_path: Path) -> None:
    """Unknown people get silence in rooms, and one hint in a direct chat."""
    if venue.name == "web":
        pytest.skip("whoever is at the page is known")
    async with staged(venue, tmp_path, sections={"access": {"open": ["fake"]}}) as stage:
        await promote(stage, "ann", Role.ADMIN)
        ann, eve = await stage.room("ann", "eve")
        await eve.say("let me in", mention=True)
        await ann.say("lunch?", mention=True)
        await ann.sees("echo: ann: lunch?")
        alone = await stage.alone("eve")
        for _ in range(2):
            await alone.say("please")
        await alone.command("pair WRONG-CODE")
        for told in (TEXTS.wrong_code, "pair CODE"):
            await venue.until(lambda told=told: any(told in text for text in alone.texts))
        assert len(alone.texts) == 2
        assert len(stage.engine.requests) == 1


async def test_brought_in(venue: Venue, tmp_path: Path) -> None:
    """In a room, the bot answers once an administrator brought it in or allowed it."""
    if venue.name == "web":
        pytest.skip("every room of the page is allowed")
    async with staged(venue, tmp_path, sections={"access": {"open": ["fake"]}}) as stage:
        await promote(stage, "ann", Role.ADMIN)
        await promote(stage, "bob", Role.MEMBER)
        bob, ann = await stage.room("bob", "ann")
        await bob.say("lunch?", mention=True)
        await venue.until(lambda: any("admin allow" in text for text in bob.texts))
        await ann.command("admin allow")
        await venue.until(lambda: len(ann.texts) == 2)
        await bob.say("and now?", mention=True)
        await venue.until(lambda: "echo: bob: and now?" in bob.texts)
        assert len(stage.engine.requests) == 1


async def test_private_replies(stage: Stage) -> None:
    """In a room, a command is answered to who gave it alone."""
    need(stage, "ephemeral")
    ann, bob = await stage.room("ann", "bob")
    await ann.command("help")
    await stage.venue.until(lambda: any(TEXTS.help_title in text for text in ann.texts))
    assert bob.texts == []


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
