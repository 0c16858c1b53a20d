"""A scheduler, and people who ask it for something."""

from engine.scheduler import Job, Limits, Scheduler, Step

LIMITS = Limits(sequences=4, waiting=8, batch_tokens=64, step_s=0.1, prefill_step_s=0.25)


def scheduler(**changes: int) -> Scheduler:
    fields = {name: getattr(LIMITS, name) for name in Limits.__dataclass_fields__}
    return Scheduler(Limits(**{**fields, **changes}))


def ask(jobs: Scheduler, number: int, person: str, tokens: int, session: str = "") -> None:
    jobs.submit(Job(number, person, session or person, tokens))


def start_all(jobs: Scheduler, free: int = 4) -> list[int]:
    started = jobs.admit(free)
    for number in started:
        jobs.start(number, 0)
    return started


def run_one(jobs: Scheduler, seconds: float = 0.05) -> Step:
    step = jobs.plan()
    jobs.account(step, seconds)
    return step
