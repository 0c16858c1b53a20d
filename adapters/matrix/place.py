"""Where the adapter stands in its stream of events, as the cursor that is kept with them.

A cursor is the homeserver's `next_batch`; below it stand, in JSON, the encrypted events that still
wait for their keys. So both are committed together, and a restart forgets neither.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.base import Cursor


@dataclass(frozen=True, slots=True)
class Place:
    """The server's token, and the rooms and ids of the events that wait for their keys."""

    since: str
    waiting: Sequence[tuple[str, str]] = ()

    def cursor(self) -> Cursor:
        """What `parse` takes."""
        return "\n".join([self.since, *map(json.dumps, self.waiting)])


def parse(cursor: Cursor) -> Place:
    """The place that a cursor stands for."""
    since, *waiting = cursor.split("\n")
    return Place(since, tuple((room, event) for room, event in map(json.loads, waiting)))
