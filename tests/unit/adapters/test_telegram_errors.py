"""The SDK's exceptions, each in its place in our tree."""

from datetime import timedelta

import httpx
import pytest
from telegram import error

from adapters.base import (
    AdapterError,
    Ambiguous,
    AuthFailed,
    Gone,
    RateLimited,
    Rejected,
    Transient,
)
from adapters.telegram.errors import Contested, NoSuchMethod, adapter_error, mapped

TABLE: list[tuple[error.TelegramError, type[AdapterError]]] = [
    (error.RetryAfter(timedelta(seconds=7)), RateLimited),
    (error.InvalidToken("Unauthorized"), AuthFailed),
    (error.InvalidToken("Not Found: method not found"), NoSuchMethod),
    (error.EndPointNotFound("no such method"), NoSuchMethod),
    (error.ChatMigrated(-5), Rejected),
    (error.Conflict("terminated by other getUpdates request"), Contested),
    (error.Forbidden("Forbidden: bot was blocked by the user"), Rejected),
    (error.Forbidden("Forbidden: bot was kicked from the supergroup chat"), Rejected),
    (error.BadRequest("Bad Request: chat not found"), Rejected),
    (error.BadRequest("Bad Request: message to edit not found"), Gone),
    (error.BadRequest("Bad Request: message to delete not found"), Gone),
    (error.BadRequest("Bad Request: MESSAGE_ID_INVALID"), Gone),
    (error.BadRequest("Bad Request: something new"), Rejected),
    (error.NetworkError("Request Entity Too Large (413)"), Rejected),
    (error.NetworkError("Internal Server Error"), Ambiguous),
    (error.TimedOut(), Ambiguous),
    (error.TelegramError("an answer that is no JSON"), Ambiguous),
    (error.PassportDecryptionError("never asked for"), Ambiguous),
]


def named(row: object) -> str:
    return getattr(row, "__name__", "") or str(row)


@pytest.mark.parametrize(("given", "kind"), TABLE, ids=named)
def test_table(given: error.TelegramError, kind: type[AdapterError]) -> None:
    assert type(adapter_error(given)) is kind


def test_the_table_is_complete() -> None:
    def family(kind: type[error.TelegramError]) -> set[type[error.TelegramError]]:
        below = [family(each) for each in kind.__subclasses__()]
        return {kind}.union(*below)

    theirs = {kind for kind in family(error.TelegramError) if kind.__module__ == error.__name__}
    assert theirs == {type(given) for given, _ in TABLE}


def test_the_wait_is_in_seconds() -> None:
    limited = adapter_error(error.RetryAfter(timedelta(seconds=7)))
    assert isinstance(limited, RateLimited)
    assert limited.retry_after_s == 7


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (httpx.ConnectError("refused"), Transient),
        (httpx.ConnectTimeout("slow"), Transient),
        (httpx.PoolTimeout("full"), Transient),
        (httpx.ReadTimeout("slow"), Ambiguous),
        (httpx.WriteTimeout("slow"), Ambiguous),
        (httpx.ReadError("reset"), Ambiguous),
        (httpx.RemoteProtocolError("closed"), Ambiguous),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_went_out_is_not_known(cause: httpx.HTTPError, kind: type[AdapterError]) -> None:
    with pytest.raises(kind) as through_sdk, mapped():
        raise error.NetworkError("by the SDK") from cause
    with pytest.raises(kind) as directly, mapped():
        raise cause
    assert type(through_sdk.value) is type(directly.value) is kind


def test_a_person_reads_a_sentence() -> None:
    blocked = adapter_error(error.Forbidden("Forbidden: bot was blocked by the user"))
    assert str(blocked) == "The person blocked the bot."
    assert "@BotFather" in str(adapter_error(error.InvalidToken("Unauthorized")))


def test_a_long_description_is_cut() -> None:
    assert len(str(adapter_error(error.BadRequest("x" * 5000)))) < 300
