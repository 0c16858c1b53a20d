"""How long a search takes in a million turns, for terms that stand in at most a hundredth of them.

The text is made of words drawn as words are used (Zipf's law), one turn in four in Chinese, so that
common and rare terms, people and rooms all occur. What is measured is the way from a typed query to
rows, with the file's pages in the operating system's cache. The aim is a 95th percentile of 50 ms.

    python -m bench.search [--turns 1000000] [--file PATH]     # PATH is kept and used again
"""

import argparse
import asyncio
import itertools
import random
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, text

from storage.database import Database
from storage.index import TABLE, build_index
from storage.query import parse
from storage.search import Search
from storage.statement import Statement

AIM_S = 0.05
SHARE = 0.01
QUERIES = 40
ROUNDS = 5
SESSIONS, PEOPLE = 2_000, 50
VOCABULARY, CHARACTERS = 50_000, 3_000
BATCH = 5_000

_TURN = Statement(
    text(
        "INSERT INTO turn VALUES (:row, :id, :session, :row, :person, :person, :answer, :at, 0, '',"
        " '', '{}', '{}')"
    )
)
_MESSAGE = Statement(text("INSERT INTO turn_message VALUES (NULL, :row, 0, :session, :id, :text)"))
_SESSION = Statement(text("INSERT INTO session VALUES (:key, 0, 0, 0)"))
_MEMBER = Statement(text("INSERT INTO member VALUES (:key, 'bench', :key, 'en', 0, 0)"))


@dataclass(frozen=True, slots=True)
class Measured:
    """The seconds of every search, and the size of the file."""

    times_s: list[float]
    gigabytes: float

    @property
    def p95_s(self) -> float:
        return p95(self.times_s)


def p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


class Language:
    """Words, the first of them the most used."""

    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        letters = "etaoinshrdlucm"
        self.words = [
            "".join(draw.choices(letters, k=draw.randint(3, 9))) for _ in range(VOCABULARY)
        ]
        self._characters = [chr(0x4E00 + number) for number in range(CHARACTERS)]
        self._weights = list(itertools.accumulate(1 / rank for rank in range(1, VOCABULARY + 1)))
        self._character_weights = self._weights[:CHARACTERS]

    def said(self, length: int) -> str:
        """A text of so many words."""
        if self._draw.random() < 0.25:
            drawn = self._draw.choices(
                self._characters, cum_weights=self._character_weights, k=2 * length
            )
            return "".join(drawn)
        return " ".join(self._draw.choices(self.words, cum_weights=self._weights, k=length))

    def queries(self) -> Iterator[str]:
        """Words, pairs, phrases of two characters, and each with a person or days."""
        for number in itertools.count():
            if number % 4 == 3:
                yield "".join(self._draw.choices(self._characters[20:600], k=2))
                continue
            word = self._draw.choice(self.words[8:5_000])
            yield [word, f"{word} {self._draw.choice(self.words[:400])}", f"{word} from:p7"][
                number % 4
            ]


async def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser()
    options.add_argument("--turns", type=int, default=1_000_000)
    options.add_argument("--file", type=Path)
    given = options.parse_args()
    place = (
        nullcontext(None) if given.file else tempfile.TemporaryDirectory(dir=".", prefix=".bench-")
    )
    with place as directory:
        path = given.file or Path(str(directory)) / "bench.db"
        is_new = not path.exists()
        language = Language(random.Random(1))
        async with Database(path) as db:
            if is_new:
                await fill(db, language, given.turns)
            _print(await measure(db, language, given.turns), given.turns)


async def fill(db: Database, language: Language, turns: int) -> None:
    def head(connection: Connection) -> None:
        _SESSION.run_each(connection, [{"key": _session(n)} for n in range(SESSIONS)])
        _MEMBER.run_each(connection, [{"key": f"p{n}"} for n in range(PEOPLE)])

    await db.write(head)
    for first in range(0, turns, BATCH):
        rows = [_row(number, language) for number in range(first, min(first + BATCH, turns))]
        await db.write(lambda connection, rows=rows: _TURN.run_each(connection, rows))
        await db.write(lambda connection, rows=rows: _MESSAGE.run_each(connection, rows))
    started = time.perf_counter()
    await db.write(build_index)
    seconds = time.perf_counter() - started
    print(f"index of {turns:,} turns: built in {seconds:.0f} s")


def _session(number: int) -> str:
    return f"bench:bot:{number}"


def _row(number: int, language: Language) -> dict[str, object]:
    return {
        "row": number + 1,
        "id": f"t{number}",
        "session": _session(number % SESSIONS),
        "person": f"p{number % PEOPLE}",
        "text": language.said(12),
        "answer": language.said(40),
        "at": number * 1_000_000,
    }


async def measure(db: Database, language: Language, turns: int) -> Measured:
    """Search for terms that stand in some turns, and in few."""
    queries = await choose(db, language, turns)
    return Measured(await timed(db, queries * ROUNDS), await _gigabytes(db))


async def choose(db: Database, language: Language, turns: int) -> list[str]:
    """Queries with a hit, and with hits in no more than `SHARE` of all turns."""
    chosen: list[str] = []
    for query in language.queries():
        if len(chosen) == QUERIES:
            break
        if 0 < await _hits(db, query) <= turns * SHARE:
            chosen.append(query)
    return chosen


async def timed(db: Database, queries: list[str]) -> list[float]:
    """The seconds of each search."""
    times: list[float] = []
    for query in queries:
        started = time.perf_counter()
        await Search(db).find(parse(query), 20)
        times.append(time.perf_counter() - started)
    return times


def _print(found: Measured, turns: int) -> None:
    print(f"{turns:,} turns, {found.gigabytes:.2f} GB; {QUERIES} queries, {ROUNDS} rounds")
    print(f"p50 {statistics.median(found.times_s) * 1e3:.1f} ms, ", end="")
    print(f"p95 {found.p95_s * 1e3:.1f} ms, longest {max(found.times_s) * 1e3:.1f} ms; ", end="")
    print(f"aim {AIM_S * 1e3:.0f} ms: {found.p95_s <= AIM_S}")


async def _gigabytes(db: Database) -> float:
    def size(connection: Connection) -> float:
        pragmas = ("page_count", "page_size")
        pages, page = (
            connection.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in pragmas
        )
        return pages * page / 1e9

    return await db.read(size)


async def _hits(db: Database, query: str) -> int:
    match = parse(query).match
    counting = Statement(text(f"SELECT count(*) FROM {TABLE} WHERE {TABLE} MATCH :match"))
    return await db.read(lambda connection: counting.value(connection, {"match": match}))


if __name__ == "__main__":
    asyncio.run(main())
