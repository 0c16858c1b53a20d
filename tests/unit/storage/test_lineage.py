"""The rule of what happens when a working file and the NAS's file meet."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.changes import Point
from storage.lineage import Other, Plan, Working, plan

A, B, C = Point(5, 50), Point(9, 90), Point(9, 91)
MISSING = Other(exists=False, is_empty=True, point=None)
EMPTY = Other(exists=True, is_empty=True, point=None)
NEVER_LOGGED = Other(exists=True, is_empty=False, point=None)


def at(point: Point) -> Other:
    return Other(exists=True, is_empty=False, point=point)


@pytest.mark.parametrize(
    ("working", "other", "expected"),
    [
        (None, MISSING, Plan.FILL),
        (None, EMPTY, Plan.FILL),
        (None, NEVER_LOGGED, Plan.BUILD),
        (None, at(A), Plan.BUILD),
        (Working(A, B, holds_other=True), at(A), Plan.FOLLOW),
        (Working(B, B, holds_other=True), at(A), Plan.FOLLOW),
        (Working(A, A, holds_other=False), at(B), Plan.BUILD),
        (Working(A, B, holds_other=False), at(C), Plan.REFUSE),
        (Working(B, B, holds_other=False), at(C), Plan.REFUSE),
        (Working(B, B, holds_other=False), at(A), Plan.REFUSE),
        (Working(A, A, holds_other=False), NEVER_LOGGED, Plan.REFUSE),
        (Working(A, A, holds_other=False), EMPTY, Plan.FILL),
        (Working(A, A, holds_other=False), MISSING, Plan.WAIT),
    ],
)
def test_rule(working: Working | None, other: Other, expected: Plan) -> None:
    assert plan(working, other) is expected


points = st.builds(Point, st.integers(0, 9), st.integers(0, 3))


@given(points, points, st.booleans(), st.booleans(), st.booleans(), st.none() | points)
def test_rows_that_only_one_holds_are_never_replaced(
    copied: Point, last: Point, holds: bool, exists: bool, is_empty: bool, point: Point | None
) -> None:
    found = plan(Working(copied, last, holds), Other(exists, is_empty, point))
    if copied != last:
        assert found is not Plan.BUILD
    if exists and not is_empty and not holds:
        assert found in (Plan.BUILD, Plan.REFUSE)
