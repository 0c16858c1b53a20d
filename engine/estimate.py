"""How long somebody in the waiting line waits, from what was measured lately. PURE.

The line is played through: running answers end when answers of their length usually end, whoever
is next takes the sequence, its prompt is computed behind the prompts before it, and then it writes
an answer itself. No answer is taken to become longer than it may.
"""

import heapq
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ANSWERS_KEPT = 256
FIRST_GUESS_TOKENS = 128.0


class AnswerLengths:
    """The running distribution of answer lengths, in tokens: those of the latest answers."""

    def __init__(self) -> None:
        self._latest: deque[int] = deque(maxlen=ANSWERS_KEPT)
        self._sorted: list[int] = []

    def note(self, tokens: int) -> None:
        """An answer ended."""
        self._latest.append(tokens)
        self._sorted = sorted(self._latest)

    def rest(self, written: int, most: int) -> float:
        """Tokens still to come of an answer of which `written` are there and which ends at `most`.

        The average of those that became longer; longer than all the latest, it doubles.
        """
        return min(self._usual_rest(written), float(max(0, most - written)))

    def _usual_rest(self, written: int) -> float:
        longer = self._sorted[bisect_right(self._sorted, written) :]
        if longer:
            return sum(longer) / len(longer) - written
        return max(1.0, float(written)) if self._sorted else FIRST_GUESS_TOKENS


@dataclass(frozen=True, slots=True)
class Pace:
    """Prompt tokens a second that prefill makes beside the answers, and the seconds between two
    tokens of one answer; 0 while unknown."""

    prefill: float
    interval_s: float

    @property
    def known(self) -> bool:
        return self.prefill > 0 and self.interval_s > 0


def first_words(
    running: Iterable[tuple[int, float]],
    line: Iterable[tuple[int, float]],
    free: int,
    pace: Pace,
) -> Iterator[float]:
    """Seconds until the first word of each in the line.

    Those who are `running` and those in the `line` miss prompt tokens, and then tokens of their
    answer; `free` sequences are nobody's.
    """
    prefilled_s = 0.0
    frees = [0.0] * free
    for missing, rest in running:
        prefilled_s += missing / pace.prefill
        frees.append((prefilled_s if missing else 0.0) + rest * pace.interval_s)
    heapq.heapify(frees)
    for missing, rest in line:
        starts_s = heapq.heappop(frees)
        prefilled_s = max(prefilled_s, starts_s) + missing / pace.prefill
        yield prefilled_s
        heapq.heappush(frees, prefilled_s + rest * pace.interval_s)
