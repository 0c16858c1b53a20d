"""Long polling: nothing lost, nothing confirmed early, whatever the line does."""

import asyncio
from dataclasses import replace

import pytest

from adapters.base import AuthFailed, Kind, Transient
from adapters.telegram.poll import ANOTHER
from tests.fakes.telegram.chat import Version
from tests.fakes.telegram.faults import (
    Delayed,
    Dropped,
    Failure,
    Fault,
    Patience,
    Reset,
    Shuffled,
    Truncated,
)
from tests.unit.adapters.telegram_bots import PATIENT, telegram, until

BIG = 2**53 + 1


async def test_a_message_arrives_and_is_confirmed() -> None:
    async with telegram() as rig, rig.running():
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        await until(lambda: rig.store.texts == ["hello"])
        assert rig.store.cursors == ["700000001"]
        await until(lambda: rig.world.queue.confirmed == [700000001])
        assert rig.adapter.link.state == "up"
        assert rig.adapter.link.last_event_at


async def test_a_batch_is_one_commit() -> None:
    async with telegram() as rig:
        for number in range(120):
            rig.world.say("ann", rig.world.direct("ann"), f"{number}")
        async with rig.running():
            await until(lambda: len(rig.store.events) == 120)
        assert rig.store.texts == [f"{number}" for number in range(120)]
        assert rig.store.cursors == ["700000100", "700000120"]


async def test_it_goes_on_after_its_cursor() -> None:
    async with telegram() as rig:
        for number in range(3):
            rig.world.say("ann", rig.world.direct("ann"), f"{number}")
        async with rig.running("700000002"):
            await until(lambda: rig.store.texts == ["2"])
            await until(lambda: rig.world.queue.confirmed == [700000001, 700000002, 700000003])


async def test_ids_are_exact_beyond_doubles() -> None:
    async with telegram() as rig:
        rig.world.queue.next_id = BIG
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        async with rig.running():
            await until(lambda: rig.store.cursors == [str(BIG)])
            await until(lambda: rig.world.queue.confirmed == [BIG])


async def test_ids_may_begin_anew_below() -> None:
    async with telegram() as rig:
        rig.world.queue.next_id = 5000
        rig.world.say("ann", rig.world.direct("ann"), "after a week")
        async with rig.running("700000002"):
            await until(lambda: rig.store.texts == ["after a week"])
            await until(lambda: rig.world.queue.confirmed == [5000])
            rig.world.say("ann", rig.world.direct("ann"), "and more")
            await until(lambda: rig.store.texts == ["after a week", "and more"])
            await until(lambda: rig.world.queue.confirmed == [5000, 5001])


async def test_what_is_not_stored_comes_again() -> None:
    async with telegram() as rig:
        rig.store.failures += [Transient("the disk is full")] * 3
        async with rig.running() as task:
            rig.world.say("ann", rig.world.direct("ann"), "hello")
            await until(lambda: len(rig.store.failures) < 3)
            assert rig.world.queue.confirmed == []
            await until(lambda: rig.store.texts == ["hello"])
            assert not task.done()


@pytest.mark.parametrize("fault", [Reset(), Dropped(), Truncated(), Failure(502, "Bad Gateway")])
async def test_a_broken_poll_loses_nothing(fault: Fault) -> None:
    async with telegram() as rig:
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        rig.server.faults.add(fault, "getUpdates")
        async with rig.running() as task:
            await asyncio.wait({task}, timeout=60)
            with pytest.raises(Transient):
                task.result()
        assert rig.store.events == []
        assert rig.adapter.link.state == "down"
        async with rig.running():
            await until(lambda: rig.store.texts == ["hello"])
            assert rig.adapter.link.state == "up"


async def test_a_hung_poll_is_repeated() -> None:
    async with telegram(timeouts=replace(PATIENT, hung_s=0.3)) as rig:
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        rig.server.faults.add(Delayed(60), "getUpdates", times=2)
        async with rig.running():
            await until(lambda: rig.adapter.link.state == "down")
            assert "hung" in rig.adapter.link.detail
            await until(lambda: rig.store.texts == ["hello"])


async def test_a_flood_wait_is_kept() -> None:
    async with telegram() as rig, rig.running():
        rig.server.faults.add(Patience(5), "getUpdates")
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        await until(lambda: rig.store.texts == ["hello"])
        await until(lambda: rig.server.faults.pending == 0)


