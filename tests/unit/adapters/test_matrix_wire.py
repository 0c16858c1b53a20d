"""Events in clear → what they say, without a server."""

from typing import Any

import pytest

from adapters.base import Kind, MessageEvent, Quote
from adapters.matrix import wire
from adapters.matrix.adapter import account_of
from adapters.matrix.room import Member, Room
from adapters.matrix.wire import Context
from adapters.matrix.words import Me, Words, read

BOT = "@parley:example.org"
ANN = "@ann:example.org"
ME = Me(BOT, ("Parley", "parley", "House Bot"))
PILL = f'<a href="https://matrix.to/#/{BOT}">Parley</a>'
PILL_ESCAPED = '<a href="https://matrix.to/#/%40parley%3Aexample.org">Parley</a>'
MENTIONED = {"m.mentions": {"user_ids": [BOT]}}


def room(*people: str) -> Room:
    members = {user: Member("join", user[1:].partition(":")[0].title()) for user in (BOT, *people)}
    return Room("!room:example.org", "Kitchen", members=members)


def context(*, direct: bool = False, **more: Any) -> Context:
    people = (ANN,) if direct else (ANN, "@bob:example.org")
    return Context("parley@example.org", ME, room(*people), **more)


def event(content: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "type": "m.room.message",
        "event_id": "$event",
        "sender": ANN,
        "origin_server_ts": 1_700_000_000_000,
        "content": content,
        **more,
    }


def said(content: dict[str, Any], *, direct: bool = False) -> MessageEvent:
    message = wire.message(event({"msgtype": "m.text", **content}), context(direct=direct))
    assert message
    return message


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"body": "lunch?"}, Words("lunch?")),
        ({"body": "Parley: lunch?"}, Words("lunch?", mentioned=True)),
        ({"body": "parley, lunch?"}, Words("lunch?", mentioned=True)),
        ({"body": "@parley lunch?"}, Words("lunch?", mentioned=True)),
        ({"body": "House Bot lunch?"}, Words("lunch?", mentioned=True)),
        ({"body": f"{BOT}: lunch?"}, Words("lunch?", mentioned=True)),
        ({"body": "Parley"}, Words("", mentioned=True)),
        ({"body": "Parleying is fun"}, Words("Parleying is fun")),
        ({"body": "parley's lunch"}, Words("parley's lunch")),
        ({"body": "what does parley eat"}, Words("what does parley eat")),
        (
            {"body": "what does Parley eat", "formatted_body": f"what does {PILL} eat"},
            Words("what does Parley eat", mentioned=True),
        ),
        (
            {"body": "you, Parley", "formatted_body": f"you, {PILL_ESCAPED}"},
            Words("you, Parley", mentioned=True),
        ),
        ({"body": "why, @parley ?", **MENTIONED}, Words("why, ?", mentioned=True)),
        ({"body": f"why {BOT} not", **MENTIONED}, Words("why not", mentioned=True)),
        ({"body": "yes", "m.mentions": {"user_ids": [ANN]}}, Words("yes")),
        ({"body": "!parley help", **MENTIONED}, Words("help", mentioned=True, is_command=True)),
        ({"body": "!PARLEY new  now"}, Words("new  now", mentioned=True, is_command=True)),
        ({"body": "!parley"}, Words("help", mentioned=True, is_command=True)),
        ({"body": "Parley: !parley stop"}, Words("stop", mentioned=True, is_command=True)),
        ({"body": "!parleys help"}, Words("!parleys help")),
        ({"body": "!stop"}, Words("!stop")),
        ({"body": 7}, Words("")),
        ({}, Words("")),
    ],
)
def test_words_in_a_room(content: dict[str, Any], words: Words) -> None:
    assert read(content, ME, direct=False, is_reply=False) == words


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("!stop", Words("stop", mentioned=True, is_command=True)),
        ("!export all", Words("export all", mentioned=True, is_command=True)),
        ("!!! wow", Words("!!! wow")),
        ("!important: read", Words("!important: read")),
    ],
)
def test_words_in_a_direct_chat(body: str, words: Words) -> None:
    assert read({"body": body}, ME, direct=True, is_reply=False) == words


def test_a_reply_is_read_without_what_it_repeats() -> None:
    body = "> <@ann:example.org> one\n> two\n\nthree\n> four"
    assert read({"body": body}, ME, direct=False, is_reply=True).text == "three\n> four"
    assert read({"body": body}, ME, direct=False, is_reply=False).text == body


def test_message() -> None:
    message = said({"body": "hello"})
    assert message.kind is Kind.MESSAGE
    assert (message.event_id, message.message_id, message.text) == ("$event", "$event", "hello")
    assert (message.sender.id, message.sender.name, message.room_name) == (ANN, "Ann", "Kitchen")
    assert (message.address.room, message.address.thread) == ("!room:example.org", None)
    assert not message.address.direct
    assert not message.addressed
    assert message.sent_at.timestamp() == 1_700_000_000


def test_two_people_are_a_direct_chat() -> None:
    assert said({"body": "hello"}, direct=True).address.direct


def test_invited_people_count() -> None:
    crowd = room(ANN)
    crowd.apply(
        {"type": "m.room.member", "state_key": "@bob:x", "content": {"membership": "invite"}}
    )
    assert not crowd.is_direct


