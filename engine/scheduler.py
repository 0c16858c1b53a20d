"""Who runs in the next step. PURE: numbers in, a plan out; the clock's readings are given.

Continuous batching: every answer that is being written gets its next token in every step, and what
is left of the step's time goes to prompts, in chunks. Prompts are taken in the order of weighted
fair queueing (Demers, Keshav and Shenker, 1989): virtual time runs at the speed of one person's
fair share, and a request's tag is the virtual time at which it would be done if its author had
exactly that share. So the work of one person's ten requests lines up behind one another, a short
prompt passes a long one, and nobody waits for ever.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from engine.base import Waiting

MIN_CHUNK_TOKENS = 16
"""A smaller chunk costs nearly the same as this one."""
SMOOTHING = 0.2
"""Weight of the latest step in a measured rate."""


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


@dataclass(slots=True)
class Job:
    """One request on its way: `computed` of its `prompt_tokens` are in the cache, and then it
    writes. A chunk ends at `pause_at`, for the state there is kept. `tag` orders it, `charged` is
    what its author's account was charged beforehand."""

    number: int
    person: str
    prompt_tokens: int
    pause_at: int = 0
    computed: int = 0
    written: int = 0
    admitted: bool = False
    tag: float = 0.0
    charged: int = 0

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
    """What to compute next: one token of each of `decode`, and chunks of prompts."""

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
    """The waiting line is full; `retry_after_s` is when a place may be free."""

    def __init__(self, retry_after_s: float) -> None:
        super().__init__("the waiting line is full")
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class Rates:
    """What steps took lately. Tokens a second; 0 before the first measurement."""

    prefill: float = 0.0
    decode: float = 0.0
    token_s: float = 0.0
    answer_tokens: float = 128.0

    @property
    def draft_price(self) -> float:
        """What checking a drafted token takes, as a share of what computing one alone takes."""
        known = self.prefill > 0 and self.token_s > 0
        return 1 / (self.prefill * self.token_s) if known else 1.0

    def note(self, step: Step, seconds: float, drafted: int = 0) -> None:
        """Learn from a step that computed `drafted` tokens more than it says."""
        writers, extra = len(step.decode), step.prefill_tokens + drafted
        if extra == 0:
            if writers:
                self.decode = _smooth(self.decode, writers / seconds)
                self.token_s = _smooth(self.token_s, seconds / writers)
            return
        # What the writers of a mixed step took is known from the steps without a prompt.
        own = max(seconds - writers * self.token_s, seconds * 0.2)
        self.prefill = _smooth(self.prefill, extra / own)

    def note_answer(self, tokens: int) -> None:
        """Learn how long answers are."""
        self.answer_tokens = _smooth(self.answer_tokens, tokens)


def _smooth(old: float, new: float) -> float:
    return new if old == 0 else old + SMOOTHING * (new - old)


@dataclass(slots=True)
class _Account:
    """A person's place in virtual time: when what they asked so far would be done."""

    until: float = 0.0
    jobs: set[int] = field(default_factory=set[int])


