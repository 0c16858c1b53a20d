"""Who is heard: strangers, members, rooms, invitations, codes and quotas, as people see it."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Address, Kind, MessageEvent, Person, RateLimited, Transient
from bot.access import Role
from bot.config import Settings
from bot.texts import texts_for
from storage.records import AuditEntry
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import Bot, running_bot, settings_in
from tests.unit.bot.events import ANN, BOB, ROOM, message

TEXTS = texts_for("en")
CLOSED = TEXTS.room_closed.format(sign="/")
BOSS = Person("boss", "Boss")
BOSS_CHAT = Address("fake", "bot", "boss", direct=True)
THREAD = replace(ROOM, thread="7")


def closed(directory: Path, **sections: dict[str, Any]) -> Settings:
    """Nobody may ask but the owner, and whom they let in."""
    access = {"owners": ["fake:boss"]} | sections.pop("access", {})
    return settings_in(directory, access=access, **sections)


def hint_for(person: str) -> str:
    return TEXTS.pairing_hint.format(name="Parley", person=person, sign="/")


async def let_in(bot: Bot, person: Person, role: Role = Role.MEMBER) -> None:
    key = f"fake:bot:{person.id}"
    roster = bot.running.desk.roster
    await roster.make(roster.set_role(key, role, AuditEntry("test", "test")))


async def tell(bot: Bot, text: str, to: Address = BOSS_CHAT, by: Person = BOSS) -> str:
    """Give a command and wait for its reply."""
    before = len(bot.platform.shown(to.room))
    await bot.platform.receive([message(text, to=to, by=by, kind=Kind.COMMAND)])
    await bot.platform.until(lambda: len(bot.platform.shown(to.room)) > before)
    return bot.platform.shown(to.room)[-1]


async def is_still_silent(bot: Bot, room: str, count: int) -> None:
    """Once the owner's later message is answered, nothing more stands in a room than before."""
    before = len(bot.platform.shown("boss"))
    await bot.platform.receive([message("ping", to=BOSS_CHAT, by=BOSS)])
    await bot.platform.until(lambda: len(bot.platform.shown("boss")) > before)
    assert len(bot.platform.shown(room)) == count


async def test_a_stranger_gets_one_hint_a_day_in_a_direct_chat(tmp_path: Path) -> None:
    platform = FakePlatform()
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        await platform.receive([message("my secret"), message("and more")])
        await platform.until(lambda: platform.shown("ann") == [hint_for("fake:bot:ann")])
        await platform.receive([message("help", kind=Kind.COMMAND), message("hello?")])
        await is_still_silent(bot, "ann", 1)
        assert bot.engine.requests[0].messages[-1].content == "ping"
        assert b"my secret" not in _bytes(tmp_path)
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        await platform.receive([message("still there?")])
        await is_still_silent(bot, "ann", 1)


def _bytes(directory: Path) -> bytes:
    return b"".join(file.read_bytes() for file in directory.glob("parley.db*"))


async def test_a_hint_that_a_crash_interrupted_comes_once(tmp_path: Path) -> None:
    platform = FakePlatform()
    async with running_bot(closed(tmp_path, bot={"drain_s": 0}), platform=platform):
        platform.faults.extend([Transient("down")] * 1000)
        await platform.receive([message("hello")])
    platform.faults.clear()
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        await platform.until(lambda: platform.shown("ann") == [hint_for("fake:bot:ann")])
        await is_still_silent(bot, "ann", 1)


