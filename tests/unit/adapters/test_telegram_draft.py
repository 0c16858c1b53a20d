"""Answers that grow as drafts."""

import asyncio

from adapters.capabilities import Preview
from adapters.telegram.draft import draft_id
from tests.fakes.telegram.chat import Chat
from tests.fakes.telegram.entities import units
from tests.fakes.telegram.faults import Delayed, Failure, Patience
from tests.unit.adapters.telegram_bots import Rig, telegram, text, until


async def opened(rig: Rig, chat: Chat, key: str = "a.0") -> Preview:
    async with asyncio.timeout(60):
        while not (preview := await rig.adapter.open_stream(rig.to(chat.id), key)):
            await asyncio.sleep(0.01)
    return preview


def drafted(chat: Chat) -> list[str]:
    """All that drafts ever showed there."""
    drafts = [*chat.old_drafts, *chat.drafts.values()]
    return [version.text for draft in drafts for version in draft.versions]


async def test_a_draft_shows_at_once_and_grows() -> None:
    async with telegram() as rig, rig.running():
        chat = rig.world.direct("ann")
        preview = await opened(rig, chat)
        assert drafted(chat) == ["…"]
        await preview.wait(2, 12.4)
        await until(lambda: "⏳ 2 · 12 s" in drafted(chat))
        await preview.show("so **it** is")
        await until(lambda: drafted(chat)[-1].endswith("is …"))
        assert list(chat.drafts) == [draft_id("a.0")]


async def test_the_message_takes_its_place_and_nothing_follows() -> None:
    async with telegram() as rig, rig.running():
        chat = rig.world.direct("ann")
        preview = await opened(rig, chat)
        rig.server.faults.add(Delayed(0.3), "sendMessageDraft")
        await preview.show("so")
        await until(lambda: not rig.server.faults.pending)
        await rig.adapter.send(rig.to(chat.id), text("so it is"), "a.0")
        await preview.show("so it is")
        assert chat.drafts == {}
        order = [c.method for c in rig.server.calls if c.method.startswith("sendmessage")]
        assert order[-1] == "sendmessage"


async def test_it_keeps_its_pace() -> None:
    async with telegram() as rig, rig.running():
        chat, now = rig.world.direct("ann"), asyncio.get_running_loop().time
        began = now()
        preview = await opened(rig, chat)
        for number in range(100):
            await preview.show(f"word {number}")
            await asyncio.sleep(0.005)
        await until(lambda: drafted(chat)[-1] == "word 99 …")
        assert len(drafted(chat)) <= 3 + (now() - began)  # one a second


async def test_a_long_answer_shows_its_end_within_the_limit() -> None:
    async with telegram() as rig, rig.running():
        chat = rig.world.direct("ann")
        preview = await opened(rig, chat)
        await preview.show("\n\n".join(f"paragraph {number} 🙂" for number in range(1000)))
        await until(lambda: "paragraph 999" in drafted(chat)[-1])
        assert units(drafted(chat)[-1]) <= 4096


async def test_groups_have_none() -> None:
    async with telegram() as rig, rig.running():
        await opened(rig, rig.world.direct("ann"))
        group = rig.world.group("ann")
        assert await rig.adapter.open_stream(rig.to(group.id), "b.0") is None


async def test_an_old_server_is_asked_once() -> None:
    async with telegram() as rig, rig.running():
        rig.server.missing.add("sendMessageDraft")
        chat = rig.world.direct("ann")
        await until(lambda: bool(rig.server.called("getUpdates")))
        for number in range(3):
            assert await rig.adapter.open_stream(rig.to(chat.id), f"{number}.0") is None
        assert len(rig.server.called("sendMessageDraft")) == 1


async def test_a_fault_is_no_verdict() -> None:
    async with telegram() as rig, rig.running():
        chat = rig.world.direct("ann")
        await until(lambda: bool(rig.server.called("getUpdates")))
        rig.server.faults.add(Failure(500), "sendMessageDraft")
        assert await rig.adapter.open_stream(rig.to(chat.id), "a.0") is None
        rig.server.faults.add(Patience(1), "sendMessageDraft")
        assert await rig.adapter.open_stream(rig.to(chat.id), "b.0") is None
        assert await rig.adapter.open_stream(rig.to(chat.id), "c.0")


async def test_what_was_posted_changes_where_it_stands() -> None:
    async with telegram() as rig, rig.running():
        chat = rig.world.direct("ann")
        await opened(rig, chat)
        await rig.adapter.send(rig.to(chat.id), text("so"), "a.0")
        assert await rig.adapter.open_stream(rig.to(chat.id), "a.0") is None


async def test_closing_ends_it() -> None:
    async with telegram() as rig, rig.running():
        chat = rig.world.direct("ann")
        preview = await opened(rig, chat)
        await preview.close()
        await preview.show("too late")
        await opened(rig, chat, "b.0")
        assert "too late …" not in drafted(chat)


async def test_without_a_run_there_are_none() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        assert await rig.adapter.open_stream(rig.to(chat.id), "a.0") is None


def test_numbers_of_drafts() -> None:
    numbers = {draft_id(f"{number}.0") for number in range(1000)}
    assert len(numbers) > 990
    assert min(numbers) > 0
    assert draft_id("a.0") == draft_id("a.0")
