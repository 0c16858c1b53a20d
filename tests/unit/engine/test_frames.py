"""What goes over the wire comes out as it went in, and nonsense is refused."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine import frames
from engine.base import EngineStatus, Message, Request, Sampling, Usage, Waiting
from engine.frames import BadFrame, Failure, Load, Piece, Report
from engine.plan import Plan

roles = st.sampled_from(["system", "user", "assistant"])
messages = st.lists(st.builds(Message, roles, st.text())).map(tuple)
samplings = st.builds(
    Sampling, temperature=st.floats(0, 2), stop=st.lists(st.text(min_size=1)).map(tuple)
)
requests = st.builds(
    Request, st.text(), st.text(), messages, samplings, st.none() | st.floats(0, 1e6)
)


def through(frame: frames.Wire) -> frames.Wire:
    data = frames.pack(frame)
    size = frames.body_bytes(data[: frames.HEADER_BYTES])
    body = data[frames.HEADER_BYTES :]
    assert len(body) == size
    return frames.unpack(body)


@given(requests)
def test_requests(asked: Request):
    assert frames.read_submit(through(frames.submit_frame(1, asked))) == asked
    assert frames.read_messages(through(frames.count_frame(1, asked.messages))) == asked.messages


def test_lone_surrogates_survive():
    asked = Request("s", "p", (Message("user", "a\ud800b"),))

    assert frames.read_submit(through(frames.submit_frame(1, asked))) == asked


def test_loads_statuses_and_reports():
    load = Load("/x.gguf", "ab", "x", Plan(sequences=3))
    status = EngineStatus("ready", model="x", running=2)
    report = Report(
        texts={1: Piece("hé", 2)},
        waiting={2: Waiting(1, None)},
        done={3: ("length", Usage(3, 1, 2, 4, 0.1, 0.2, 0.3))},
        failed={4: Failure("too_long", numbers=(9, 8))},
    )

    assert frames.read_load(through(frames.load_frame(load))) == load
    assert frames.read_status(through(frames.status_frame(status))) == status
    assert frames.read_report(through(frames.report_frame(report))) == report


def test_reports_merge_for_a_slow_reader():
    report = Report(texts={1: Piece("a", 1)}, waiting={2: Waiting(2, None)})

    later = {1: Piece("b", 2), 3: Piece("c", 1)}
    report.merge(Report(texts=later, waiting={2: Waiting(1, 3.0)}))

    both = {1: Piece("ab", 3), 3: Piece("c", 1)}
    assert report == Report(texts=both, waiting={2: Waiting(1, 3.0)})


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"op": 1}', b"\xff"])
def test_nonsense_is_refused(body: bytes):
    with pytest.raises(BadFrame):
        frames.unpack(body)


def test_a_frame_too_long_is_refused_before_it_is_read():
    with pytest.raises(BadFrame):
        frames.body_bytes(b"\xff\xff\xff\xff")
