"""Some seconds of computing to see how a model is best computed here; in the worker, for a setup
that the library fails on ends the process.
"""

from collections.abc import Callable, Sequence

from engine.llama import Model, ModelFault
from engine.machine import Row
from engine.tuning import Choice, Leeway, Throughput, Tuning, choose

BUDGET_S = 10.0
"""No setup is begun after this."""
CONTEXT_TOKENS = 512
PREFILL_TOKENS, PREFILL_S = 256, 0.5
"""A prompt has so many tokens, or on a slow machine as many as take so long."""
PROBE_TOKENS = 16
STEPS_ALONE, STEPS_TOGETHER = 6, 3


def calibrate(model: Model, first: Tuning, leeway: Leeway, clock: Callable[[], float]) -> Choice:
    """Choose a setup for a model whose cache is not used yet; it is left with a small context."""
    began = clock()
    bench = _Bench(model, clock)
    return choose(first, leeway, bench.rates, lambda: clock() - began > BUDGET_S)


class _Bench:
    """Measures one model in one setup after the other."""

    def __init__(self, model: Model, clock: Callable[[], float]) -> None:
        self._model = model
        self._clock = clock
        self._prefill_tokens = 0

    def rates(self, tuning: Tuning) -> Throughput:
        """The rates of a setup; as good as none where the library refuses it."""
        try:
            self._model.retune(CONTEXT_TOKENS, tuning)
            return self._measured()
        except ModelFault:
            return Throughput(1e-9, 1e-9, 1e-9)

    def _measured(self) -> Throughput:
        self._model.decode(_prompt(0, PROBE_TOKENS))  # the first step makes its graph too
        if not self._prefill_tokens:
            probe_s = self._seconds(_prompt(PROBE_TOKENS, PROBE_TOKENS))
            self._model.truncate(0, PROBE_TOKENS)
            fits = int(PROBE_TOKENS / probe_s * PREFILL_S)
            self._prefill_tokens = min(PREFILL_TOKENS, max(PROBE_TOKENS, fits))
        prefill_s = self._seconds(_prompt(PROBE_TOKENS, self._prefill_tokens))
        length = PROBE_TOKENS + self._prefill_tokens
        one_s = [self._seconds([_row(length + i, 0)]) for i in range(STEPS_ALONE)]
        for sequence in range(1, self._model.sequences):
            self._model.decode([_row(0, sequence)])
        starts = [length + STEPS_ALONE, *[1] * (self._model.sequences - 1)]
        many_s = [
            self._seconds([_row(start + i, sequence) for sequence, start in enumerate(starts)])
            for i in range(STEPS_TOGETHER)
        ]
        # What else ran only made a step slower, so the quickest counts.
        return Throughput(
            self._prefill_tokens / prefill_s, 1 / min(one_s), self._model.sequences / min(many_s)
        )

    def _seconds(self, rows: Sequence[Row]) -> float:
        began = self._clock()
        self._model.decode(rows)
        return max(1e-6, self._clock() - began)


def _prompt(start: int, tokens: int) -> list[Row]:
    rows = [_row(start + i, 0, wanted=False) for i in range(tokens - 1)]
    return [*rows, _row(start + tokens - 1, 0)]


def _row(position: int, sequence: int, *, wanted: bool = True) -> Row:
    # Which token it is does not matter to how long it takes.
    return Row(10 + position % 50, position, sequence, wanted)
