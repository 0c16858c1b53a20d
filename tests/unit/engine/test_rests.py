"""How long an engine usually rests."""

from engine.rests import RESTS_KEPT, Rests


def rests(lengths: list[float]) -> Rests:
    found, now_s = Rests(), 100.0
    for length in lengths:
        found.begin(now_s)
        found.end(now_s + length)
        now_s += length + 1.0
    return found


def test_nothing_is_known_before_the_first_rest_is_over():
    found = Rests()
    found.end(5.0)
    found.begin(6.0)
    assert found.usual_s == 0.0


def test_one_night_is_not_usual():
    assert rests([2.0, 3.0, 30_000.0, 2.5]).usual_s == 2.5


def test_a_busy_hour_makes_the_quiet_one_before_forgotten():
    assert rests([60.0] * RESTS_KEPT + [0.125] * RESTS_KEPT).usual_s == 0.125


def test_what_comes_while_another_is_answered_is_no_rest():
    found = rests([4.0])
    found.end(500.0)
    assert found.usual_s == 4.0
