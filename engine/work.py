"""A request under way, and which rows of a step are its own. PURE: the clock's readings are given.

What runs when is `scheduler`'s, what a step brings is `loop`'s.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.answer import Answer
from engine.base import Request, Slide, Usage
from engine.kvcache import Claim, Ledger
from engine.machine import Draws, Row
from engine.owner import Owner
from engine.scheduler import Step


@dataclass(slots=True)
class Work:
    """A request and where it stands; times are the clock's, 0 until they happen."""

    request: Request
    prompt: list[int]
    owner: Owner
    answer: Answer
    submitted_s: float
    claim: Claim | None = None
    sampler: Draws | None = None
    admitted_s: float = 0.0
    first_s: float = 0.0
    next_token: int = 0
    slide: Slide = ""
    drafted: int = 0
    taken: int = 0
    shown_place: int = 0
    shown_tokens: int = 0
    fetching_since_s: float | None = None

    @property
    def sequence(self) -> int:
        assert self.claim is not None
        return self.claim.sequence

    def stand(self, sequence: int) -> None:
        """Its tokens are in another sequence now."""
        assert self.claim is not None
        self.claim = replace(self.claim, sequence=sequence)

    def unshown_tokens(self) -> int:
        """Tokens that came since this was last asked."""
        before, self.shown_tokens = self.shown_tokens, self.answer.count
        return self.answer.count - before

    def expired(self, now: float) -> bool:
        """Whether nobody waits for it any more."""
        deadline_s = self.request.deadline_s
        return deadline_s is not None and now - self.submitted_s > deadline_s

    def usage(self, now: float) -> Usage:
        """What the answer took, now that it is over."""
        assert self.claim is not None
        return Usage(
            prompt_tokens=len(self.prompt),
            reused_tokens=self.claim.keep,
            prefilled_tokens=len(self.prompt) - self.claim.keep,
            completion_tokens=self.answer.count,
            queued_s=self.admitted_s - self.submitted_s,
            prefill_s=self.first_s - self.admitted_s,
            decode_s=now - self.first_s,
            slide=self.slide,
            drafted_tokens=self.drafted,
            taken_tokens=self.taken,
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """An answer whose next token is drawn from `row`; its sequence has `length` tokens then, and
    the rows after it hold a `draft` of what may follow."""

    number: int
    row: int
    length: int
    draft: list[int]


def lay_out(
    step: Step, works: Mapping[int, Work], ledger: Ledger, drafts: Mapping[int, list[int]]
) -> tuple[list[Row], list[Wanted]]:
    """The step's rows in the order of sequences, and whose rows are to be drawn from."""
    chunks = {number: _chunk(works[number], ledger, tokens) for number, tokens in step.prefill}
    for number in step.decode:
        chunks[number] = [works[number].next_token, *drafts.get(number, ())]
    rows: list[Row] = []
    wanted: list[Wanted] = []
    for number in sorted(chunks, key=lambda n: works[n].sequence):
        work, chunk = works[number], chunks[number]
        draft = drafts.get(number, [])
        start = len(ledger.tokens(work.sequence))
        first = len(chunk) - 1 - len(draft)  # the row that the next token is drawn from
        last = start + first + 1 >= len(work.prompt)
        if last:
            wanted.append(Wanted(number, len(rows) + first, start + first + 1, draft))
        for i, token in enumerate(chunk):
            rows.append(Row(token, start + i, work.sequence, last and i >= first))
    return rows, wanted


def _chunk(work: Work, ledger: Ledger, tokens: int) -> Sequence[int]:
    start = len(ledger.tokens(work.sequence))
    return work.prompt[start : start + tokens]