async def test_order_is_by_number_and_twice_is_the_same_event() -> None:
    async with telegram() as rig:
        for word in ("one", "two"):
            rig.world.say("ann", rig.world.direct("ann"), word)
        rig.world.queue.duplicate()
        rig.server.faults.add(Shuffled(), "getUpdates")
        async with rig.running():
            await until(lambda: rig.store.texts == ["one", "two", "two"])
        assert rig.store.events[1].event_id == rig.store.events[2].event_id


async def test_an_update_that_nobody_understands_keeps_none_back() -> None:
    async with telegram() as rig:
        rig.world.queue.put_raw({"message": {"date": "never"}})
        rig.world.queue.put_raw({"a_thing_of_2030": {}})
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        async with rig.running():
            await until(lambda: rig.store.texts == ["hello"])
            await until(lambda: len(rig.world.queue.confirmed) == 3)


async def test_a_webhook_is_removed_when_we_poll() -> None:
    async with telegram() as rig:
        await rig.server.methods.set_webhook({"url": "http://127.0.0.1:9/gone"})
        async with rig.running():
            rig.world.say("ann", rig.world.direct("ann"), "hello")
            await until(lambda: rig.store.texts == ["hello"])
        assert rig.server.methods.hook.url == ""


async def test_a_second_poller_is_named() -> None:
    async with telegram() as rig, rig.running() as task:
        await until(lambda: rig.world.queue.polls == 1)
        await rig.world.queue.poll(0, 1, 0)  # another program
        await until(lambda: rig.adapter.link.detail == ANOTHER)
        assert rig.adapter.link.state == "down"
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        await until(lambda: rig.store.texts == ["hello"])
        assert not task.done()


@pytest.mark.parametrize("token", ["424242:wrong-and-secret", "malformed-and-secret"])
async def test_a_wrong_token_is_refused_and_not_told(
    token: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async with telegram(token=token) as rig, rig.running() as task:
        await asyncio.wait({task}, timeout=60)
        with pytest.raises(AuthFailed, match="@BotFather") as refused:
            task.result()
        assert rig.adapter.link.state == "refused"
        assert "secret" not in f"{refused.value!r} {refused.value.__cause__!r}"
    assert "secret" not in caplog.text + "".join(capsys.readouterr())


async def test_a_token_may_be_revoked_meanwhile() -> None:
    async with telegram() as rig, rig.running() as task:
        await until(lambda: bool(rig.server.called("getUpdates")))
        rig.server.token = "424242:another"
        rig.world.say("ann", rig.world.direct("ann"), "hello")
        await asyncio.wait({task}, timeout=60)
        with pytest.raises(AuthFailed):
            task.result()


async def test_no_server_is_a_passing_fault() -> None:
    async with telegram() as rig:
        pass
    async with rig.adapter, rig.running() as task:
        await asyncio.wait({task}, timeout=60)
        with pytest.raises(Transient):
            task.result()


async def test_a_pressed_button_is_answered_after_it_is_stored() -> None:
    async with telegram() as rig:
        chat = rig.world.direct("ann")
        keyboard = (({"text": "⏹", "callback_data": "stop"},),)
        message = rig.world.post(chat, Version("…", keyboard=keyboard))
        rig.store.failures.append(Transient("not now"))
        async with rig.running():
            query = rig.world.press("ann", chat, message.id, "stop")
            await until(lambda: rig.world.answered_buttons == [query])
        assert [event.kind for event in rig.store.events] == [Kind.COMMAND]


async def test_a_button_that_is_too_old_disturbs_nobody() -> None:
    async with telegram() as rig, rig.running() as task:
        chat = rig.world.direct("ann")
        keyboard = (({"text": "⏹", "callback_data": "stop"},),)
        message = rig.world.post(chat, Version("…", keyboard=keyboard))
        rig.world.press("ann", chat, message.id, "stop")
        rig.world.open_buttons.clear()
        await until(lambda: bool(rig.server.called("answerCallbackQuery")))
        rig.world.say("ann", chat, "hello")
        await until(lambda: "hello" in rig.store.texts)
        assert not task.done()


async def test_privacy_is_told_by_check() -> None:
    async with telegram() as rig:
        assert "@parley_test_bot" in await rig.adapter.check()
        assert "privacy mode on" in await rig.adapter.check()
        rig.world.privacy = False
        assert "reads all" in await rig.adapter.check()
