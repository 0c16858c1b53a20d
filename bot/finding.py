"""What is shown of the turns that a search found, in chat and on the command line."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.texts import Texts, texts_for
from storage.query import Query, QueryError, parse
from storage.records import Found
from storage.search import Search
from storage.words import excerpt

EXCERPT_CHARS = 160
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~@&:])")

Spans = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A turn as a line of a list: excerpts with the places of what matched in them."""

    found: Found
    question: tuple[str, Spans]
    answer: tuple[str, Spans]

    @property
    def head(self) -> str:
        """When, where and who."""
        turn = self.found.turn
        where = self.found.room or turn.session
        return f"{turn.created_at:%Y-%m-%d %H:%M} {where}, {turn.author} ({turn.person})"

    def record(self) -> dict[str, object]:
        """The turn, ready for JSON."""
        turn = self.found.turn
        return {
            "id": turn.id,
            "session": turn.session,
            "room": self.found.room,
            "number": turn.number,
            "person": turn.person,
            "author": turn.author,
            "created_at": turn.created_at.isoformat(),
            "score": round(self.found.score, 3),
            "head": self.head,
            "question": turn.question,
            "answer": turn.answer,
            "excerpts": [_excerpt_record(*each) for each in (self.question, self.answer)],
        }


def shown(found: Sequence[Found], query: Query) -> list[Shown]:
    """How each of them is shown."""
    return [
        Shown(
            each,
            excerpt(each.turn.question, query.terms, EXCERPT_CHARS),
            excerpt(each.turn.answer, query.terms, EXCERPT_CHARS),
        )
        for each in found
    ]


async def find(search: Search, text: str, limit: int) -> dict[str, object]:
    """What `parley db search` shows, ready for JSON; a query that is wrong says so in `error`."""
    try:
        query = parse(text)
        found = await search.find(query, limit)
    except QueryError as error:
        return {"error": explained(error, texts_for("en"))}
    return {"found": [each.record() for each in shown(found, query)]}


def explained(error: QueryError, texts: Texts) -> str:
    """What is wrong with a query, in words."""
    return texts.query_faults[error.fault].format(part=error.part)


def in_markdown(text: str, spans: Spans) -> str:
    """An excerpt with its matches in bold, and nothing else in it that is markup."""
    return marked(text, spans, lambda each: f"**{each}**", lambda each: _MARKUP.sub(r"\\\1", each))


def marked(
    text: str, spans: Spans, match: Callable[[str], str], other: Callable[[str], str]
) -> str:
    """A text with each part that matched, and each that did not, turned into what shows it."""
    pieces: list[str] = []
    position = 0
    for start, end in spans:
        pieces += [other(text[position:start]), match(other(text[start:end]))]
        position = end
    return "".join([*pieces, other(text[position:])])


def _excerpt_record(text: str, spans: Spans) -> dict[str, object]:
    return {"text": text, "matches": [list(span) for span in spans]}
