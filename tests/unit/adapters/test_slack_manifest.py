"""The app that the manifest makes is the one that the adapter needs."""

import re
from pathlib import Path

from adapters.slack.adapter import SCOPES
from adapters.slack.webhook import COMMANDS, EVENTS, INTERACTIONS
from adapters.slack.wire import EVENTS as READ

MANIFEST = (Path(__file__).parents[3] / "deploy" / "slack-manifest.yaml").read_text("utf-8")


def listed(key: str) -> list[str]:
    """The items of the list under a key."""
    match = re.search(rf"^( *){key}:\n((?:\1  - .*\n)+)", MANIFEST, re.MULTILINE)
    assert match, f"there is no {key}"
    return re.findall(r"- (\S+)", match[2])


def test_it_asks_for_the_scopes_that_doctor_looks_for() -> None:
    assert listed("bot") == list(SCOPES)


def test_it_subscribes_to_what_the_adapter_reads() -> None:
    events = {event.partition(".")[0] for event in listed("bot_events")}
    assert events == {*READ, "assistant_thread_started"}
    assert [event for event in listed("bot_events") if event.startswith("message.")] == [
        "message.channels",
        "message.groups",
        "message.im",
        "message.mpim",
    ]


def test_it_names_the_doors() -> None:
    for path in (EVENTS, COMMANDS, INTERACTIONS):
        assert f"url: https://parley.example.org{path}\n" in MANIFEST
