"""The homeserver's refusals and the HTTP client's exceptions → the error tree of `adapters.base`.

Codes are those of the client-server API, "Standard error response".
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import aiohttp

from adapters.base import AdapterError, Ambiguous, AuthFailed, RateLimited, Rejected, Transient

UNSPECIFIED_WAIT_S = 5.0
"""How long to wait after a 429 that does not say."""
SHOWN_CHARS = 200
SESSION_ENDED = (
    "The homeserver ended the bot's session; it signs in anew with matrix.password at its "
    "next attempt."
)
DEACTIVATED = (
    "The bot's Matrix account is deactivated: have the homeserver's administrator activate it, or "
    "make another one and set matrix.user and matrix.password."
)

_REASONS = {
    "M_FORBIDDEN": "The bot may not do this in the room, or is not in it.",
    "M_TOO_LARGE": "The message or file is larger than the homeserver takes.",
    "M_GUEST_ACCESS_FORBIDDEN": "The room takes no guests.",
    "M_UNSUPPORTED_ROOM_VERSION": "The homeserver does not know the room's version.",
    "M_USER_LOCKED": "The bot's account is locked by the homeserver's administrator.",
    "M_USER_SUSPENDED": "The bot's account is suspended by the homeserver's administrator.",
}
_BEFORE_SENDING = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
"""Faults of a request of which not one byte went out."""


class Refused(Rejected):
    """The homeserver understood the call and refuses it. `code` is its `errcode`."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


class NotFound(Refused):
    """What the call is about does not exist, or the bot may not see it."""


class SessionEnded(AuthFailed):
    """The access token is not valid any more. `soft`: the device and its keys are still good."""

    def __init__(self, *, soft: bool) -> None:
        super().__init__(SESSION_ENDED)
        self.soft = soft


class NeedsAuthentication(Refused):
    """User-interactive authentication is asked for. `flows` are the stages of each way."""

    def __init__(self, session: str, flows: Sequence[Sequence[str]]) -> None:
        ways = " or ".join("+".join(flow) for flow in flows) or "none"
        super().__init__(f"The homeserver asks for authentication: {ways}.", "M_UNAUTHORIZED")
        self.session = session
        self.flows = flows


def of_answer(status: int, body: Mapping[str, Any], headers: Mapping[str, str]) -> AdapterError:
    """The error that an answer with a status of 400 or more stands for."""
    code = str(body.get("errcode", ""))
    if status == 429 or code == "M_LIMIT_EXCEEDED":
        return RateLimited("The homeserver asks for patience.", _wait_s(body, headers))
    if status == 401 and "flows" in body:
        return _of_flows(body)
    if code in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
        return SessionEnded(soft=body.get("soft_logout") is True)
    if code == "M_USER_DEACTIVATED":
        return AuthFailed(DEACTIVATED)
    if status >= 500 or not code:
        return Ambiguous(f"The homeserver gave no usable answer (status {status}).")
    if code == "M_RESOURCE_LIMIT_EXCEEDED":
        return Transient("The homeserver is over its limits.")
    kind = NotFound if status == 404 else Refused
    return kind(_sentence(code, str(body.get("error", ""))), code)


def of_connection(error: BaseException, *, reads: bool) -> AdapterError:
    """The error that a failed connection stands for; `reads`: the call changes nothing."""
    if reads or isinstance(error, _BEFORE_SENDING):
        return Transient(f"The homeserver can't be reached ({type(error).__name__}).")
    return Ambiguous(f"The homeserver gave no usable answer ({type(error).__name__}).")


def _sentence(code: str, error: str) -> str:
    return _REASONS.get(code) or f"The homeserver refuses: {code} {error}"[:SHOWN_CHARS]


def _wait_s(body: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """`retry_after_ms` is finer than the header's whole seconds."""
    wait_ms = body.get("retry_after_ms")
    if isinstance(wait_ms, int | float):
        return wait_ms / 1000
    header = headers.get("Retry-After", "")
    return float(header) if header.isdigit() else UNSPECIFIED_WAIT_S


def _of_flows(body: Mapping[str, Any]) -> NeedsAuthentication:
    flows: list[list[str]] = []
    listed = body.get("flows")
    for flow in cast("list[Any]", listed) if isinstance(listed, list) else []:
        stages = cast("dict[str, Any]", flow).get("stages") if isinstance(flow, dict) else None
        if isinstance(stages, list):
            flows.append([str(stage) for stage in cast("list[Any]", stages)])
    return NeedsAuthentication(str(body.get("session", "")), flows)
