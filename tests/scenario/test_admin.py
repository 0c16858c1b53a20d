"""What administrators do in chat: each thing done, denied and written down."""

import json
from pathlib import Path
from typing import Any

import pytest

from adapters.base import Address, Kind, Person
from bot.access import Role
from bot.commands.admin import SUBCOMMANDS
from bot.config import Settings
from bot.roster import place_of
from bot.texts import texts_for
from storage.records import AuditEntry, RoomState
from tests.fakes.platform import FakePlatform
from tests.scenario.bots import Bot, running_bot, settings_in
from tests.unit.bot.events import ANN, BOB, ROOM, message

TEXTS = texts_for("en")
BOSS = Person("boss", "Boss")
BOSS_CHAT = Address("fake", "bot", "boss", direct=True)
ROOMS = [Address("fake", "bot", room) for room in ("one", "two", "three")]


def house(directory: Path, **sections: dict[str, Any]) -> Settings:
    """A bot of the boss's that nobody else may ask yet."""
    access = {"owners": ["fake:boss"]} | sections.pop("access", {})
    return settings_in(directory, access=access, **sections)


async def tell(bot: Bot, text: str, by: Person = BOSS, to: Address | None = None) -> str:
    """Give a command and wait for its reply."""
    to = to or Address("fake", "bot", by.id, direct=True)
    before = len(bot.platform.shown(to.room))
    await bot.platform.receive([message(text, to=to, by=by, kind=Kind.COMMAND)])
    await bot.platform.until(lambda: len(bot.platform.shown(to.room)) > before)
    return bot.platform.shown(to.room)[-1]


async def make(bot: Bot, person: Person, role: Role) -> None:
    key = f"fake:bot:{person.id}"
    await bot.running.desk.members.seen(key, "fake", person.name, "")
    roster = bot.running.desk.roster
    await roster.make(roster.set_role(key, role, AuditEntry("test", "test")))


async def entries(bot: Bot) -> list[tuple[str, str, str, str]]:
    """The audit, oldest first, without what the test itself arranged."""
    found = await bot.running.desk.audit.latest(100)
    return [
        (e.actor, e.action, e.target, e.outcome)
        for e in reversed(found)
        if e.actor not in ("test", "system")
    ]


@pytest.mark.parametrize("name", SUBCOMMANDS)
@pytest.mark.parametrize("role", [Role.GUEST, Role.MEMBER])
async def test_nobody_else_administers(tmp_path: Path, name: str, role: Role) -> None:
    async with running_bot(house(tmp_path)) as bot:
        await make(bot, ANN, role)
        assert await tell(bot, f"admin {name} x", ANN) == TEXTS.not_allowed.format(name="admin")
        assert await entries(bot) == [("fake:bot:ann", f"admin {name}", "", "denied")]


