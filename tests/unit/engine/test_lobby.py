"""A waiting line with an end."""

import pytest

from engine.base import Overloaded
from engine.lobby import RETRY_AFTER_S, Lobby


def test_as_many_wait_as_there_are_places_and_nobody_more():
    lobby = Lobby(2, "for a bus")
    with lobby.place(), lobby.place():
        assert len(lobby) == 2
        with pytest.raises(Overloaded, match="for a bus") as caught, lobby.place():
            pass
        assert caught.value.retry_after_s == RETRY_AFTER_S
        assert len(lobby) == 2
    assert len(lobby) == 0


def test_a_place_is_free_again_whatever_happened_there():
    lobby = Lobby(1, "for a bus")
    with pytest.raises(ZeroDivisionError), lobby.place():
        raise ZeroDivisionError
    with lobby.place():
        assert len(lobby) == 1