async def test_strangers_meet_silence_in_rooms(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await tell(bot, "admin allow", ROOM)
        kinds = (Kind.MESSAGE, Kind.COMMAND, Kind.EDIT, Kind.UNREADABLE)
        await bot.platform.receive([message("canary", to=ROOM, kind=kind) for kind in kinds])
        await is_still_silent(bot, "room", 1)
        assert b"canary" not in _bytes(tmp_path)


@pytest.mark.parametrize("where", [ROOM, message().address], ids=["room", "direct"])
async def test_the_blocked_meet_silence_everywhere(tmp_path: Path, where: Address) -> None:
    async with running_bot(closed(tmp_path, access={"open": ["fake"]})) as bot:
        await let_in(bot, ANN, Role.BLOCKED)
        code = await bot.running.desk.roster.codes.make(Role.MEMBER, "test")
        await bot.platform.receive(
            [
                message("hello", to=where),
                message("help", to=where, kind=Kind.COMMAND),
                message(f"pair {code}", to=where, kind=Kind.COMMAND),
            ]
        )
        await is_still_silent(bot, where.room, 0)


async def test_a_room_answers_once_an_administrator_allowed_it(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await let_in(bot, ANN)
        for text in ("hello", "hello again"):
            await bot.platform.receive([message(text, to=ROOM)])
        await bot.platform.receive([message("chatter", to=ROOM, addressed=False)])
        await bot.platform.until(lambda: bot.platform.shown("room") == [CLOSED])
        await is_still_silent(bot, "room", 1)
        reply = await tell(bot, "admin rooms")
        assert "`fake:bot:room`: not allowed" in reply
        await tell(bot, "admin allow fake:bot:room")
        await bot.platform.receive([message("now?", to=ROOM)])
        await bot.platform.until(lambda: bot.platform.shown("room")[1:] == ["echo: Ann: now?"])
        await tell(bot, "admin deny fake:bot:room")
        await bot.platform.receive([message("and now?", to=ROOM)])
        await is_still_silent(bot, "room", 2)


async def test_a_room_that_an_administrator_brings_the_bot_into_is_allowed(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await let_in(bot, ANN)
        other = Address("fake", "bot", "other")
        joins = [
            replace(message("join", to=room, by=by, kind=Kind.MEMBERSHIP), room_name=name)
            for room, by, name in ((ROOM, BOSS, "Roof"), (other, ANN, "Cellar"))
        ]
        await bot.platform.receive(joins)
        await bot.platform.receive([message("hi", to=ROOM), message("hi", to=other)])
        await bot.platform.until(lambda: bot.platform.shown("room") == ["echo: Ann: hi"])
        await bot.platform.until(lambda: bot.platform.shown("other") == [CLOSED])
        await bot.platform.receive([message("leave", to=ROOM, by=ANN, kind=Kind.MEMBERSHIP)])
        await bot.until(lambda: not bot.running.desk.roster.room(ROOM).present)
        rooms = await tell(bot, "admin rooms")
        assert "`Roof` `fake:bot:room`: allowed, left" in rooms
        assert "`Cellar` `fake:bot:other`: not allowed" in rooms


async def test_every_message_of_a_room_can_be_answered(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await let_in(bot, ANN)
        await tell(bot, "admin allow", ROOM)
        await tell(bot, "admin rooms every", ROOM)
        await bot.platform.receive([message("hello", to=ROOM, addressed=False)])
        await bot.platform.until(lambda: bot.platform.shown("room")[2:] == ["echo: Ann: hello"])
        await bot.platform.receive([message("me too", to=ROOM, by=BOB, addressed=False)])
        await tell(bot, "admin rooms mention", ROOM)
        await bot.platform.receive([message("hm", to=ROOM, addressed=False)])
        await is_still_silent(bot, "room", 4)


async def test_in_a_thread_that_the_bot_is_in_it_needs_no_mention(tmp_path: Path) -> None:
    platform = FakePlatform()
    settings = settings_in(tmp_path)
    async with running_bot(settings, platform=platform) as bot:
        bot.engine.hold()
        await platform.receive([message("first", to=THREAD)])
        await bot.until_asked(1)
        await platform.receive([message("second", to=THREAD, by=BOB, addressed=False)])
        bot.engine.release()
        expected = ["echo: Ann: first", "echo: Bob: second"]
        await platform.until(lambda: platform.shown("room") == expected)
    async with running_bot(settings, platform=platform) as bot:
        elsewhere = replace(ROOM, thread="8")
        await platform.receive([message("gossip", to=elsewhere, addressed=False)])
        await platform.receive([message("third", to=THREAD, addressed=False)])
        await platform.until(lambda: platform.shown("room")[2:] == ["echo: Ann: third"])
        assert len(bot.engine.requests) == 1


async def test_a_code_lets_somebody_in(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        assert await tell(bot, "pair NONSENSE", message().address, ANN) == TEXTS.wrong_code
        code = await bot.running.desk.roster.codes.make(Role.MEMBER, "console:local:0")
        welcome = await tell(bot, f"pair {code}", message().address, ANN)
        assert welcome == TEXTS.paired.format(name="Parley", role="member", sign="/")
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann")[2:] == ["echo: hello"])
        for _ in range(5):
            await tell(bot, f"pair {code[::-1]}", message().address, ANN)
        again = await tell(bot, f"pair {code[::-1]}", message().address, ANN)
        assert again == TEXTS.too_many_codes


async def test_a_code_in_a_room_is_not_taken(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        code = await bot.running.desk.roster.codes.make(Role.MEMBER, "console:local:0")
        await bot.platform.receive([message(f"pair {code}", to=ROOM, kind=Kind.COMMAND)])
        await is_still_silent(bot, "room", 0)
        assert bot.running.desk.roster.role_of("fake:bot:ann") is Role.UNKNOWN


async def test_an_administrator_lets_in_whom_the_hint_names(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [hint_for("fake:bot:ann")])
        assert await tell(bot, "admin allow fake:bot:ann") == "`fake:bot:ann` is member now."
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann")[1:] == ["echo: hello"])


@dataclass(slots=True)
class InvitingPlatform(FakePlatform):
    """One that asks the bot before it is in a room."""

    went: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def join(self, room: str) -> None:
        if self.failures:
            raise self.failures.popleft()
        self.went.append(("join", room))

    async def leave(self, room: str) -> None:
        self.went.append(("leave", room))


async def test_invitations_are_accepted_from_those_who_may_ask(tmp_path: Path) -> None:
    platform = InvitingPlatform()

    def invite(to: str, by: Person, *, direct: bool = False) -> MessageEvent:
        return message("", to=Address("fake", "bot", to, direct=direct), by=by, kind=Kind.INVITE)

    async with running_bot(closed(tmp_path), platform=platform) as bot:
        await let_in(bot, ANN)
        await let_in(bot, Person("bad", "Bad"), Role.BLOCKED)
        await platform.receive(
            [
                invite("ann's", ANN),
                invite("bob's", BOB),
                invite("with bob", BOB, direct=True),
                invite("with bad", Person("bad", "Bad"), direct=True),
                invite("boss's", BOSS),
            ]
        )
        await bot.until_async(bot.running.desk.memory.inbox.pending, lambda rows: not rows)
        assert sorted(platform.went) == [
            ("join", "ann's"),
            ("join", "boss's"),
            ("join", "with bob"),
            ("leave", "bob's"),
            ("leave", "with bad"),
        ]
        allowed = [room.place.room for room in bot.running.desk.roster.rooms() if room.allowed]
        assert allowed == ["boss's"]


async def test_an_invitation_that_could_not_be_answered_is_answered_at_the_next_start(
    tmp_path: Path,
) -> None:
    platform = InvitingPlatform()
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        platform.failures += [RateLimited("later", 3600), Transient("stopped meanwhile")]
        await platform.receive([message("", to=ROOM, by=BOSS, kind=Kind.INVITE)])
        await bot.until(lambda: len(platform.failures) == 1)
        assert platform.went == []
    platform.failures.clear()
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        await bot.until(lambda: platform.went == [("join", "room")])
        await bot.until_async(bot.running.desk.memory.inbox.pending, lambda rows: not rows)


async def test_a_room_that_moved_goes_on(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await let_in(bot, ANN)
        await tell(bot, "admin allow", ROOM)
        await bot.platform.receive([message("one", to=ROOM)])
        await bot.platform.until(lambda: bot.platform.shown("room")[1:] == ["echo: Ann: one"])
        await bot.until_async(bot.running.desk.memory.outbox.undelivered, lambda parts: not parts)
        moved = Address("fake", "bot", "bigger")
        await bot.platform.receive([message("room", to=moved, kind=Kind.MOVED)])
        await bot.until(lambda: bot.running.desk.roster.is_allowed(moved))
        await bot.platform.receive([message("two", to=moved)])
        await bot.platform.until(lambda: bot.platform.shown("bigger") == ["echo: Ann: two"])
        assert len(bot.engine.requests[-1].messages) == 4


async def test_a_spent_quota_is_said_and_costs_nothing(tmp_path: Path) -> None:
    access = {"open": ["fake"], "messages_per_day": 1}
    async with running_bot(closed(tmp_path, access=access)) as bot:
        bot.engine.hold()
        await bot.platform.receive([message("one", to=ROOM)])
        await bot.until_asked(1)
        await bot.platform.receive([message("for Bob", to=ROOM, by=BOB)])
        await bot.platform.receive([message("two", to=replace(ROOM, room="other"))])
        await bot.until_asked(2)
        bot.engine.release()
        await bot.platform.until(lambda: len(bot.platform.shown("room")) == 2)
        await bot.platform.receive([message("three"), message("status", kind=Kind.COMMAND)])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 2)
        spent = next(text for text in bot.platform.shown("ann") if "quota" in text)
        assert spent == TEXTS.quota_spent.format(hours=bot.running.desk.roster.quotas.hours_left())
        taken = bot.running.desk.roster.quotas.spent("fake:bot:ann").messages
        assert taken == 2  # both were being answered when the first was counted
        assert "messages today 2 of 1" in await tell(bot, "admin quota fake:ann")
        await tell(bot, "admin quota fake:ann messages=5")
        await bot.platform.receive([message("four")])
        await bot.platform.until(lambda: "echo: four" in bot.platform.shown("ann"))


async def test_queued_messages_do_not_slip_past_a_quota(tmp_path: Path) -> None:
    access = {"open": ["fake"], "messages_per_day": 2}
    async with running_bot(closed(tmp_path, access=access)) as bot:
        bot.engine.token_delay_s = 0.05
        bot.engine.enqueue("a b c d e f", "a", "a", "a")
        await bot.platform.receive([message("one")])
        await bot.platform.until(lambda: bool(bot.platform.shown("ann")))
        await bot.platform.receive([message(f"more {number}") for number in range(3)])
        await bot.platform.receive([message("ping", to=ROOM, by=BOB)])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) >= 2)
        await bot.until_async(bot.running.desk.memory.inbox.pending, lambda rows: not rows)
        assert bot.running.desk.roster.quotas.spent("fake:bot:ann").messages <= 2


async def test_what_can_not_be_decrypted_is_said(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("", kind=Kind.UNREADABLE)])
        await bot.platform.until(lambda: bot.platform.shown("ann") == [TEXTS.unreadable])