class Scheduler:
    """The order of work. Jobs are named by number; a job is waiting until `admit` returns it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.rates = Rates()
        self._jobs: dict[int, Job] = {}
        self._accounts: dict[str, _Account] = {}
        self._virtual = 0.0

    @property
    def running(self) -> int:
        """Jobs that have a sequence."""
        return sum(job.admitted for job in self._jobs.values())

    @property
    def waiting(self) -> int:
        """Jobs in the line."""
        return len(self._jobs) - self.running

    @property
    def chunk_tokens(self) -> int:
        """Prompt tokens that take about the time of a step."""
        return self._budget(writers=1)

    def submit(
        self, number: int, person: str, prompt_tokens: int, reusable: int = 0, pause_at: int = 0
    ) -> None:
        """Put a request in the line. Raises `LineFull`."""
        if self.waiting >= self.limits.waiting:
            raise LineFull(self._eta(self._line()) or 1.0)
        job = Job(number, person, prompt_tokens, pause_at)
        account = self._accounts.setdefault(person, _Account())
        job.charged = prompt_tokens - reusable
        account.until = max(account.until, self._virtual) + job.charged
        job.tag = account.until
        account.jobs.add(number)
        self._jobs[number] = job

    def admit(self, free: int) -> list[int]:
        """The jobs that get the free sequences, best first; call `start` for each."""
        chosen: list[int] = []
        held = {person: self._held(account) for person, account in self._accounts.items()}
        for job in self._line():
            if len(chosen) < free and held[job.person] < self.limits.per_person:
                chosen.append(job.number)
                held[job.person] += 1
        return chosen

    def start(self, number: int, reused: int) -> None:
        """A job has its sequence, with the first `reused` prompt tokens in it."""
        job = self._jobs[number]
        job.admitted, job.computed = True, reused

    def plan(self) -> Step:
        """The next step; empty when nothing is to compute."""
        running = [job for job in self._jobs.values() if job.admitted]
        decode = tuple(job.number for job in running if job.writing)
        budget = self._budget(len(decode))
        prefill: list[tuple[int, int]] = []
        for job in sorted((job for job in running if job.missing), key=_order):
            chunk = min(job.until_pause, budget)
            if chunk <= 0:
                break
            prefill.append((job.number, chunk))
            budget -= chunk
        return Step(decode, tuple(prefill))

    def account(self, step: Step, seconds: float, drafts: Mapping[int, Draft] = NO_DRAFTS) -> None:
        """Note that a step was computed, and how long it took."""
        drafted = sum(draft.computed for draft in drafts.values())
        self.rates.note(step, max(seconds, 1e-6), drafted)
        for number, tokens in step.prefill:
            self._jobs[number].computed += tokens
        for number in step.decode:
            job, draft = self._jobs[number], drafts.get(number, Draft())
            job.written += 1 + draft.taken
            self._accounts[job.person].until += 1 + draft.computed
        busy = sum(1 for account in self._accounts.values() if account.jobs)
        computed = step.prefill_tokens + len(step.decode) + drafted
        self._virtual += computed / max(1, busy)

    def finish(self, number: int) -> None:
        """A job is over or cancelled; what was charged and not computed is given back."""
        job = self._jobs.pop(number)
        account = self._accounts[job.person]
        account.jobs.discard(number)
        account.until -= min(job.missing, job.charged)
        if job.written:
            self.rates.note_answer(job.written)
        self._sweep()

    def places(self) -> dict[int, Waiting]:
        """Everyone's place in the line, from 1, and the seconds until their first word."""
        line = self._line()
        return {
            job.number: Waiting(place, self._eta(line[:place]))
            for place, job in enumerate(line, start=1)
        }

    def _line(self) -> list[Job]:
        return sorted((job for job in self._jobs.values() if not job.admitted), key=_order)

    def _held(self, account: _Account) -> int:
        return sum(self._jobs[number].admitted for number in account.jobs)

    def _budget(self, writers: int) -> int:
        """Prompt tokens that fit the time of a step beside `writers` answers."""
        room = self.limits.batch_tokens - writers
        if self.rates.prefill == 0:
            return min(room, MIN_CHUNK_TOKENS * 2)
        spare_s = (
            self.limits.step_s - writers * self.rates.token_s
            if writers
            else self.limits.prefill_step_s
        )
        return max(0, min(room, max(MIN_CHUNK_TOKENS, int(spare_s * self.rates.prefill))))

    def _eta(self, line: Iterable[Job]) -> float | None:
        """Seconds until the last of `line` has its first word, from what steps took lately."""
        if self.rates.prefill == 0 or self.rates.decode == 0:
            return None
        ahead = [*line]
        prompts = sum(job.missing for job in ahead)
        prompts += sum(job.missing for job in self._jobs.values() if job.admitted)
        without_place = max(0, len(ahead) - (self.limits.sequences - self.running))
        answers = without_place * self.rates.answer_tokens
        return prompts / self.rates.prefill + answers / self.rates.decode

    def _sweep(self) -> None:
        """Drop accounts that virtual time has overtaken, and all when nobody wants anything."""
        self._accounts = {
            person: account
            for person, account in self._accounts.items()
            if account.jobs or (self._jobs and account.until > self._virtual)
        }


def _order(job: Job) -> tuple[float, int]:
    return job.tag, job.number
