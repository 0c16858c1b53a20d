"""What Slack delivers, and the events that it stands for."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.base import Kind, Person
from adapters.slack.scene import Me, Scene
from adapters.slack.text import named, readable
from adapters.slack.wire import Envelope, Sort, events
from tests.fakes.slack import payloads
from tests.fakes.slack.places import File, Version
from tests.fakes.slack.world import World

ME = "U0BOT"
NOW = datetime.now(UTC)


@dataclass
class Known:
    """Everybody is known by a name."""

    names: dict[str, str] = field(default_factory=lambda: {"U1": "Ann", "C1": "general"})
    threads: dict[str, str] = field(default_factory=dict[str, str])
    teams: dict[str, str] = field(default_factory=dict[str, str])

    def team(self, user: str) -> str:
        return self.teams.get(user, "")

    def person(self, user: str) -> Person:
        return Person(user, self.names.get(user, user))

    def room(self, channel: str) -> str:
        return self.names.get(channel, "")

    def thread(self, message: str) -> str | None:
        return self.threads.get(message)

    def last_thread(self, channel: str, user: str) -> str | None:
        return self.threads.get(f"{channel} {user}")


KNOWN = Known()
SCENE = Scene("main", Me(ME, "B0BOT", "T1"), KNOWN)


@pytest.fixture
def world() -> World:
    return World(root="http://127.0.0.1:1")


def read(world: World, sort: Sort = "events_api", known: Known = KNOWN) -> list[Any]:
    scene = Scene("main", Me(ME, "B0BOT", "T1"), known)
    return [
        event
        for delivery in world.deliveries.all
        if delivery.sort == sort
        for event in events(Envelope(sort, delivery.payload, NOW), scene)
        if event.kind is not Kind.MEMBERSHIP
    ]


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("a &lt; b &amp;&amp; c &gt; d", "a < b && c > d"),
        ("&amp;lt; stays &lt;", "&lt; stays <"),
        ("<@U1> and <@U2>", "@Ann and @U2"),
        ("<@U1|annie>", "@annie"),
        ("in <#C1> or <#C2|random>", "in #general or #random"),
        ("<!here> <!channel> <!subteam^S1|@team>", "@here @channel @team"),
        ("<!date^139^{date}|yesterday>", "yesterday"),
        ("<https://a.example/b?c=d&amp;e>", "https://a.example/b?c=d&e"),
        ("<http://a.example|a.example>", "http://a.example"),
        ("<https://a.example/x|the plan>", "[the plan](https://a.example/x)"),
        ("<mailto:a@b.example|a@b.example>", "a@b.example"),
        (f"<@{ME}> hello", "hello"),
        (f"<@{ME}>, hello", "hello"),
        (f"<@{ME}|parley>: hello", "hello"),
        (f"hey <@{ME}> what is it?", "hey what is it?"),
        (f"what is it, <@{ME}>?", "what is it?"),
        (f"<@{ME}>", ""),
        ("<not a token", "<not a token"),
        ("", ""),
    ],
)
def test_text_reads_as_its_author_saw_it(raw: str, shown: str) -> None:
    names = {"U1": "Ann", "C1": "general"}
    assert readable(raw, ME, lambda id_: names.get(id_, id_)) == shown


def test_named_are_those_to_look_up() -> None:
    assert named("<@U1> in <#C1> and <#C2|known>, <!here>") == {"U1", "C1"}


def test_a_direct_message(world: World) -> None:
    said = world.say("ann", world.direct("ann"), "hello")
    [event] = read(world)
    assert (event.kind, event.text, event.addressed) == (Kind.MESSAGE, "hello", True)
    assert (event.address.direct, event.address.thread) == (True, None)
    assert (event.message_id, event.event_id) == (said.name, f"m{said.name}")
    assert event.sent_at.timestamp() == pytest.approx(float(said.ts))


def test_a_mention_is_one_event_that_comes_twice(world: World) -> None:
    room = world.room("ann")
    said = world.say("ann", room, f"<@{ME}> hello")
    first, second = read(world)
    assert first == second
    assert (first.text, first.addressed, first.address.thread) == ("hello", True, said.ts)


def test_other_talk_in_a_room_is_not_addressed(world: World) -> None:
    world.say("ann", world.room("ann"), "lunch?")
    [event] = read(world)
    assert (event.addressed, event.address.thread) == (False, None)


def test_a_thread_below_the_bot_is_addressed(world: World) -> None:
    room = world.room("ann")
    root = world.add(room, Version("news"), user=ME, is_bot=True)
    world.say("ann", room, "really?", thread=root.ts)
    [event] = read(world)
    assert (event.addressed, event.address.thread) == (True, root.ts)


def test_bots_and_strange_subtypes_are_ignored(world: World) -> None:
    room = world.room("ann")
    own = world.add(room, Version("mine"), user=ME, is_bot=True)
    world.echo(payloads.spoken(own))
    world.echo(payloads.changed(own, Version("before"), world.ts()))
    other = payloads.spoken(own) | {"user": "U9", "bot_id": "B9"}
    world.echo(other)
    plain = {key: value for key, value in other.items() if not key.startswith("bot")}
    world.echo(plain | {"subtype": "channel_join"})
    world.echo(plain | {"user": "USLACKBOT"})
    world.echo({"type": "team_rename"})
    assert read(world) == []


def test_an_edit(world: World) -> None:
    said = world.say("ann", world.direct("ann"), "teh sky")
    world.edit("ann", said, "the sky")
    event = read(world)[-1]
    assert (event.kind, event.text, event.message_id) == (Kind.EDIT, "the sky", said.name)
    assert event.event_id != read(world)[0].event_id


def test_an_edit_that_takes_the_mention_away_stays_in_its_thread(world: World) -> None:
    said = world.say("ann", world.room("ann"), f"<@{ME}> teh sky")
    world.edit("ann", said, "the sky")
    event = read(world)[-1]
    assert (event.kind, event.addressed, event.address.thread) == (Kind.EDIT, True, said.ts)


def test_an_edit_that_leaves_nothing(world: World) -> None:
    said = world.say("ann", world.room("ann"), f"<@{ME}> hello")
    world.edit("ann", said, f"<@{ME}>")
    event = read(world)[-1]
    assert (event.kind, event.text) == (Kind.EDIT, "")


def test_an_unfurled_link_is_no_edit(world: World) -> None:
    said = world.say("ann", world.direct("ann"), "see <https://a.example>")
    world.unfurl(said)
    assert [event.kind for event in read(world)] == [Kind.MESSAGE]


@pytest.mark.parametrize("replies", [0, 1], ids=["gone", "tombstone"])
def test_a_deletion(world: World, replies: int) -> None:
    channel = world.direct("ann")
    said = world.say("ann", channel, "never mind")
    for _ in range(replies):
        world.say("ann", channel, "really", thread=said.ts)
    world.delete(said)
    event = read(world)[-1]
    assert (event.kind, event.message_id) == (Kind.DELETE, said.name)
    assert event.sender.id == said.user


def test_files(world: World) -> None:
    file = File("F1", "plan.txt", "text/plain", b"the roof leaks")
    world.say("ann", world.direct("ann"), "", file=file)
    [event] = read(world)
    [attached] = event.files
    assert (attached.name, attached.mime, attached.size_bytes) == ("plan.txt", "text/plain", 14)
    assert attached.id == world.files["F1"].url


@pytest.mark.parametrize(
    ("name", "text"),
    [("👍", "👍"), ("👎", "👎"), ("+1::skin-tone-3", "👍"), ("eyes", None)],
)
def test_a_reaction_to_an_answer(world: World, name: str, text: str | None) -> None:
    room = world.room("ann")
    answer = world.add(room, Version("an answer"), user=ME, is_bot=True)
    world.react("ann", answer, name)
    known = Known(threads={answer.name: "1.0"})
    found = read(world, known=known)
    assert [event.text for event in found] == ([] if text is None else [text])
    assert all(event.address.thread == "1.0" for event in found)
    assert all(event.message_id == answer.name for event in found)


def test_a_reaction_is_taken_back(world: World) -> None:
    answer = world.add(world.room("ann"), Version("an answer"), user=ME, is_bot=True)
    world.react("ann", answer, "👍")
    world.react("ann", answer, "")
    assert [event.text for event in read(world)] == ["👍", ""]


def test_a_reaction_to_somebody_else_is_ignored(world: World) -> None:
    room = world.room("ann", "bob")
    world.react("ann", world.say("bob", room, "hello"), "👍")
    assert [event.kind for event in read(world)] == [Kind.MESSAGE]


def test_memberships(world: World) -> None:
    room = world.room("ann")
    world.come("bob", room, joins=True)
    world.expel("ann", room)
    found = [
        event
        for delivery in world.deliveries.all
        for event in events(Envelope("events_api", delivery.payload, NOW), SCENE)
    ]
    ann, bob = world.person("ann").id, world.person("bob").id
    assert [(each.text, each.addressed, each.sender.id) for each in found] == [
        ("join", True, ann),
        ("join", False, bob),
        ("leave", True, ann),
    ]


def test_a_slash_command(world: World) -> None:
    room = world.room("ann")
    url = world.command("ann", room, "retry &lt;now&gt;")
    known = Known(threads={f"{room.id} {world.person('ann').id}": "1.0"})
    [event] = read(world, "slash_commands", known)
    assert (event.kind, event.text, event.room_name) == (Kind.COMMAND, "retry <now>", room.name)
    assert (event.address.whisper, event.address.hook) == (world.person("ann").id, url)
    assert event.address.thread == "1.0"


def test_a_slash_command_alone_asks_for_help(world: World) -> None:
    world.command("ann", world.direct("ann"), "")
    [event] = read(world, "slash_commands")
    assert (event.text, event.address.direct) == ("help", True)


@pytest.mark.parametrize(
    ("action", "kind", "text"),
    [
        ("stop", Kind.COMMAND, "stop"),
        ("retry", Kind.COMMAND, "retry"),
        ("good", Kind.REACTION, "👍"),
        ("bad", Kind.REACTION, "👎"),
    ],
)
def test_a_button(world: World, action: str, kind: Kind, text: str) -> None:
    room = world.room("ann")
    root = world.say("ann", room, "lunch?")
    label = {"type": "plain_text", "text": "x"}
    row = {
        "type": "actions",
        "elements": [{"type": "button", "action_id": action, "text": label}],
    }
    shown = Version("an answer", [row])
    answer = world.add(room, shown, user=ME, is_bot=True, thread=root.ts)
    world.press("ann", answer, action)
    [event] = read(world, "interactive")
    assert (event.kind, event.text, event.message_id) == (kind, text, answer.name)
    assert event.address.thread == root.ts
    assert not event.address.whisper


def test_somebody_opens_the_home_page(world: World) -> None:
    world.open_home("ann")
    world.open_home("ann", tab="messages")
    [event] = read(world)
    assert (event.kind, event.text) == (Kind.COMMAND, "home")
    assert event.address.room == f"home:{world.person('ann').id}"
    assert event.address.direct


NONSENSE: list[dict[str, Any]] = [
    {},
    {"event": None},
    {"event": {"type": "message"}},
    {"event": {"type": "message", "text": 7, "user": [], "channel": "C1", "files": "x"}},
    {"event": {"type": "message", "subtype": "message_changed", "channel": "C1"}},
    {"event": {"type": "message", "subtype": "message_deleted", "channel": "C1"}},
    {"event": {"type": "reaction_added", "item": 3, "item_user": ME}},
    {"event": {"type": "member_joined_channel"}},
    {"event": {"type": "app_home_opened", "tab": "home"}},
    {"type": "block_actions", "actions": [3, {}], "channel": {"id": "C1"}},
    {"type": "view_submission"},
    {"channel_id": "C1"},
]


@pytest.mark.parametrize("sort", ["events_api", "slash_commands", "interactive"])
@pytest.mark.parametrize("payload", NONSENSE)
def test_what_makes_no_sense_is_ignored(sort: Sort, payload: dict[str, Any]) -> None:
    assert events(Envelope(sort, payload, NOW), SCENE) == []


def test_people_of_other_workspaces_are_outside(world: World) -> None:
    room = world.room("ann")
    eve = world.share(room, "eve", "T2")
    outside = f"outside/T2/{eve.id}"
    said = world.say("eve", room, f"<@{ME}> hello")
    world.edit("eve", said, f"<@{ME}> hello!")
    world.say("ann", room, f"<@{ME}> mine")
    assert {event.sender.id for event in read(world)} == {outside, world.person("ann").id}
    own = world.add(room, Version("answer"), user=ME, is_bot=True)
    world.react("eve", own, "👍")
    [*_, unknown] = read(world)
    assert unknown.sender.id == f"outside/?/{eve.id}"
    [*_, known] = read(world, known=Known(teams={eve.id: "T2"}))
    assert known.sender.id == outside
