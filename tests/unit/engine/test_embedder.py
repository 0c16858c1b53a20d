"""A pass that takes long: it shows life, and ends with those who wait for it."""

import queue
import select
import socket
from collections.abc import Callable, Iterator, Sequence

import pytest

from engine.embedder import Cancelled, Commands, Embedder
from engine.frames import read_status
from engine.llama import Encoder
from engine.loading import LoadedEncoder
from engine.machine import Aborted
from engine.outlet import Outbound, Reader
from engine.rota import Asked

LONGEST_S = 60.0
SIGNS = 3
"""The first is from before the pass."""


class NextPass(Exception):
    """Another pass begins."""


class EndlessEncoder(Encoder):
    """Its first pass lasts until it is told to stop; `sees` is called all the while."""

    def __init__(self, sees: Callable[[], None]) -> None:
        self.most_tokens = 100
        self.passes: list[int] = []
        self._sees = sees

    def encode(
        self, texts: Sequence[Sequence[int]], goes_on: Callable[[], bool] = bool
    ) -> list[list[float]]:
        self.passes.append(len(texts[0]))
        if len(self.passes) > 1:
            raise NextPass
        while goes_on():
            self._sees()
        raise Aborted


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(LONGEST_S)
        yield ours, theirs


def test_a_pass_shows_life_and_is_broken_off_when_nobody_waits_for_it_any_more(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    read, commands, signs = Reader(ends[1]), Commands(), list[int]()

    def sees() -> None:
        if len(signs) < SIGNS and select.select([ends[1]], [], [], 0)[0]:
            signs.append(read_status(read()).running)
            if len(signs) == SIGNS:
                commands.put(Cancelled(1))

    encoder = EndlessEncoder(sees)
    commands.put(Asked(1, [[7] * 100]))
    commands.put(Asked(2, [[7] * 99]))
    with pytest.raises(NextPass):
        Embedder(LoadedEncoder(encoder, "e", ""), Outbound(ends[0]), commands).run()

    assert encoder.passes == [100, 99]
    assert signs[1:] == [2] * (SIGNS - 1)
    with pytest.raises(queue.Empty):
        commands.get_nowait()
