"""A second, smaller model that writes on from each context; what it writes is a draft.

It keeps a cache of its own, sequence by sequence beside the first model's, and catches up with a
context in chunks, so that a long prompt holds up no step for long (Leviathan, Kalman and Matias,
"Fast Inference from Transformers via Speculative Decoding", 2023; here the first model draws
every token itself, and a draft is taken as far as it agrees).
"""

from collections.abc import Callable, Mapping, Sequence

from engine.base import Sampling
from engine.machine import Machine, Row
from engine.prefix import common_prefix

CATCH_UP_TOKENS = 128
"""Tokens of contexts that are read beside a step."""
SMOOTHING = 0.2


class Drafter:
    """Writes drafts for several sequences at once. `clock` gives seconds, from any start.

    `vocabulary` is how many tokens the first model knows: a draft ends before any other. The
    model's batch has room for `CATCH_UP_TOKENS`, and for a token of every sequence.
    """

    def __init__(
        self, model: Machine, sequences: int, vocabulary: int, clock: Callable[[], float]
    ) -> None:
        self._model = model
        self._held: list[list[int]] = [[] for _ in range(sequences)]
        self._vocabulary = vocabulary
        self._clock = clock
        self._draws = model.sampler(Sampling(temperature=0, repeat_penalty=1.0))
        self.token_s = 0.0
        """Seconds that a drafted token took lately; 0 before the first."""

    def forget(self) -> None:
        """Drop what is held of every sequence; whoever still writes is read again."""
        for sequence in range(len(self._held)):
            self._cut(sequence, 0)

    def draft(
        self, contexts: Mapping[int, Sequence[int]], lengths: Mapping[int, int]
    ) -> dict[int, list[int]]:
        """What may follow each sequence's context, at most so many tokens.

        Nothing for a sequence whose context is not read yet: it is read on in every call.
        """
        ready = self._catch_up(contexts)
        began = self._clock()
        drafts = self._write({sequence: contexts[sequence][-1] for sequence in ready}, lengths)
        written = sum(map(len, drafts.values()))
        if written:
            token_s = (self._clock() - began) / written
            self.token_s += (SMOOTHING if self.token_s else 1.0) * (token_s - self.token_s)
        return drafts

    def _catch_up(self, contexts: Mapping[int, Sequence[int]]) -> list[int]:
        """Read on in the contexts; those of which only the last token is unread, in order."""
        room, ready = CATCH_UP_TOKENS, list[int]()
        rows: list[Row] = []
        for sequence, context in sorted(contexts.items()):
            if len(context) + 1 > self._model.context_tokens:
                continue
            same = common_prefix(self._held[sequence], context)
            held = self._cut(sequence, min(same, len(context) - 1))
            unread = context[held:-1][:room]
            rows += [Row(t, held + i, sequence, wanted=False) for i, t in enumerate(unread)]
            self._held[sequence] += unread
            room -= len(unread)
            if held + len(unread) == len(context) - 1:
                ready.append(sequence)
        if rows:
            self._model.decode(rows)
        return ready

    def _write(self, last: Mapping[int, int], lengths: Mapping[int, int]) -> dict[int, list[int]]:
        """Write on behind each sequence's last token, one token of all of them in a step."""
        drafts: dict[int, list[int]] = {sequence: [] for sequence in last}
        writing = dict(last)
        while writing := {s: t for s, t in writing.items() if self._goes_on(s, drafts, lengths)}:
            rows = [
                Row(token, len(self._held[sequence]), sequence, wanted=True)
                for sequence, token in sorted(writing.items())
            ]
            self._model.decode(rows)
            for at, row in enumerate(rows):
                self._held[row.sequence].append(row.token)
                token = self._draws.draw(at)
                writing[row.sequence] = token
                if token < self._vocabulary:
                    drafts[row.sequence].append(token)
                else:
                    del writing[row.sequence]
        return {sequence: draft for sequence, draft in drafts.items() if draft}

    def _goes_on(
        self, sequence: int, drafts: Mapping[int, Sequence[int]], lengths: Mapping[int, int]
    ) -> bool:
        room = len(self._held[sequence]) < self._model.context_tokens
        return room and len(drafts[sequence]) < lengths[sequence]

    def _cut(self, sequence: int, length: int) -> int:
        """Keep so many tokens of a sequence; how many are kept."""
        if length < len(self._held[sequence]):
            length = self._model.truncate(sequence, length)
            del self._held[sequence][length:]
        return length
