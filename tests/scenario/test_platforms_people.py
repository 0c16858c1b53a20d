"""Who is answered, and who sees it, on every platform."""

from pathlib import Path

import pytest

from bot.access import Role
from bot.texts import texts_for
from tests.scenario.stage import Stage, staged
from tests.venues.base import Venue

TEXTS = texts_for("en")


async def test_two_people(stage: Stage) -> None:
    """Two people in a room each get their own answer, with names before the model."""
    ann, bob = await stage.room("ann", "bob")
    await ann.say("one", mention=True)
    await ann.sees("echo: ann: one")
    await bob.say("two", mention=True)
    await bob.sees("echo: ann: one", "echo: bob: two")


async def test_every_message(stage: Stage) -> None:
    """An administrator sets a room to "every message": then no mention is needed."""
    ann, bob = await stage.room("ann", "bob")
    await stage.promote("ann", Role.ADMIN)
    await ann.command("admin rooms every")
    await stage.venue.until(lambda: len(ann.texts) == 1)
    await bob.say("is it raining?")
    await stage.venue.until(lambda: "echo: bob: is it raining?" in ann.texts)


async def test_strangers(venue: Venue, tmp_path: Path) -> None:
    """Unknown people get silence in rooms, and one hint in a direct chat."""
    if venue.name == "web":
        pytest.skip("whoever is at the page is known")
    async with staged(venue, tmp_path, sections={"access": {"open": ["fake"]}}) as stage:
        await stage.promote("ann", Role.ADMIN)
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
        await stage.promote("ann", Role.ADMIN)
        await stage.promote("bob", Role.MEMBER)
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
    stage.need("ephemeral")
    ann, bob = await stage.room("ann", "bob")
    await ann.command("help")
    await stage.venue.until(lambda: any(TEXTS.help_title in text for text in ann.texts))
    assert bob.texts == []
