"""The adapter in encrypted rooms of a real Synapse, with matrix-js-sdk's Rust crypto as people.

A witness without any keys is in each room: what it sees is what the server has.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from adapters.base import Attachment, Kind, Rejected, Transient
from adapters.matrix.adapter import MatrixAdapter
from adapters.matrix.content import MAX_BODY_BYTES
from tests.clients.matrix import PlainPerson
from tests.clients.matrix_js import SealedPerson
from tests.rigs.synapse import permissive
from tests.unit.adapters.matrix_bot import (
    UNTIL_S,
    Account,
    account,
    at,
    body,
    person,
    room_of,
    sealed_person,
    text,
    until,
)
from tests.venues.matrix import ENCRYPTION


@dataclass(frozen=True, slots=True)
class Scene:
    """Ann, the bot and a witness in an encrypted room; the bot does not run yet."""

    bot: Account
    ann: SealedPerson
    witness: PlainPerson

    async def room(self) -> str:
        """A room with all three in it, while the bot runs."""
        state = {"initial_state": [ENCRYPTION]}
        room = await room_of(
            self.ann, self.bot.user, invite=[self.bot.user, self.witness.id], **state
        )
        await self.witness.join(room)
        await until(lambda: (room, self.witness.id, "join") in self.ann.timeline.members)
        return room

    def shown(self, room: str) -> list[str]:
        return [each.text for each in self.ann.timeline.shown(room, self.bot.user)]

    def wire(self, room: str, sender: str) -> list[dict[str, Any]]:
        """What the server has of somebody's events, membership apart."""
        events = self.witness.timeline.events[room]
        mine = [event for event in events if event["sender"] == sender]
        return [event for event in mine if "state_key" not in event]


@asynccontextmanager
async def scene(*, signed_only: bool = False) -> AsyncGenerator[Scene]:
    async with (
        account(permissive) as bot,
        sealed_person(bot.server, "ann", signed_only=signed_only) as ann,
        person(bot.server, "witness") as witness,
    ):
        yield Scene(bot, ann, witness)


async def master_key(someone: PlainPerson, user: str) -> str:
    """Somebody's cross-signing identity, as everybody sees it."""
    answer = await someone.call("POST", "/client/v3/keys/query", {"device_keys": {user: []}})
    keys: dict[str, Any] = answer["master_keys"][user]["keys"]
    return next(iter(keys.values()))


def lose_keys(bot: Account) -> None:
    (bot.store / "crypto.db").unlink()


async def test_people_who_exclude_unsigned_devices_are_heard_and_answered() -> None:
    async with scene(signed_only=True) as stage, stage.bot.running() as adapter:
        room = await stage.room()
        await stage.ann.send(room, text("a secret"))
        await until(lambda: stage.bot.inbox.texts == ["a secret"])
        ref = await adapter.send(at(adapter, room), body("kept", growing=True), "a")
        await adapter.edit(ref, body("well kept"), "b")
        await until(lambda: stage.shown(room) == ["well kept"])
        identity = await stage.ann.identity_of(stage.bot.user)
        assert identity["crossSigned"]
        assert list(identity["devices"].values()) == [True]
        await until(lambda: len(stage.wire(room, stage.bot.user)) == 2)
        events = [*stage.wire(room, stage.bot.user), *stage.wire(room, stage.ann.id)]
        assert {event["type"] for event in events} == {"m.room.encrypted"}
        assert adapter.link.detail == ""


async def test_edits_show_the_server_what_they_relate_to_and_nothing_else() -> None:
    async with scene() as stage, stage.bot.running() as adapter:
        room = await stage.room()
        ref = await adapter.send(at(adapter, room), body("one"), "a")
        await adapter.edit(ref, body("two"), "b")
        await until(lambda: len(stage.wire(room, stage.bot.user)) == 2)
        content = stage.wire(room, stage.bot.user)[1]["content"]
        relates = content.pop("m.relates_to")
        assert relates == {"rel_type": "m.replace", "event_id": ref.remote_id}
        assert "two" not in str(content)


async def test_a_lost_store_is_a_new_device_of_the_same_identity() -> None:
    async with scene(signed_only=True) as stage:
        async with stage.bot.running() as adapter:
            room = await stage.room()
            before = await adapter.check()
            master = await master_key(stage.witness, stage.bot.user)
        lose_keys(stage.bot)
        async with stage.bot.running() as adapter:
            assert await adapter.check() != before
            assert adapter.link.detail == ""
            assert await master_key(stage.witness, stage.bot.user) == master
            await adapter.send(at(adapter, room), body("I am back"), "a")
            await until(lambda: stage.shown(room) == ["I am back"])
            await stage.ann.send(room, text("good"))
            await until(lambda: stage.bot.inbox.texts == ["good"])
        assert {e["type"] for e in stage.wire(room, stage.bot.user)} == {"m.room.encrypted"}


async def test_an_identity_that_is_locked_is_never_replaced() -> None:
    """The recovery key is lost, then found again."""
    async with scene(signed_only=True) as stage:
        async with stage.bot.running():
            await stage.room()
            master = await master_key(stage.witness, stage.bot.user)
        file = stage.bot.store / "recovery-key"
        recovery_key = file.read_text()
        file.unlink()
        lose_keys(stage.bot)
        async with stage.bot.running() as adapter:
            assert "matrix.recovery_key" in adapter.link.detail
            assert await master_key(stage.witness, stage.bot.user) == master
        async with stage.bot.running(recovery_key="EsTc " + recovery_key) as adapter:
            assert "no recovery key" in adapter.link.detail
        async with stage.bot.running(recovery_key=recovery_key) as adapter:
            assert adapter.link.detail == ""
            await until_known(stage.ann, stage.bot.user, await adapter.check(), signed=True)
        assert not file.exists()


