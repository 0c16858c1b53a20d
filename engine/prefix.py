"""What two lists of tokens begin with. PURE."""

from collections.abc import Sequence


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """How many tokens both begin with: by halves, so that the library's comparison does the work.

    Lists compare with lists and tuples with tuples, so the shorter side is copied once.
    """
    shorter = min(len(left), len(right))
    first, second = tuple(left[:shorter]), tuple(right[:shorter])
    if first == second:
        return shorter
    low, high = 0, shorter  # equal up to `low`, different up to `high`
    while high - low > 1:
        middle = (low + high) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle
    return low
