"""What a worker says goes out at once where somebody waits for it, and text not too often."""

import socket
from collections.abc import Iterator

import pytest

from engine.base import Usage
from engine.frames import Piece, Report, Wire
from engine.outlet import Outbound, Reader

FOR_EVER_S = 3600.0
A_WHILE_S = 0.2
"""How long nothing must come; if it came late, this would not notice."""


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.settimeout(60.0)
        yield ours, theirs


def test_text_goes_out_at_once_after_a_rest_and_then_gathers(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    out, read = Outbound(ends[0], FOR_EVER_S), Reader(ends[1])
    out.report(grown("On"))
    assert read()["texts"] == [[1, "On", 1]]
    out.report(grown("ce"))
    out.report(grown(" upon"))
    assert is_silent(ends[1])
    out.report(Report(done={1: ("stop", Usage(3, 1, 2, 4, 0.1, 0.2, 0.3))}))
    last = read()
    assert (last["texts"], len(last["done"])) == ([[1, "ce upon", 2]], 1)


def test_a_first_word_waits_for_nobodys_text(ends: tuple[socket.socket, socket.socket]) -> None:
    out, read = Outbound(ends[0], FOR_EVER_S), Reader(ends[1])
    out.report(grown("On"))
    read()
    out.report(grown("ce"))
    begins = Report()
    begins.write(2, Piece("Yes", 1), first=True)
    out.report(begins)
    assert read()["texts"] == [[1, "ce", 1], [2, "Yes", 1]]
    out.report(grown(" upon"))
    assert is_silent(ends[1])


def test_a_reply_takes_with_it_what_was_gathered(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    out, read = Outbound(ends[0], FOR_EVER_S), Reader(ends[1])
    out.report(grown("On"))
    read()
    out.report(grown("ce"))
    assert is_silent(ends[1])
    out.reply({"op": "counted", "id": 7})
    assert [read()["op"], read()["op"]] == ["counted", "step"]


def test_text_that_nothing_follows_goes_out_in_the_end(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    out, read = Outbound(ends[0], 0.001), Reader(ends[1])
    texts = ["On", "ce", " upon"]
    for text in texts:
        out.report(grown(text))
    heard = ""
    while heard != "".join(texts):
        heard += text_of(read())


def grown(text: str) -> Report:
    return Report(texts={1: Piece(text, 1)})


def text_of(frame: Wire) -> str:
    return "".join(text for _, text, _ in frame["texts"])


def is_silent(sock: socket.socket) -> bool:
    sock.settimeout(A_WHILE_S)
    try:
        return not sock.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(60.0)
