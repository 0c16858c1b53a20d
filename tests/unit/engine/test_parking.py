"""What an answer begins with, where several states have some of its prompt."""

import random
from collections.abc import Sequence

import pytest

from engine.carrier import NoFiles
from engine.kvcache import Ledger
from engine.machine import Row
from engine.owner import Owner
from engine.parking import Parking
from engine.shelf import Shelf
from engine.warm import Warmer
from tests.fakes.paper_model import PaperModel

SYSTEM = [1, 2, 3, 4, 5, 6] * 6
DRAW = random.Random(1)
DROPPED, KEPT, LAST = (DRAW.choices(range(1, 7), k=40) for _ in range(3))
ADA, HERS = Owner("ada", "ada", len(SYSTEM)), Owner("another", "ada", len(SYSTEM))
BOB = Owner("bob", "bob", len(SYSTEM))

TARGET, LENDER, LEAVING = range(3)


class Lot:
    """A model of three sequences, of which the first is to be written to."""

    def __init__(self) -> None:
        self.model = PaperModel(3, context_tokens=400, batch_tokens=400)
        self.ledger = Ledger(3)
        self.warmer = Warmer(self.model, self.ledger)
        self.parking = Parking(self.model, self.ledger, self.warmer, Shelf(50_000), NoFiles())

    def hold(self, sequence: int, owner: Owner, tokens: Sequence[int]) -> None:
        """Somebody's tokens are computed into an empty sequence."""
        self.ledger.claim(sequence, owner, tokens)
        self.model.decode([Row(t, at, sequence, wanted=False) for at, t in enumerate(tokens)])
        self.ledger.append(sequence, tokens)
        self.ledger.release(sequence)

    def park(self, owner: Owner, tokens: Sequence[int]) -> None:
        """Somebody leaves a sequence, and nothing stays in it."""
        self.hold(LEAVING, owner, tokens)
        self.parking.park(LEAVING)
        self.ledger.truncate(LEAVING, self.model.truncate(LEAVING, 0))

    def begin(self, to: Owner, prompt: list[int]) -> list[int]:
        """What is in the sequence of an answer once it is told what there is."""
        there = self.ledger.keep(TARGET, to, prompt)
        found = self.parking.find(to, prompt, there)
        self.parking.bring(TARGET, to, prompt, found)
        held = [*self.ledger.tokens(TARGET)]
        assert held == self.model.cells[TARGET]
        return held[: self.ledger.keep(TARGET, to, prompt)]


@pytest.fixture
def lot() -> Lot:
    return Lot()


def test_what_is_parked_comes_back_where_a_lender_has_too_little_more_to_be_copied(
    lot: Lot,
) -> None:
    prompt = [*SYSTEM, *KEPT, *LAST]
    lot.hold(TARGET, BOB, [*SYSTEM, 6, 6])
    lot.hold(LENDER, HERS, prompt[:62])
    lot.park(ADA, prompt[:60])

    assert lot.begin(ADA, prompt) == prompt[:60]


def test_a_lender_with_much_more_than_what_is_parked_is_copied(lot: Lot) -> None:
    prompt = [*SYSTEM, *KEPT, *LAST]
    lot.hold(LENDER, HERS, prompt[:70])
    lot.park(ADA, prompt[:37])

    assert lot.begin(ADA, prompt) == prompt[:70]


def test_what_can_be_cut_yields_to_a_lender_with_more(lot: Lot) -> None:
    window = [*SYSTEM, *KEPT, *LAST]
    lot.park(ADA, [*SYSTEM, *DROPPED, *KEPT])
    lot.warmer.prepare("ada", window, 0)
    lot.hold(LENDER, HERS, window)

    assert lot.begin(ADA, [*window, 1]) == window


def test_what_can_be_cut_comes_back_where_a_lender_has_less(lot: Lot) -> None:
    window = [*SYSTEM, *KEPT, *LAST]
    lot.park(ADA, [*SYSTEM, *DROPPED, *KEPT])
    lot.warmer.prepare("ada", window, 0)
    lot.hold(LENDER, HERS, [*SYSTEM, *KEPT[:30]])

    assert lot.begin(ADA, [*window, 1]) == [*SYSTEM, *KEPT]


@pytest.mark.parametrize(("tokens", "restored"), [(31, 0), (32, 1)])
def test_a_few_tokens_are_not_worth_being_parked(lot: Lot, tokens: int, restored: int) -> None:
    lot.park(ADA, SYSTEM[:tokens])
    lot.begin(ADA, [*SYSTEM, 1])

    assert lot.parking.kept.restored == restored


def test_only_who_comes_back_counts_as_restored(lot: Lot) -> None:
    lot.park(ADA, [*SYSTEM, *KEPT])

    assert lot.begin(HERS, [*SYSTEM, *KEPT, 1]) == [*SYSTEM, *KEPT]
    assert lot.parking.kept.restored == 0


def test_what_a_model_cannot_cut_yields_to_a_lender_with_more_of_the_prompt(lot: Lot) -> None:
    window = [*SYSTEM, *KEPT, *LAST]
    lot.model.can_shift = False
    lot.park(ADA, [*SYSTEM, *DROPPED, *KEPT])
    lot.warmer.prepare("ada", window, 0)
    lot.hold(LENDER, HERS, [*SYSTEM, *KEPT[:35]])

    assert lot.begin(ADA, [*window, 1]) == [*SYSTEM, *KEPT[:35]]


@pytest.mark.parametrize(("tokens", "lent"), [(31, 0), (32, 32)])
def test_a_few_tokens_are_not_worth_being_copied(lot: Lot, tokens: int, lent: int) -> None:
    lot.hold(LENDER, HERS, SYSTEM[:tokens])

    assert lot.begin(ADA, SYSTEM) == SYSTEM[:lent]
