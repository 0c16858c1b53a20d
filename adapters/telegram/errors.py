"""The SDK's exceptions → the error tree of `adapters.base`: the one place where that is decided.

Descriptions are those of the Bot API server (tdlib/telegram-bot-api, `Client.cpp`); they carry no
version, so they are looked for in lower case and by their stable words.
"""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta

import httpx
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)

from adapters.base import (
    AdapterError,
    Ambiguous,
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    Transient,
)

REFUSED = (
    "Telegram refuses the bot's token. Copy it again from @BotFather (/mybots, API Token) "
    "into telegram.token."
)
CANT_PARSE = "can't parse entities"
NOT_MODIFIED = "message is not modified"
SHOWN_CHARS = 200
"""What a person reads of a description that has no sentence of its own."""

_GONE = (
    "message to edit not found",
    "message to delete not found",
    "message_id_invalid",
    "message can't be edited",
    "message can't be deleted",
)
_REASONS = {
    "bot was blocked": "The person blocked the bot.",
    "user is deactivated": "The person's account is deleted.",
    "bot was kicked": "The bot was removed from the room.",
    "bot is not a member": "The bot is not in the room.",
    "can't initiate conversation": "The person never wrote to the bot.",
    "chat not found": "Telegram knows no such chat, or the bot is not in it.",
    "not enough rights": "The bot may not write in the room.",
    "have no rights": "The bot may not write in the room.",
    "chat_write_forbidden": "The bot may not write in the room.",
    "topic_closed": "The topic is closed.",
    "message thread not found": "The topic is deleted.",
    "message is too long": "The message is longer than Telegram takes.",
    "file is too big": "The file is larger than a bot may download (20 MB).",
    "wrong file_id": "The file is gone.",
}
_BEFORE_SENDING = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
)
"""Faults of a request of which not one byte went out."""


class Contested(Transient):
    """Somebody else receives the bot's updates: another program, or a webhook."""


class NoSuchMethod(Rejected):
    """The Bot API server is older than the method."""


@contextmanager
def mapped() -> Generator[None]:
    """Raise the SDK's and the HTTP client's exceptions as the tree of `adapters.base`."""
    try:
        yield
    except TelegramError as error:
        raise adapter_error(error) from error
    except httpx.HTTPError as error:
        raise _of_connection(error) from error


def adapter_error(error: TelegramError) -> AdapterError:
    """The error of `adapters.base` that an error of the SDK stands for."""
    match error:
        case RetryAfter():
            return RateLimited("Telegram asks for patience.", _seconds(error.retry_after))
        case InvalidToken():
            return _of_token(error)
        case EndPointNotFound():
            return _no_such_method()
        case ChatMigrated():
            return Rejected("The room goes on under another id.")
        case Forbidden() | BadRequest():
            return _of_refusal(str(error))
        case Conflict():
            return Contested(str(error)[:SHOWN_CHARS])
        case NetworkError() if "too large" in str(error).lower():
            return Rejected("Telegram takes no file so large (50 MB).")
        case NetworkError():
            return _of_connection(error.__cause__)
        case _:  # an answer that is no JSON
            return Ambiguous("Telegram's answer can't be read.")


def _seconds(wait: int | timedelta) -> float:
    return wait.total_seconds() if isinstance(wait, timedelta) else float(wait)


def _of_token(error: InvalidToken) -> AdapterError:
    """A wrong token gives 401. So does a malformed one 404, but then no call ever succeeds.

    Other 404s are of methods that the server does not have.
    """
    if "unauthorized" in str(error).lower():
        return AuthFailed(REFUSED)
    return _no_such_method()


def _no_such_method() -> NoSuchMethod:
    return NoSuchMethod("The Bot API server does not have this method.")


def _of_refusal(description: str) -> AdapterError:
    words = description.lower()
    if any(sign in words for sign in _GONE):
        return Gone("The message is gone.")
    for sign, sentence in _REASONS.items():
        if sign in words:
            return Rejected(sentence)
    return Rejected(f"Telegram refuses: {description[:SHOWN_CHARS]}")


def _of_connection(cause: BaseException | None) -> AdapterError:
    """A request that never went out may be repeated; of another one nobody knows."""
    if isinstance(cause, _BEFORE_SENDING):
        return Transient("Telegram can't be reached.")
    name = type(cause).__name__ if cause else "a server error"
    return Ambiguous(f"Telegram gave no usable answer ({name}).")
