"""Who runs in the next step. PURE: numbers in, a plan out; the clock's readings are given.

Continuous batching: a step gives every answer that is being written its next token, or computes a
chunk of one prompt, by turns while there is both. The order of prompts is what `fairness` gives;
the same order decides who is next for a sequence, and `estimate` how long that takes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from engine.base import Waiting
from engine.estimate import AnswerLengths, Pace, first_words
from engine.fairness import Shares
from engine.pacing import Pacing
from engine.rates import MIN_CHUNK_TOKENS, Rates

UNBOUNDED = 1 << 30
"""As many tokens as no answer has."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the scheduler; the names are those of `plan.Plan`."""

    sequences: int
    waiting: int
    batch_tokens: int
    step_s: float
    prefill_step_s: float

    @property
    def per_person(self) -> int:
        """Answers one person may have written at once: one sequence is left for the others."""
        return max(1, self.sequences - 1)

    @property
    def waiting_per_person(self) -> int:
        """Places in the line that one person may have: a quarter is left for the others."""
        return self.waiting - self.waiting // 4


@dataclass(slots=True)
class Job:
    """One request on its way: `computed` of its `prompt_tokens` are in the cache, or are expected
    to be once it is admitted, and then it writes. A chunk ends at `pause_at`, for the state there
    is kept."""

    number: int
    person: str
    session: str
    prompt_tokens: int
    computed: int = 0
    pause_at: int = 0
    most: int = UNBOUNDED
    written: int = 0
    admitted: bool = False

    @property
    def missing(self) -> int:
        """Prompt tokens still to compute."""
        return self.prompt_tokens - self.computed

    @property
    def until_pause(self) -> int:
        """Prompt tokens that the next chunk may have."""
        paused = self.pause_at - self.computed
        return min(self.missing, paused) if paused > 0 else self.missing

    @property
    def writing(self) -> bool:
        """Whether the prompt is computed and the answer under way."""
        return self.admitted and self.missing == 0


@dataclass(frozen=True, slots=True)
class Step:
    """What to compute next: one token of each of `decode`, or a chunk of a prompt."""

    decode: tuple[int, ...] = ()
    prefill: tuple[tuple[int, int], ...] = ()

    @property
    def prefill_tokens(self) -> int:
        """Prompt tokens in the step."""
        return sum(tokens for _, tokens in self.prefill)


@dataclass(frozen=True, slots=True)
class Draft:
    """Tokens computed beside an answer's next one, and how many of them were drawn again."""

    computed: int = 0
    taken: int = 0


NO_DRAFTS: Mapping[int, Draft] = {}


class LineFull(Exception):
    """There is no place in the line, or none in time; `retry_after_s` is when there may be one,
    `waiting` the place that it would have been."""

    def __init__(self, why: str, retry_after_s: float, waiting: Waiting) -> None:
        super().__init__(why)
        self.retry_after_s = retry_after_s
        self.waiting = waiting


