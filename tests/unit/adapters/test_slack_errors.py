"""Slack's refusals in the tree of errors, its addresses, and what messages are made of."""

import pytest

from adapters.base import (
    AdapterError,
    Ambiguous,
    AuthFailed,
    Button,
    Gone,
    RateLimited,
    Rejected,
    Rendered,
)
from adapters.slack import blocks
from adapters.slack.errors import DEFAULT_WAIT_S, LONGEST_WAIT_S, of_code, of_status, wait_s
from adapters.slack.hosts import is_allowed
from tests.fakes.slack import blocks as reading


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("channel_not_found", Rejected),
        ("not_in_channel", Rejected),
        ("is_archived", Rejected),
        ("msg_too_long", Rejected),
        ("cant_update_message", Rejected),
        ("something_new", Rejected),
        ("message_not_found", Gone),
        ("thread_not_found", Gone),
        ("invalid_auth", AuthFailed),
        ("account_inactive", AuthFailed),
        ("token_revoked", AuthFailed),
        ("", Ambiguous),
    ],
)
def test_codes(code: str, kind: type[AdapterError]) -> None:
    error = of_code(code)
    assert type(error) is kind or (kind is Rejected and isinstance(error, Rejected))
    assert str(error).endswith((".", ")", code))


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (429, "ratelimited", RateLimited),
        (200, "ratelimited", RateLimited),
        (503, "", Ambiguous),
        (200, "internal_error", Ambiguous),
        (200, "fatal_error", Ambiguous),
        (200, "no_text", Rejected),
    ],
)
def test_statuses(status: int, code: str, kind: type[AdapterError]) -> None:
    assert isinstance(of_status(status, {"Retry-After": "3"}, code), kind)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 0),
        ("soon", DEFAULT_WAIT_S),
        ("", DEFAULT_WAIT_S),
        ("-5", DEFAULT_WAIT_S),
        ("nan", DEFAULT_WAIT_S),
        ("1e9", LONGEST_WAIT_S),
    ],
)
def test_patience(header: str, seconds: float) -> None:
    assert wait_s(header) == seconds


@pytest.mark.parametrize(
    ("url", "base", "allowed"),
    [
        ("https://files.slack.com/x", "https://slack.com/api/", True),
        ("wss://wss-primary.slack.com/link", "https://slack.com/api/", True),
        ("https://hooks.slack.com/commands/1", "https://slack.com/api/", True),
        ("https://slack.com/x", "https://slack.com/api/", True),
        ("http://files.slack.com/x", "https://slack.com/api/", False),
        ("https://slack.com.evil.example/x", "https://slack.com/api/", False),
        ("https://evilslack.com/x", "https://slack.com/api/", False),
        ("https://me@files.slack.com/x", "https://slack.com/api/", False),
        ("https://slack.com:8443/x", "https://slack.com/api/", False),
        ("file:///etc/passwd", "https://slack.com/api/", False),
        ("http://127.0.0.1:80/x", "http://127.0.0.1:80/api/", True),
        ("ws://127.0.0.1:80/link", "http://127.0.0.1:80/api/", True),
        ("http://127.0.0.1:81/x", "http://127.0.0.1:80/api/", False),
        ("https://files.slack.com/x", "http://127.0.0.1:80/api/", False),
        ("http://127.0.0.1:eighty/x", "http://127.0.0.1:80/api/", False),
        ("", "https://slack.com/api/", False),
    ],
)
def test_addresses(url: str, base: str, allowed: bool) -> None:
    assert is_allowed(url, base) == allowed


@pytest.mark.parametrize(
    "markdown",
    ["# Title\n\nSome **bold** text.", "", "\n\n", "<!channel> & <@U1>", "x" * 11_000],
)
def test_messages_are_what_slack_takes(markdown: str) -> None:
    rendered = Rendered(markdown, markdown, buttons=(Button("stop", "⏹"), Button("good", "👍")))
    message = blocks.message(rendered)
    reading.check(message["blocks"])
    assert message["text"]
    assert reading.calls(message["text"]) == []
    assert reading.buttons(message["blocks"]) == ["stop", "good"]


@pytest.mark.parametrize(
    "markdown", ["# Privacy\nWe keep it.\n\n- one\n- two", "", "# " + "h" * 400, "word " * 4_000]
)
def test_home_pages_are_what_slack_takes(markdown: str) -> None:
    page = blocks.home(markdown)
    reading.check(page["blocks"], in_view=True)
    assert page["type"] == "home"


def test_keys_are_read_back() -> None:
    assert blocks.key_of(blocks.metadata("k1")) == "k1"
    assert blocks.key_of({"event_type": "another", "event_payload": {"key": "k1"}}) == ""
    assert blocks.key_of(None) == ""
