"""The rows of the comparison, in the order of the report."""

from bench.row import Row
from bench.rows import (
    agreement,
    apart,
    chat,
    crowd,
    decode,
    fairness,
    long_prompt,
    lookup,
    memory,
    swap,
)

ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        decode.ROW,
        apart.ROW,
        chat.ROW,
        crowd.TRIAL,
        crowd.THINKING,
        crowd.PARKED,
        crowd.SATURATED,
        fairness.EIGHT,
        long_prompt.READER,
        long_prompt.STOP,
        fairness.ONE,
        lookup.ROW,
        swap.ROW,
        memory.ROW,
        agreement.ROW,
    )
}
