"""What somebody types is understood, or told what is wrong with it."""

from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.query import MAX_TERMS, Query, QueryError, parse


def _day(month: int, day: int) -> datetime:
    return datetime(2026, month, day, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("budget", Query((("budget",),))),
        ("Big  BUDGET", Query((("big",), ("budget",)))),
        ('"quarterly report"', Query((("quarterly", "report"),))),
        ("“quarterly report”", Query((("quarterly", "report"),))),
        ("「会议 记录」", Query((("会", "议", "记", "录"),))),
        ("会议", Query((("会", "议"),))),
        ("e-mail", Query((("e", "mail"),))),
        ("budget -draft", Query((("budget",),), (("draft",),))),
        ('budget -"first draft"', Query((("budget",),), (("first", "draft"),))),
        ("budget - draft", Query((("budget",), ("draft",)))),
        ("from:ann budget", Query((("budget",),), people=("ann",))),
        ('From:"Ann Lee" from:bob x', Query((("x",),), people=("Ann Lee", "bob"))),
        ('in:"sales team" x', Query((("x",),), rooms=("sales team",))),
        ("in:slack:main:C1 x", Query((("x",),), rooms=("slack:main:C1",))),
        (
            "after:2026-01-02 before:2026-02-01",
            Query(after=_day(1, 2), before=_day(2, 1)),
        ),
        ("from:ann", Query(people=("ann",))),
        ("https://example.org", Query((("https", "example", "org"),))),
        ("12:30 AND", Query((("12", "30"), ("and",)))),
        ("budget !!!", Query((("budget",),))),
    ],
)
def test_understood(text: str, expected: Query) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "fault", "part"),
    [
        ("", "nothing", ""),
        ("  !!! ", "nothing", "!!!"),
        ("-draft", "nothing", "-draft"),
        ("-draft from:ann", "nothing", "-draft from:ann"),
        ('"open', "open_quote", '"open'),
        ("“open", "open_quote", "“open"),
        ("from: budget", "names_nothing", "from:"),
        ('in:"" x', "names_nothing", 'in:""'),
        ("-from:ann x", "minus", "-from:ann"),
        ("before:yesterday x", "no_day", "before:yesterday"),
        ("after:2026-02-30 x", "no_day", "after:2026-02-30"),
        ("after:2026-2-3 x", "no_day", "after:2026-2-3"),
        (
            "after:2026-02-01 before:2026-02-01 x",
            "no_days",
            "after:2026-02-01 before:2026-02-01",
        ),
        ("x " * (MAX_TERMS + 1), "too_many", str(MAX_TERMS)),
    ],
)
def test_not_understood(text: str, fault: str, part: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    assert (caught.value.fault, caught.value.part) == (fault, part)


@given(st.text())
def test_any_text_is_understood_or_explained(text: str) -> None:
    with suppress(QueryError):
        query = parse(text)
        assert query.terms or query.people or query.rooms or query.after or query.before
