"""Drafts of what comes next, for every answer: from its own context, else by the second model.

One door for both, so the step loop checks a draft and does not ask where it came from. What stood
in the context costs nothing to propose and goes first. Each kind is used while it pays, answer by
answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from engine.drafter import Drafter
from engine.lookup import Lookup
from engine.payoff import Payoff
from engine.rates import Rates


@dataclass(frozen=True, slots=True)
class Place:
    """Where an answer goes on: its sequence, what that holds, the token after it, and how many at
    `most` may be drafted behind that."""

    sequence: int
    held: Sequence[int]
    last: int
    most: int


@dataclass(slots=True)
class _Answer:
    lookup: Lookup | None
    model: Payoff = field(default_factory=Payoff)
    by_model: bool = False


class Guesses:
    """The drafts of all answers, by number."""

    def __init__(self, *, lookup: bool, drafter: Drafter | None) -> None:
        self._looks_up = lookup
        self._drafter = drafter
        self._answers: dict[int, _Answer] = {}

    def push(self, number: int, prompt: Sequence[int], token: int) -> None:
        """An answer to `prompt` has a new token."""
        answer = self._answers.get(number)
        if answer is None:
            answer = self._answers[number] = _Answer(Lookup(prompt) if self._looks_up else None)
        if answer.lookup:
            answer.lookup.push(token)
        answer.model.pass_token()

    def drafts(self, places: Mapping[int, Place], room: int, rates: Rates) -> dict[int, list[int]]:
        """What may follow, for those who have a draft; `room` tokens at most in all."""
        price, drafts = rates.draft_price, dict[int, list[int]]()
        for number, place in places.items():
            lookup = self._answers[number].lookup
            most = min(room, place.most)
            if lookup and most > 0 and (draft := lookup.draft(most, price)):
                self._answers[number].by_model = False
                drafts[number] = draft
                room -= len(draft)
        if self._drafter is not None and rates.token_s > 0:
            price += self._drafter.token_s / rates.token_s
            rest = {number: place for number, place in places.items() if number not in drafts}
            drafts |= self._written(self._drafter, rest, room, price)
        return drafts

    def _written(
        self, drafter: Drafter, places: Mapping[int, Place], room: int, price: float
    ) -> dict[int, list[int]]:
        lengths: dict[int, int] = {}
        for number, place in places.items():
            length = min(room, place.most, self._answers[number].model.length(price))
            if length > 0:
                lengths[number] = length
                self._answers[number].by_model = True
                room -= length
        owners = {places[number].sequence: number for number in lengths}
        written = drafter.draft(
            {at: [*places[number].held, places[number].last] for at, number in owners.items()},
            {at: lengths[number] for at, number in owners.items()},
        )
        return {owners[sequence]: draft for sequence, draft in written.items()}

    def note(self, number: int, drafted: int, taken: int) -> None:
        """How much of an answer's draft was drawn again; look-up sees that by itself."""
        answer = self._answers[number]
        if answer.by_model:
            answer.model.note(drafted, taken)

    def close(self, number: int) -> None:
        """An answer is over."""
        self._answers.pop(number, None)

    def forget(self) -> None:
        """Keep no text of anybody who writes no longer."""
        if self._drafter is not None:
            self._drafter.forget()
