"""Answers that are written together are compared with a peer that is as far as they are."""

from bench.rows.decode import tokens_before
from bot.heard import Heard


def heard(*pieces: tuple[float, int]) -> Heard:
    """An answer of pieces that came at a time and had so many tokens."""
    times, sizes = zip(*pieces, strict=True)
    return Heard(0.0, times, "", sum(sizes), 0, sizes=sizes)


def test_an_answer_alone_has_its_prompt_and_its_first_piece_before_it():
    assert tokens_before([heard((1.0, 1), (2.0, 3), (3.0, 3))], [50]) == 51


def test_who_began_early_has_more_before_them_when_the_last_one_begins():
    early = heard((1.0, 1), (2.0, 20), (3.0, 19), (4.0, 10))
    late = heard((3.0, 1), (4.0, 10))
    assert tokens_before([early, late], [50, 60]) == (50 + 40 + 60 + 1 + 1) // 2