def test_thread_and_its_fallback() -> None:
    relates = {
        "rel_type": "m.thread",
        "event_id": "$root",
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": "$last"},
    }
    content = {"body": "in it", "m.relates_to": relates}
    assert said(content).address.thread == "$root"
    assert wire.relation(event(content)).reply_to == ""
    relates["is_falling_back"] = False
    assert wire.relation(event(content)).reply_to == "$last"


def test_a_reply_to_the_bot_is_for_it() -> None:
    quote = Quote("$answer", "Parley", "soup", from_bot=True)
    content = {"msgtype": "m.text", "body": "why?"}
    message = wire.message(event(content), context(quote=quote))
    assert message
    assert message.addressed
    assert message.quote == quote


@pytest.mark.parametrize("msgtype", ["m.notice", "m.location", "m.key.verification.request", None])
def test_what_is_no_text_is_not_read(msgtype: str | None) -> None:
    assert wire.message(event({"msgtype": msgtype, "body": "x"}), context()) is None


def test_file() -> None:
    content = {
        "msgtype": "m.file",
        "body": "sum it up",
        "filename": "plan.txt",
        "url": "mxc://example.org/abc",
        "info": {"mimetype": "text/plain", "size": 14},
    }
    message = wire.message(event(content), context())
    assert message
    [file] = message.files
    assert (file.name, file.mime, file.size_bytes) == ("plan.txt", "text/plain", 14)
    assert message.text == "sum it up"


@pytest.mark.parametrize("extra", [{}, {"filename": "plan.txt"}])
def test_a_file_without_a_caption_has_no_text(extra: dict[str, Any]) -> None:
    content = {"msgtype": "m.image", "body": "plan.txt", "url": "mxc://a/b", **extra}
    message = wire.message(event(content), context())
    assert message
    assert message.text == ""
    assert message.files[0].name == "plan.txt"


def test_edit() -> None:
    content = {
        "body": "* the sky",
        "m.new_content": {"msgtype": "m.text", "body": "Parley: the sky"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": "$first"},
    }
    edited = wire.edit(event(content), context(thread="$root"))
    assert edited
    assert (edited.kind, edited.event_id, edited.message_id) == (Kind.EDIT, "$event", "$first")
    assert (edited.text, edited.address.thread, edited.addressed) == ("the sky", "$root", True)


@pytest.mark.parametrize(
    ("key", "text"), [("👍", "👍"), ("👍️", "👍"), ("👎🏽", "👎"), ("🎉", "🎉")]
)
def test_reaction(key: str, text: str) -> None:
    relates = {"rel_type": "m.annotation", "event_id": "$answer", "key": key}
    reacted = wire.reaction(event({"m.relates_to": relates}), context())
    assert reacted
    assert (reacted.kind, reacted.message_id, reacted.text) == (Kind.REACTION, "$answer", text)


@pytest.mark.parametrize("where", ["event", "content"])
def test_redaction(where: str) -> None:
    redaction = event({"redacts": "$x"}) if where == "content" else event({}, redacts="$x")
    deleted = wire.deletion(redaction, context())
    assert (deleted.kind, deleted.message_id) == (Kind.DELETE, "$x")


@pytest.mark.parametrize(
    ("before", "now", "text"),
    [
        ("invite", "join", "join"),
        (None, "join", "join"),
        ("join", "leave", "leave"),
        ("join", "ban", "leave"),
        ("join", "join", None),
        (None, "invite", None),
    ],
)
def test_membership(before: str | None, now: str, text: str | None) -> None:
    unsigned = {"prev_content": {"membership": before}} if before else {}
    own = event(
        {"membership": now}, type="m.room.member", state_key=BOT, sender=ANN, unsigned=unsigned
    )
    read = wire.membership(own, context())
    assert (read.text if read else None) == text
    if read:
        assert read.addressed
        assert read.sender.id == ANN


def test_an_invitation_names_who_invites() -> None:
    content = {"membership": "invite", "is_direct": True}
    own = event(content, type="m.room.member", state_key=BOT)
    invited = wire.invite("!new:example.org", [own], context())
    assert invited
    assert (invited.kind, invited.sender.id) == (Kind.INVITE, ANN)
    assert (invited.address.room, invited.address.direct) == ("!new:example.org", True)


def test_a_moved_room_is_the_new_one() -> None:
    tombstone = event({"replacement_room": "!new:example.org"}, type="m.room.tombstone")
    old = context()
    old.room.apply(tombstone)
    moved = wire.moved(old)
    assert (moved.kind, moved.text) == (Kind.MOVED, "!room:example.org")
    assert moved.address.room == "!new:example.org"


def test_one_notice_for_each_key() -> None:
    sealed = {"session_id": "s1", "algorithm": "m.megolm.v1.aes-sha2"}
    notices = {
        wire.unreadable(event(sealed, event_id=each), context()).event_id for each in ("$a", "$b")
    }
    assert notices == {"unreadable:s1"}


def test_an_edited_message_is_quoted_as_it_is_now() -> None:
    newest = {"content": {"m.new_content": {"msgtype": "m.text", "body": "soup, warm"}}}
    quoted = event(
        {"msgtype": "m.text", "body": "soup"}, unsigned={"m.relations": {"m.replace": newest}}
    )
    assert wire.quote_of(quoted, ME, room(ANN)) == Quote("$event", "Ann", "soup, warm")


def test_an_account_has_no_colon() -> None:
    assert account_of("@parley:example.org") == "parley@example.org"
    assert account_of("@parley:example.org:8448") == "parley@example.org_8448"
