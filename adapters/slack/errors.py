"""What goes wrong between Slack and us → the error tree of `adapters.base`; decided here alone.

Slack says most of it in a 200 with `ok: false` and a code; the codes are those of its method
reference. A 429 carries `Retry-After` in seconds.
"""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from adapters.base import (
    AdapterError,
    Ambiguous,
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    Transient,
)

DEFAULT_WAIT_S = 30.0
"""Where Slack asks for patience and does not say how much."""
LONGEST_WAIT_S = 3600.0
SETTLES_S = 1.0
"""A call whose connection broke is carried out within this time, if at all."""
SETTLES_AFTER_TIMEOUT_S = 5.0
"""One that was given up may still run at Slack's."""

_GONE = {"message_not_found", "thread_not_found"}
_REFUSED = {
    "invalid_auth": "Slack does not know the token. Copy it again from the app's OAuth page.",
    "not_authed": "No token was given. Set slack.bot_token.",
    "account_inactive": "The app was removed from the workspace. Install it there again.",
    "token_revoked": "The token was revoked. Install the app again and copy the new token.",
    "token_expired": "The token expired. Switch token rotation off, or copy a new token.",
    "org_login_required": "The workspace is moving to an organisation. Wait until it has.",
    "team_access_not_granted": "The app may not be used in this workspace. Ask its administrators.",
    "not_allowed_token_type": "This is another kind of token: the bot's begins with xoxb-, "
    "the app's with xapp-.",
    "app_uninstalled": "The app was removed from the workspace. Install it there again.",
}
_REASONS = {
    "channel_not_found": "Slack knows no such channel, or the bot is not in it.",
    "not_in_channel": "The bot is not in the channel. Invite it with /invite.",
    "is_archived": "The channel is archived.",
    "msg_too_long": "The message is longer than Slack takes.",
    "msg_blocks_too_long": "The message is longer than Slack takes.",
    "no_text": "The message is empty.",
    "restricted_action": "The workspace's settings forbid the bot to write there.",
    "restricted_action_read_only_channel": "Nobody but its owners may write in the channel.",
    "restricted_action_thread_only_channel": "Only answers in threads are allowed in the channel.",
    "restricted_action_thread_locked": "The thread is locked.",
    "cant_update_message": "The message is not the bot's to change.",
    "cant_delete_message": "The message is not the bot's to delete.",
    "edit_window_closed": "The workspace's settings forbid to change a message so late.",
    "user_not_in_channel": "The person is not in the channel.",
    "user_not_found": "Slack knows no such person.",
    "file_not_found": "The file is gone.",
    "file_deleted": "The file is gone.",
}
_PASSING = {"internal_error", "fatal_error", "service_unavailable", "request_timeout"}
_PATIENCE = {"ratelimited", "rate_limited", "message_limit_exceeded"}


class Refusal(Rejected):
    """Slack says no, by a `code` that callers may know what to do about."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class MissingScope(AuthFailed):
    """The app was installed without a scope that the call needs."""


@contextmanager
def mapped(*, writes: bool) -> Generator[None]:
    """Raise the SDK's and the HTTP client's exceptions as the tree of `adapters.base`.

    A call that writes nothing may be repeated whatever became of it.
    """
    try:
        yield
    except (SlackApiError, aiohttp.ClientError, TimeoutError, ValueError) as error:
        found = adapter_error(error)
        if isinstance(found, Ambiguous) and not writes:
            found = Transient(str(found))
        raise found from error


def adapter_error(error: Exception) -> AdapterError:
    """The error of `adapters.base` that an exception of the client stands for."""
    match error:
        case SlackApiError():
            return _of_answer(cast("Any", error).response)
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return Transient("Slack can't be reached.")
        case aiohttp.InvalidURL():
            return Rejected("slack.base_url is no address.")
        case TimeoutError():  # aiohttp's own timeouts are such, too
            return Ambiguous("Slack did not answer in time.", SETTLES_AFTER_TIMEOUT_S)
        case _:
            return Ambiguous(f"Slack gave no usable answer ({type(error).__name__}).", SETTLES_S)


def of_status(status: int, headers: Mapping[str, str], code: str = "") -> AdapterError:
    """The error of an answer: of its HTTP status, then of its `error`."""
    if status == 429 or code in _PATIENCE:
        return RateLimited("Slack asks for patience.", wait_s(headers.get("Retry-After", "")))
    if status >= 500 or code in _PASSING:
        return Ambiguous(f"Slack has a fault of its own ({code or status}).", SETTLES_S)
    return of_code(code, status)


def of_code(code: str, status: int = 200) -> AdapterError:
    """The error that a code stands for."""
    if code in _GONE:
        return Gone("The message is gone.")
    if code in _REFUSED:
        return AuthFailed(_REFUSED[code])
    if not code:
        return Ambiguous(f"Slack's answer can't be read (HTTP {status}).", SETTLES_S)
    return Refusal(_REASONS.get(code, f"Slack refuses: {code[:100]}"), code)


def wait_s(header: str) -> float:
    """The seconds that `Retry-After` asks for; a sensible pause when that can't be read."""
    try:
        seconds = float(header)
    except ValueError:
        return DEFAULT_WAIT_S
    return min(seconds, LONGEST_WAIT_S) if seconds >= 0 else DEFAULT_WAIT_S


def _of_answer(response: Any) -> AdapterError:
    if not isinstance(response, AsyncSlackResponse):  # a body that is no JSON
        return Ambiguous("Slack's answer can't be read.", SETTLES_S)
    found = cast("Any", response)
    data: Any = found.data
    answer = cast("dict[str, Any]", data) if isinstance(data, dict) else {}
    code = answer.get("error")
    code = code if isinstance(code, str) else ""
    if code == "missing_scope":
        return missing_scopes([str(answer.get("needed") or "unknown")])
    return of_status(int(found.status_code), cast("Mapping[str, str]", found.headers), code)


def missing_scopes(scopes: Sequence[str]) -> MissingScope:
    """The error of an app that was installed with too few scopes."""
    return MissingScope(
        f"The app lacks {', '.join(scopes)}. Add it under OAuth & Permissions, "
        "then install the app again (deploy/slack-manifest.yaml has all that is needed)."
    )
