"""PURE. What somebody types into a search, as terms, people, rooms and days.

    budget "quarterly report" -draft from:ann in:"sales team" after:2026-01-01 before:2026-02-01

Words and phrases must all occur, those with a minus may not. `from:` and `in:` may come more than
once and mean any of them. Days are UTC; `after:` includes its day, `before:` does not.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

from storage.words import words

MAX_TERMS = 32
_TOKEN = re.compile(
    r"""(?P<minus>-)?(?:(?P<field>from|in|before|after):)?(?:"(?P<phrase>[^"]*)"|(?P<word>[^\s"]+))?""",
    re.IGNORECASE,
)
_QUOTES = str.maketrans("“”„«»「」『』", '"""""""""')

Term = tuple[str, ...]
"""Folded words that stand one after another."""


Fault = Literal[
    "open_quote", "names_nothing", "minus", "nothing", "too_many", "no_day", "no_days", "nobody",
    "no_room",
]  # fmt: skip


class QueryError(ValueError):
    """A query that can't be understood: what is wrong, and the part that is.

    Whoever shows it has the words for it.
    """

    def __init__(self, fault: Fault, part: str) -> None:
        super().__init__(f"{part}: {fault}")
        self.fault = fault
        self.part = part


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. Without `terms` it is everything that the rest lets through."""

    terms: tuple[Term, ...] = ()
    without: tuple[Term, ...] = ()
    people: tuple[str, ...] = ()
    rooms: tuple[str, ...] = ()
    after: datetime | None = None
    before: datetime | None = None

    @property
    def match(self) -> str:
        """The terms as FTS5 takes them; words hold letters and digits only, so none can escape."""
        wanted = " AND ".join(map(_phrase, self.terms))
        return " NOT ".join([f"({wanted})", *map(_phrase, self.without)])


@dataclass(slots=True)
class _Parts:
    terms: list[Term] = field(default_factory=list[Term])
    without: list[Term] = field(default_factory=list[Term])
    people: list[str] = field(default_factory=list[str])
    rooms: list[str] = field(default_factory=list[str])
    after: datetime | None = None
    before: datetime | None = None


def parse(text: str) -> Query:
    """The query of a line. Raises `QueryError`."""
    plain = text.translate(_QUOTES)
    if plain.count('"') % 2:
        raise QueryError("open_quote", text.strip())
    parts = _Parts()
    for match in _TOKEN.finditer(plain):
        _take(parts, match)
    return _checked(parts, text.strip())


def _take(parts: _Parts, match: re.Match[str]) -> None:
    shown = match.group()
    name = (match["field"] or "").lower()
    value = match["phrase"] or match["word"] or ""
    if name and not value.strip():
        raise QueryError("names_nothing", shown)
    if name and match["minus"]:
        raise QueryError("minus", shown)
    match name:
        case "from":
            parts.people.append(value.strip())
        case "in":
            parts.rooms.append(value.strip())
        case "after":
            parts.after = _day(shown, value)
        case "before":
            parts.before = _day(shown, value)
        case _:
            term = tuple(word.folded for word in words(value))
            if term:
                (parts.without if match["minus"] else parts.terms).append(term)


def _checked(parts: _Parts, text: str) -> Query:
    filters = parts.people or parts.rooms or parts.after or parts.before
    if not parts.terms and (parts.without or not filters):
        raise QueryError("nothing", text)
    if len(parts.terms) + len(parts.without) > MAX_TERMS:
        raise QueryError("too_many", str(MAX_TERMS))
    if parts.after and parts.before and parts.after >= parts.before:
        raise QueryError("no_days", f"after:{parts.after:%Y-%m-%d} before:{parts.before:%Y-%m-%d}")
    return Query(
        tuple(parts.terms),
        tuple(parts.without),
        tuple(parts.people),
        tuple(parts.rooms),
        parts.after,
        parts.before,
    )


def _day(shown: str, value: str) -> datetime:
    try:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", value):
            raise ValueError(value)
        return datetime.strptime(value, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise QueryError("no_day", shown) from None


def _phrase(term: Term) -> str:
    return '"' + " ".join(term) + '"'