async def test_no_plaintext_into_an_encrypted_room() -> None:
    """Neither without keys, nor when the bot took the room for a plain one."""
    async with scene() as stage:
        async with stage.bot.running() as adapter:
            room = await stage.room()
            plain = await room_of(stage.witness, stage.bot.user)
            await adapter.send(at(adapter, plain), body("in the open"), "a")
            encryption = {"algorithm": "m.megolm.v1.aes-sha2"}
            await stage.witness.state(plain, "m.room.encryption", encryption)
            await adapter.send(at(adapter, plain), body("no more"), "b")
        lose_keys(stage.bot)
        async with stage.bot.adapter() as stopped:
            with pytest.raises(Transient):
                await stopped.send(at(stopped, room), body("oops"), "c")
        async with stage.bot.running() as adapter:
            await adapter.send(at(adapter, room), body("again"), "c")
        await until(lambda: len(stage.wire(plain, stage.bot.user)) == 2)
        await until(lambda: len(stage.wire(room, stage.bot.user)) == 1)
        kinds = [event["type"] for event in stage.wire(plain, stage.bot.user)]
        assert kinds == ["m.room.message", "m.room.encrypted"]
        assert [e["type"] for e in stage.wire(room, stage.bot.user)] == ["m.room.encrypted"]


async def test_what_can_not_be_read_is_told_once() -> None:
    async with scene() as stage:
        async with stage.bot.running():
            room = await stage.room()
            await stage.ann.send(room, text("one"))
            await until(lambda: stage.bot.inbox.texts == ["one"])
        await stage.ann.send(room, text("two"))
        await stage.ann.send(room, text("three"))
        lose_keys(stage.bot)
        async with stage.bot.running() as adapter:
            await until(lambda: bool(stage.bot.inbox.of(Kind.UNREADABLE)))
            await until_known(stage.ann, stage.bot.user, await adapter.check())
            await stage.ann.send(room, text("four"))
            await until(lambda: "four" in stage.bot.inbox.texts)
        [notice] = stage.bot.inbox.of(Kind.UNREADABLE)
        assert notice.sender.id == stage.ann.id
        assert stage.bot.inbox.texts == ["one", "four"]


async def until_known(
    someone: SealedPerson, user: str, checked: str, *, signed: bool = False
) -> None:
    """Wait until somebody's client knows a device, which `check` names at its end."""
    device = checked.split()[-1]

    async with asyncio.timeout(UNTIL_S):
        while True:
            devices: dict[str, bool] = (await someone.identity_of(user))["devices"]
            if device in devices and (devices[device] or not signed):
                return
            await asyncio.sleep(0.1)


async def test_files_both_ways() -> None:
    async with scene() as stage, stage.bot.running() as adapter:
        room = await stage.room()
        source = await stage.ann.upload(room, "plan.txt", "text/plain", b"the roof leaks")
        await stage.ann.send(room, {"msgtype": "m.file", "body": "plan.txt", **source})
        await until(lambda: bool(stage.bot.inbox.of(Kind.MESSAGE)))
        [file] = stage.bot.inbox.of(Kind.MESSAGE)[0].files
        assert await adapter.fetch(file, 100) == b"the roof leaks"
        damaged = Attachment(file.id.replace('"sha256":"', '"sha256":"AAAA'), file.name)
        with pytest.raises(Rejected):
            await adapter.fetch(damaged, 100)
        await adapter.send_file(at(adapter, room), "answer.txt", b"then mend it", "file")
        await until(lambda: stage.shown(room) == ["answer.txt"])
        [posted] = [
            event
            for event in stage.ann.timeline.events[room]
            if "file" in event["content"] and event["sender"] == stage.bot.user
        ]
        assert posted["content"]["file"]["key"]["kty"] == "oct"


@pytest.mark.parametrize("unit", ["a", "\n", '"', "字"])
async def test_the_longest_texts_pass(unit: str) -> None:
    async with scene() as stage, stage.bot.running() as adapter:
        room = await stage.room()
        count = (MAX_BODY_BYTES - 20) // len(unit.encode())
        words = f"<pre>b{unit * count}e</pre>"
        longest = body(f"b{unit * count}e")
        longest = type(longest)(words, longest.source)
        ref = await adapter.send(at(adapter, room), longest, "a")
        await adapter.edit(ref, longest, "b")
        await until(lambda: any(e.edits for e in stage.ann.timeline.shown(room, stage.bot.user)))
        [shown] = stage.ann.timeline.shown(room, stage.bot.user)
        assert shown.raw == words


async def test_a_new_device_of_a_person_gets_the_key() -> None:
    async with scene() as stage, stage.bot.running() as adapter:
        room = await stage.room()
        await adapter.send(at(adapter, room), body("first"), "a")
        await until(lambda: stage.shown(room) == ["first"])
        second = SealedPerson(stage.bot.server.url, stage.ann.id)
        await second.open()
        try:
            await write_until_read(adapter, room, second)
        finally:
            await second.close()


async def write_until_read(adapter: MatrixAdapter, room: str, reader: SealedPerson) -> None:
    """The bot learns of a new device by its sync, which takes a moment."""
    number = 0

    def is_read() -> bool:
        return any(e["type"] == "m.room.message" for e in reader.timeline.events[room])

    while not is_read() and number < 30:
        number += 1
        await adapter.send(at(adapter, room), body("for all devices"), f"again-{number}")
        reader_sees = len(reader.unreadable) + len(reader.timeline.events[room])
        await until(
            lambda seen=reader_sees: (
                len(reader.unreadable) + len(reader.timeline.events[room]) > seen or is_read()
            )
        )
    assert is_read()