class Scheduler:
    """The order of work. Jobs are named by number; a job is waiting until `admit` returns it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rates = Rates()
        self._lengths = AnswerLengths()
        self._shares = Shares()
        self._pacing = Pacing()
        self._jobs: dict[int, Job] = {}
        self._readers_turns = 0
        self.running = 0
        """Jobs that have a sequence."""

    @property
    def waiting(self) -> int:
        """Jobs in the line."""
        return len(self._jobs) - self.running

    @property
    def chunk_tokens(self) -> int:
        """Prompt tokens that take about the time of a step."""
        return self._while_nobody_reads()

    def submit(self, job: Job, deadline_s: float | None = None) -> None:
        """Put a request in the line.

        Raises `LineFull` when the line has no place, or none for this person, or when the first
        word is not to be expected within `deadline_s`.
        """
        has_place = self._has_place(job.person)
        first_s = next(iter(self._first_words(self._line())), None)
        self._shares.join(job, self._jobs.values())
        self._jobs[job.number] = job
        waiting = self.places()[job.number]
        wait_s = waiting.eta_s
        if not has_place:
            self.finish(job.number)
            raise LineFull("the waiting line has no place", max(1.0, first_s or 1.0), waiting)
        if deadline_s is not None and wait_s is not None and wait_s > deadline_s:
            self.finish(job.number)
            late = f"the first word would come in {wait_s:.0f} s, after the deadline"
            raise LineFull(late, max(1.0, wait_s - deadline_s), waiting)

    def admit(self, free: int) -> list[int]:
        """The jobs that may have a free sequence, best first; call `start` for one of them.

        Nobody gets one behind a prompt that is still computed: it would be held without use, and be
        missing to a short prompt that passes.
        """
        if not free:
            return []
        chosen: list[int] = []
        held: dict[str, int] = {}
        for job in self._jobs.values():
            held[job.person] = held.get(job.person, 0) + job.admitted
        for job in self._shares.order(job for job in self._jobs.values() if job.missing):
            if job.admitted or len(chosen) == free:
                break
            if held[job.person] < self.limits.per_person:
                chosen.append(job.number)
                held[job.person] += 1
        return chosen

    def start(self, number: int, reused: int) -> None:
        """A job has its sequence, with the first `reused` prompt tokens in it."""
        job = self._jobs[number]
        job.admitted, job.computed = True, reused
        self.running += 1

    def plan(self) -> Step:
        """The next step; empty when nothing is to compute."""
        decode = tuple(job.number for job in self._jobs.values() if job.writing)
        if decode and self._readers_turns:
            return Step(decode)
        wanting = (job for job in self._jobs.values() if job.missing)
        chosen = next((job for job in self._shares.order(wanting) if job.admitted), None)
        if chosen is None:
            return Step(decode)
        return Step(prefill=((chosen.number, self._chunk(chosen, len(decode))),))

    def account(self, step: Step, seconds: float, drafts: Mapping[int, Draft] = NO_DRAFTS) -> None:
        """Note that a step was computed, and how long it took."""
        drafted = sum(draft.computed for draft in drafts.values())
        self._readers_turns = max(0, self._readers_turns - 1)
        if step.prefill:
            writers = sum(job.writing for job in self._jobs.values())
            writing_s = writers * self.rates.token_s
            self._pacing.note(step.prefill_tokens, seconds, writing_s, self.rates)
            self._readers_turns = self._pacing.turns
        self.rates.note(len(step.decode), step.prefill_tokens, drafted, seconds)
        served: list[tuple[Job, int]] = []
        for number, tokens in step.prefill:
            self._jobs[number].computed += tokens
            served.append((self._jobs[number], tokens))
        for number in step.decode:
            draft = drafts.get(number, Draft())
            self._jobs[number].written += 1 + draft.taken
            served.append((self._jobs[number], 1 + draft.computed))
        self._shares.charge(served, self._jobs.values())

    def finish(self, number: int, *, whole: bool = True) -> None:
        """A job is over; how long its answer became says something of others if it is `whole`."""
        job = self._jobs.pop(number)
        self.running -= job.admitted
        if job.written and whole:
            self._lengths.note(job.written)
        self._shares.keep(self._jobs.values())

    def rest(self, number: int) -> float:
        """Tokens that an answer probably still has."""
        job = self._jobs[number]
        return self._lengths.rest(job.written, job.most)

    def line(self) -> list[int]:
        """Who waits, the next one first."""
        return [job.number for job in self._line()]

    def places(self) -> dict[int, Waiting]:
        """Everyone's place in the line, from 1, and the seconds until their first word."""
        line = self._line()
        waits = zip(line, self._first_words(line), strict=True)
        return {job.number: Waiting(place, s) for place, (job, s) in enumerate(waits, start=1)}

    def _has_place(self, person: str) -> bool:
        """Whether the line has a place for one more request of a person."""
        theirs = sum(job.person == person and not job.admitted for job in self._jobs.values())
        return self.waiting < self.limits.waiting and theirs < self.limits.waiting_per_person

    def _line(self) -> list[Job]:
        if not self.waiting:
            return []
        return [job for job in self._shares.order(self._jobs.values()) if not job.admitted]

    def _chunk(self, job: Job, writers: int) -> int:
        """Tokens of a job's prompt to compute now, between two tokens of `writers` answers."""
        wanted = self._beside(writers, job.until_pause) if writers else self._while_nobody_reads()
        return min(wanted, job.until_pause, self.limits.batch_tokens)

    def _while_nobody_reads(self) -> int:
        wanted = MIN_CHUNK_TOKENS * 2
        if self.rates.prefill:
            wanted = max(MIN_CHUNK_TOKENS, int(self.limits.prefill_step_s * self.rates.prefill))
        return min(wanted, self.limits.batch_tokens)

    def _beside(self, writers: int, rest: int) -> int:
        """All of a short `rest`, else as much as takes hardly longer than the answers' step."""
        step_s = writers * self.rates.token_s
        if rest <= (self.limits.step_s - step_s) * self.rates.prefill:
            return rest
        return self._pacing.tokens(step_s, self.rates)

    def _first_words(self, line: list[Job]) -> list[float | None]:
        """Seconds until the first word of each in the line; None before anything was measured."""
        running = [job for job in self._jobs.values() if job.admitted]
        pace = self._pace(sum(job.writing for job in running))
        if not pace.known:
            return [None] * len(line)
        free = self.limits.sequences - len(running)
        return list(first_words(self._rests(running), self._rests(line), free, pace))

    def _rests(self, jobs: Iterable[Job]) -> Iterator[tuple[int, float]]:
        """What each misses of its prompt, and probably of its answer."""
        for job in jobs:
            yield job.missing, self._lengths.rest(job.written, job.most)

    def _pace(self, writers: int) -> Pace:
        """How fast prompts and answers get on beside one another."""
        writing_s = max(1, writers) * self.rates.token_s
        beside = self._pacing.rate if writers else 0.0
        return Pace(beside or self.rates.prefill, writing_s)