async def test_alone_it_lists_everything(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        usage = await tell(bot, "admin")
        listed = [line for line in usage.splitlines() if line.startswith("- `/admin ")]
        assert [line.split("`")[1].split()[1] for line in listed] == [*SUBCOMMANDS]
        unknown = TEXTS.admin_unknown.format(given="`admin frobnicate`")
        assert await tell(bot, "admin frobnicate") == f"{unknown}\n\n{usage}"


@pytest.mark.parametrize(
    "wrong",
    [
        "role",
        "role fake:ann",
        "role fake:ann wizard",
        "allow",
        "deny",
        "rooms sometimes",
        "quota fake:boss messages=many",
        "quota fake:boss size=3",
        "dead letters",
        "dead retry",
        "audit all",
        "audit 0",
        f"audit {'9' * 5_000}",
        f"quota fake:boss messages={'9' * 20}",
        "cache on",
        "cache sometimes",
        "standard set",
        "standard frobnicate",
        "search",
        "announce",
    ],
)
async def test_a_wrong_form_shows_how_it_is_used(tmp_path: Path, wrong: str) -> None:
    async with running_bot(house(tmp_path)) as bot:
        await bot.platform.receive([message("hi", to=BOSS_CHAT, by=BOSS)])
        await bot.platform.until(lambda: bot.platform.shown("boss") == ["echo: hi"])
        usage = await tell(bot, f"admin {wrong}")
        name = wrong.split()[0]
        assert f"`/admin {name} " in usage
        assert usage.count("`/admin ") == 1
        shown = wrong if len(wrong) <= 60 else f"{wrong[:60]}…"
        assert usage.startswith(TEXTS.admin_misused.format(given=f"`admin {shown}`"))
        assert await entries(bot) == []


@pytest.mark.parametrize("form", ["rooms every", "cache on", "retention 7"])
async def test_a_room_that_nobody_knows_is_named(tmp_path: Path, form: str) -> None:
    async with running_bot(house(tmp_path)) as bot:
        told = await tell(bot, f"admin {form} nowhere")
        assert told.startswith(TEXTS.no_room_known.format(name="`nowhere`", sign="/"))
        assert f"`/admin {form.split()[0]} " in told
        assert await entries(bot) == []


async def test_roles_are_given_and_written_down(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        await make(bot, ANN, Role.GUEST)
        assert await tell(bot, "admin role Ann admin") == "`fake:bot:ann` is admin now."
        await make(bot, BOB, Role.MEMBER)
        assert await tell(bot, "admin role Bob owner", ANN) == TEXTS.owners_only
        assert await tell(bot, "admin role fake:boss guest", ANN) == TEXTS.owners_only
        assert await tell(bot, "admin deny fake:ann", ANN) == TEXTS.owners_only
        assert await tell(bot, "admin deny Bob", ANN) == "`fake:bot:bob` is blocked now."
        assert await tell(bot, "admin allow Bob") == "`fake:bot:bob` is member now."
        assert await tell(bot, "admin allow Ann") == "`fake:bot:ann` is admin now."
        boss, ann, bob = "fake:bot:boss", "fake:bot:ann", "fake:bot:bob"
        assert await entries(bot) == [
            (boss, "admin role", ann, "done"),
            (ann, "admin role", bob, "denied"),
            (ann, "admin role", boss, "denied"),
            (ann, "admin deny", ann, "denied"),
            (ann, "admin deny", bob, "done"),
            (boss, "admin allow", bob, "done"),
        ]
        listed = await tell(bot, "admin users BOB")
        assert "`Bob` `fake:bot:bob`: member" in listed
        assert "fake:bot:ann" not in listed
        log = await tell(bot, "admin audit 2")
        assert log.count("\n- ") == 2
        assert "`fake:bot:boss` admin allow `fake:bot:bob`: done" in log


async def test_the_last_owner_stays(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path, access={"owners": []})) as bot:
        await make(bot, ANN, Role.OWNER)
        assert await tell(bot, "admin role fake:ann member", ANN) == TEXTS.last_owner
        await make(bot, BOB, Role.OWNER)
        assert await tell(bot, "admin role fake:ann member", ANN) == "`fake:bot:ann` is member now."


async def test_a_name_is_only_a_name(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        evil = Person("evil", "**x** `y` <!channel>")
        await make(bot, evil, Role.MEMBER)
        assert "`**x** 'y' <!channel>`" in await tell(bot, "admin users")
        imposter = Person("imposter", "Boss")
        await bot.running.desk.members.seen("fake:bot:imposter", "fake", imposter.name, "")
        assert "imposter" not in await tell(bot, "admin role Boss guest")


async def test_paused_it_answers_administrators_only(tmp_path: Path) -> None:
    platform, settings = FakePlatform(), house(tmp_path, access={"open": ["fake"]})
    async with running_bot(settings, platform=platform) as bot:
        assert await tell(bot, "admin pause") == TEXTS.paused
        await platform.receive([message("hello")])
        await platform.until(lambda: platform.shown("ann") == [TEXTS.resting])
        await platform.receive([message("ping", to=BOSS_CHAT, by=BOSS)])
        await platform.until(lambda: "echo: ping" in platform.shown("boss"))
        assert "ready" in await tell(bot, "status", ANN)
    async with running_bot(settings, platform=platform) as bot:
        await platform.receive([message("and now?")])
        await platform.until(lambda: platform.shown("ann")[2:] == [TEXTS.resting])
        assert await tell(bot, "admin resume") == TEXTS.resumed
        await platform.receive([message("at last")])
        await platform.until(lambda: platform.shown("ann")[3:] == ["echo: at last"])
        assert [entry[1] for entry in await entries(bot)] == ["admin pause", "admin resume"]


async def test_the_persona_holds_from_the_next_answer_on(tmp_path: Path) -> None:
    platform, settings = FakePlatform(), house(tmp_path, access={"open": ["fake"]})
    async with running_bot(settings, platform=platform) as bot:
        await platform.receive([message("one")])
        await platform.until(lambda: platform.shown("ann") == ["echo: one"])
        assert "> Be brief.\n> Always." in await tell(bot, "admin persona Be brief.\nAlways.")
    async with running_bot(settings, platform=platform) as bot:
        await platform.receive([message("two")])
        await platform.until(lambda: platform.shown("ann")[1:] == ["echo: two"])
        assert bot.engine.requests[0].messages[0].content == "Be brief.\nAlways."
        first, second = await bot.running.desk.memory.turns.recent("fake:bot:ann", 2)
        assert first.prompt_version != second.prompt_version
        assert bot.app.settings.persona in await tell(bot, "admin persona reset")
        await platform.receive([message("three")])
        await platform.until(lambda: platform.shown("ann")[2:] == ["echo: three"])
        [third] = await bot.running.desk.memory.turns.recent("fake:bot:ann", 1)
        assert third.prompt_version == first.prompt_version


async def test_an_announcement_reaches_every_allowed_room_once(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        for room in ROOMS:
            await tell(bot, "admin allow", to=room)
        await tell(bot, "admin deny", to=ROOMS[2])
        assert await tell(bot, "admin announce Tea **now**") == TEXTS.announced.format(count=2)
        for room in ("one", "two"):
            await bot.platform.until(lambda r=room: bot.platform.shown(r)[1:] == ["Tea **now**"])
        assert len(bot.platform.shown("three")) == 2
        [*_, (_, action, _, _)] = await entries(bot)
        assert action == "admin announce"


async def test_drain_ends_the_program_when_it_has_answered(tmp_path: Path) -> None:
    platform = FakePlatform()
    async with running_bot(house(tmp_path), platform=platform) as bot:
        bot.engine.token_delay_s = 0.02
        bot.engine.enqueue("one two three four five")
        await platform.receive([message("count", to=BOSS_CHAT, by=BOSS)])
        await bot.until_asked(1)
        chat = Address("fake", "bot", "elsewhere")
        await platform.receive([message("admin drain", to=chat, by=BOSS, kind=Kind.COMMAND)])
        await bot.until(lambda: bot.app.is_stopping)
    assert platform.shown("boss") == ["one two three four five"]
    assert platform.shown("elsewhere") == [TEXTS.draining]


async def test_numbers_sessions_and_the_model(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path, access={"open": ["fake"]})) as bot:
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: bot.platform.shown("ann") == ["echo: hello"])
        stats = await tell(bot, "admin stats")
        assert "Today: answers 1, people 1" in stats
        assert "- fake: up" in stats
        assert "`fake:bot:ann`: messages 1" in await tell(bot, "admin quota")
        bot.engine.hold()
        await bot.platform.receive([message("hold on")])
        await bot.until_asked(2)
        assert "`fake:bot:ann`" in await tell(bot, "admin sessions")
        bot.engine.release()
        assert "`scripted`" in await tell(bot, "admin model")
        assert "nowhere" in await tell(bot, "admin model nowhere")


async def test_whoever_loses_their_role_is_denied_at_once(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        await make(bot, ANN, Role.ADMIN)
        assert await tell(bot, "admin resume", ANN) == TEXTS.resumed
        await tell(bot, "admin role fake:ann member")
        assert await tell(bot, "admin pause", ANN) == TEXTS.not_allowed.format(name="admin")
        assert not bot.running.desk.roster.paused


async def test_help_tells_everybody_their_own(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path, access={"open": ["fake"]})) as bot:
        for word in ("help", "start"):
            mine, theirs = await tell(bot, word, ANN), await tell(bot, word)
            assert ("`/admin" in mine, "`/admin" in theirs) == (False, True)
            assert "`/home" not in theirs
        home = await tell(bot, "home", ANN)
        assert "scripted, ready" in home
        assert "`/forget` erases it" in home


async def test_a_thumb_can_be_taken_back(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("hello", to=ROOM)])
        await bot.platform.until(lambda: bot.platform.shown("room") == ["echo: Ann: hello"])
        await bot.until_async(bot.running.desk.memory.outbox.undelivered, lambda rows: not rows)
        [post] = bot.platform.posts["room"]
        members = bot.running.desk.members

        async def feedback() -> Any:
            return (await members.export("fake:bot:ann"))["feedback"]

        for emoji, values in (("👍", [1]), ("👎", [-1]), ("", [])):
            event = message(emoji, to=ROOM, kind=Kind.REACTION, about=post.id)
            await bot.platform.receive([event])
            await bot.until_async(
                feedback, lambda rows, v=values: [row["value"] for row in rows] == v
            )


