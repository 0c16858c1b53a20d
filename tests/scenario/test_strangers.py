"""What strangers call themselves and try, and what is charged to those who break off."""

from dataclasses import replace
from pathlib import Path

from adapters.base import Address, Kind, MessageEvent, Person, RateLimited
from bot.access import Role
from bot.codes import WRONG_CODES
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import Bot, running_bot
from tests.scenario.test_access import BOSS, TEXTS, InvitingPlatform, closed, let_in, tell
from tests.unit.bot.events import BOB, ROOM, message

EVE = Person("eve", "Eve")
BOB_KEY, CAROL_KEY = "fake:bot:bob", "fake:bot:carol"


def pulled_into(room: str, title: str) -> MessageEvent:
    """Eve brought the bot into a group of hers."""
    where = Address("fake", "bot", room)
    return replace(message("join", to=where, by=EVE, kind=Kind.MEMBERSHIP), room_name=title)


def chat_of(person: Person) -> Address:
    return Address("fake", "bot", person.id, direct=True)


def allowed_rooms(bot: Bot) -> list[str]:
    return [room.title for room in bot.running.desk.roster.rooms() if room.allowed]


async def test_a_group_named_like_a_person_shields_nobody(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        roster = bot.running.desk.roster
        await let_in(bot, BOB)
        await bot.platform.receive([message("hi", to=chat_of(BOB), by=BOB)])
        await bot.platform.until(lambda: bot.platform.shown("bob") == ["echo: hi"])
        await bot.platform.receive([pulled_into("e1", "Bob")])
        assert await tell(bot, "admin deny Bob") == TEXTS.nobody_known.format(
            name="`Bob`", sign="/"
        )
        assert await tell(bot, "admin deny fake:bob") == f"`{BOB_KEY}` is blocked now."
        assert roster.role_of(BOB_KEY) is Role.BLOCKED


async def test_a_group_named_like_a_key_is_not_let_in_for_it(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await bot.platform.receive([pulled_into("e1", CAROL_KEY)])
        assert await tell(bot, f"admin allow {CAROL_KEY}") == f"`{CAROL_KEY}` is member now."
        assert allowed_rooms(bot) == []


async def test_a_title_is_one_line_without_markup(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        title = "x\n\n# Heading\n[click](http://evil)\u202e`"
        await bot.platform.receive([pulled_into("e1", title)])
        listed = await tell(bot, "admin rooms")
        assert "- `x # Heading [click](http://evil)'`" in listed


async def test_wrong_codes_at_once_are_bounded_too(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        tries = [
            message(f"pair WRONG{number}", to=chat_of(EVE), by=EVE, kind=Kind.COMMAND)
            for number in range(20)
        ]
        await bot.platform.receive(tries)
        await bot.platform.until(lambda: len(bot.platform.shown("eve")) == len(tries))
        shown = bot.platform.shown("eve")
        assert shown.count(TEXTS.wrong_code) == WRONG_CODES
        assert shown.count(TEXTS.too_many_codes) == len(tries) - WRONG_CODES


async def test_a_code_taken_twice_at_once_lets_one_in(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        roster = bot.running.desk.roster
        code = await roster.codes.make(Role.MEMBER, "console:local:0")
        both = [EVE, Person("mallory", "Mallory")]
        await bot.platform.receive(
            [message(f"pair {code}", to=chat_of(one), by=one, kind=Kind.COMMAND) for one in both]
        )
        await bot.platform.until(lambda: all(bot.platform.shown(one.id) for one in both))
        roles = sorted(roster.role_of(f"fake:bot:{one.id}") for one in both)
        assert roles == [Role.UNKNOWN, Role.MEMBER]


async def test_a_stopped_answer_takes_its_time_of_the_day(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await let_in(bot, BOB)
        quotas = bot.running.desk.roster.quotas
        bot.engine.enqueue(" ".join(["more"] * 500))
        bot.engine.token_delay_s = 0.02
        await bot.platform.receive([message("go", to=chat_of(BOB), by=BOB)])
        await bot.platform.until(lambda: "more" in "".join(bot.platform.shown("bob")))
        await bot.platform.receive([message("stop", to=chat_of(BOB), by=BOB, kind=Kind.COMMAND)])
        await bot.platform.until(lambda: TEXTS.stopped in "".join(bot.platform.shown("bob")))
        await bot.until(lambda: quotas.spent(BOB_KEY).messages == 1)
        assert quotas.spent(BOB_KEY).compute_ms > 0


async def test_what_was_computed_before_the_first_word_counts(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await let_in(bot, BOB)
        quotas = bot.running.desk.roster.quotas
        bot.engine.hold()
        await bot.platform.receive([message("go", to=chat_of(BOB), by=BOB)])
        await bot.until_asked(1)
        await bot.platform.receive([message("stop", to=chat_of(BOB), by=BOB, kind=Kind.COMMAND)])
        await bot.until(lambda: quotas.spent(BOB_KEY).compute_ms > 0)
        assert quotas.spent(BOB_KEY).messages == 0


async def test_an_announcement_comes_in_parts_that_fit(tmp_path: Path) -> None:
    async with running_bot(closed(tmp_path)) as bot:
        await bot.platform.receive([message("join", to=ROOM, by=BOSS, kind=Kind.MEMBERSHIP)])
        await bot.until(lambda: bot.running.desk.roster.is_allowed(ROOM))
        words = " ".join(f"word{number}" for number in range(2000))
        await tell(bot, f"admin announce {words}")
        await bot.platform.until(
            lambda: " ".join(bot.platform.shown("room")).split() == words.split()
        )
        assert await bot.running.desk.memory.outbox.dead_letters() == []


async def test_an_invitation_is_answered_once_the_platform_lets_it(tmp_path: Path) -> None:
    platform = InvitingPlatform()
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        platform.failures.append(RateLimited("wait", 0.05))
        await platform.receive([message("", to=ROOM, by=BOSS, kind=Kind.INVITE)])
        await bot.until(lambda: platform.went == [("join", "room")])


async def test_a_stranger_moves_no_room_onto_another(tmp_path: Path) -> None:
    """Where a platform says that a room moved, what was decided of the new one stays."""
    platform = FakePlatform()
    async with running_bot(closed(tmp_path), platform=platform) as bot:
        roster = bot.running.desk.roster
        await platform.receive([message("join", to=ROOM, by=BOSS, kind=Kind.MEMBERSHIP)])
        await bot.until(lambda: roster.is_allowed(ROOM))
        await platform.receive([pulled_into("evil", "Evil")])
        await platform.receive([message("evil", to=ROOM, by=EVE, kind=Kind.MOVED)])
        await bot.until_async(bot.running.desk.memory.inbox.pending, lambda rows: not rows)
        assert roster.is_allowed(ROOM)
