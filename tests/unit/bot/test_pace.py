"""When a platform may be called next."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Limits
from bot.pace import KEPT_EDITS, Pace, Traffic, pause_before_edit_s

LIMITS = Limits(4096, "plain", sends_per_minute=60, edits_per_minute=60, burst=3)


def take(pace: Pace, count: int) -> list[float]:
    return [pace.take(0) for _ in range(count)]


def test_a_burst_passes_at_once_then_the_average_holds() -> None:
    assert take(Pace(60, burst=3), 5) == [0, 0, 0, 1, 2]


def test_without_a_bound_nothing_waits() -> None:
    assert take(Pace(0, burst=1), 100) == [0] * 100


def test_spare_calls_leave_half_of_the_burst() -> None:
    pace = Pace(60, burst=4)
    take(pace, 2)
    assert pace.wait_s(0, spare=True) == 1
    assert pace.wait_s(0) == 0


@given(
    st.lists(st.floats(0, 5), min_size=1, max_size=60),
    st.integers(1, 600),
    st.integers(1, 20),
)
def test_no_window_holds_more_than_the_pace(gaps: list[float], per_minute: int, burst: int) -> None:
    pace, now, calls = Pace(per_minute, burst), 0.0, list[float]()
    for gap in gaps:
        now += gap
        calls.append(now + pace.take(now))
    for first in calls:
        inside = [call for call in calls if first <= call < first + 60]
        assert len(inside) <= per_minute + burst


def test_chats_have_paces_of_their_own_and_share_what_is_over_all() -> None:
    traffic = Traffic(replace(LIMITS, all_sends_per_minute=60, burst=1))
    one, _ = traffic.in_chat(direct=True)
    other, edits = traffic.in_chat(direct=True)
    assert one.take(0) == 0
    assert other.take(0) == 1
    assert edits.take(0) == 0


def test_a_room_may_be_slower_than_a_direct_chat() -> None:
    traffic = Traffic(replace(LIMITS, room_sends_per_minute=20, burst=1))
    room, _ = traffic.in_chat(direct=False)
    assert [room.take(0), room.take(0)] == [0, 3]


def test_an_edit_can_be_a_send() -> None:
    sends, edits = Traffic(replace(LIMITS, edits_are_sends=True)).in_chat(direct=True)
    assert sends is edits


def test_few_edits_are_spread_and_some_are_kept() -> None:
    limits = replace(LIMITS, max_edits=10)
    pauses = [pause_before_edit_s(edits, limits) for edits in range(10)]
    shown = [pause for pause in pauses if pause is not None]
    assert len(shown) == 10 - KEPT_EDITS
    assert shown == sorted(shown)
    assert pause_before_edit_s(1_000, LIMITS) == 0