async def test_commands_that_name_no_thread_concern_where_one_asked_last(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        threads = [Address("fake", "bot", "room", thread) for thread in ("1", "2")]
        bot.engine.enqueue("first one", "second one", "anew")
        for place, by in zip(threads, (ANN, BOB), strict=True):
            await bot.platform.receive([message("ask", to=place, by=by)])
        await bot.platform.until(lambda: len(bot.platform.shown("room")) == 2)
        await bot.platform.receive([message("retry", to=ROOM, kind=Kind.COMMAND)])
        await bot.platform.until(lambda: bot.platform.shown("room")[0] == "anew")
        assert bot.engine.requests[-1].session == "fake:bot:room:1"


async def test_search_finds_what_its_asker_may_see(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        await make(bot, ANN, Role.ADMIN)
        await make(bot, BOB, Role.MEMBER)
        for person, text in ((ANN, "明天的会议在几点"), (BOB, "my *secret* salary")):
            place = Address("fake", "bot", person.id, direct=True)
            await bot.platform.receive([message(text, to=place, by=person)])
            await bot.platform.until(lambda p=person: len(bot.platform.shown(p.id)) == 1)
        await bot.until_async(bot.running.desk.memory.outbox.undelivered, lambda rows: not rows)
        shown = await tell(bot, "admin search 会议 from:Ann", ANN)
        assert shown.startswith(TEXTS.found.format(count=1))
        assert "明天的**会议**在几点" in shown
        assert await tell(bot, "admin search salary", ANN) == TEXTS.found_nothing
        assert "my \\*secret\\* **salary**" in await tell(bot, "admin search salary")
        wrong = TEXTS.query_faults["no_day"].format(part="after:soon")
        assert await tell(bot, "admin search salary after:soon") == wrong
        roster = bot.running.desk.roster
        await roster.make(roster.put_room(RoomState(place_of(ROOM), "Room", allowed=True)))
        assert await tell(bot, "admin search salary", to=ROOM) == TEXTS.search_directly
        assert [entry[1:] for entry in await entries(bot)] == [("admin search", "", "done")] * 3


async def test_a_button_below_an_older_answer_says_that_it_is_too_late(tmp_path: Path) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        for number in (1, 2):
            await bot.platform.receive([message(f"question {number}")])
            await bot.platform.until(lambda n=number: len(bot.platform.shown("ann")) == n)
        await bot.until_async(bot.running.desk.memory.outbox.undelivered, lambda rows: not rows)
        older, last = bot.platform.posts["ann"]
        await bot.platform.receive([message("retry", kind=Kind.COMMAND, about=older.id)])
        await bot.platform.until(lambda: bot.platform.shown("ann")[2:] == [TEXTS.only_the_last])
        bot.engine.enqueue("better")
        await bot.platform.receive([message("retry", kind=Kind.COMMAND, about=last.id)])
        await bot.platform.until(lambda: bot.platform.shown("ann")[1] == "better")


async def test_the_machine_itself_says_who_may_ask(tmp_path: Path) -> None:
    from tests.scenario.test_command_line import SCRIPTED, parley

    code, shown, told = await parley(tmp_path, "user", "pair", "--role", "owner", **SCRIPTED)
    assert (code, "30 minutes" in told) == (0, True)
    settings = settings_in(
        tmp_path, access={}, storage={"path": tmp_path / "parley-data/parley.db"}
    )
    async with running_bot(settings) as bot:
        welcome = await tell(bot, f"pair {shown.strip()}", ANN)
        assert welcome == TEXTS.paired.format(name="Parley", role="owner", sign="/")
        for arguments in (["grant", "fake:bot:bob", "guest"], ["revoke", "fake:bob"]):
            code, out, err = await parley(tmp_path, "user", *arguments, **SCRIPTED)
            assert (code, err) == (0, "")
        assert out == "fake:bot:bob is unknown now.\n"
        _, listed, _ = await parley(tmp_path, "user", "list", "--json", **SCRIPTED)
        roles = {each["person"]: each["role"] for each in json.loads(listed)}
        assert roles == {"fake:bot:ann": "owner"}
        code, _, err = await parley(tmp_path, "user", "revoke", "fake:nobody", **SCRIPTED)
        assert (code, "platform:account:id" in err) == (1, True)
        actions = [entry[1] for entry in await entries(bot)]
        assert actions == ["user code", "pair", "user grant", "user revoke"]
