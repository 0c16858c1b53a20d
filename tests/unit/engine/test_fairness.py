"""Who is next: fair shares, short prompts before long ones, and nobody waits for ever."""

import itertools
from collections import Counter

import hypothesis.strategies as st
from hypothesis import given, settings

from engine.fairness import SAVED_TOKENS
from engine.scheduler import Job
from tests.unit.engine.scheduling import LIMITS, ask, run_one, scheduler, start_all


def test_one_persons_many_requests_wait_for_anothers_one():
    jobs = scheduler(sequences=2)
    for number in range(1, 6):
        ask(jobs, number, "flood", 50)
    ask(jobs, 6, "light", 50)

    assert jobs.admit(2) == [1, 6]


def test_one_sequence_is_always_left_for_the_others():
    jobs = scheduler()
    for number in range(1, 7):
        ask(jobs, number, "flood", 10)

    assert len(start_all(jobs)) == LIMITS.sequences - 1
    while len(jobs.plan().decode) < LIMITS.sequences - 1:
        run_one(jobs)
    assert jobs.admit(1) == []

    ask(jobs, 9, "light", 10)
    assert jobs.admit(1) == [9]


def test_a_short_prompt_passes_a_long_one():
    jobs = scheduler()
    ask(jobs, 1, "ada", 4000)
    start_all(jobs)
    run_one(jobs)
    ask(jobs, 2, "bob", 20)
    start_all(jobs, free=3)

    assert jobs.plan().prefill[0] == (2, 20)


def test_reuse_makes_a_prompt_short():
    jobs = scheduler()
    ask(jobs, 1, "ada", 1000)
    jobs.submit(Job(2, "bob", "bob", 1010, computed=1000))

    assert jobs.admit(1) == [2]


def test_nobody_holds_a_sequence_behind_a_prompt_that_is_computed():
    jobs = scheduler(batch_tokens=512)
    ask(jobs, 1, "ada", 400)
    assert jobs.admit(4) == [1]
    jobs.start(1, 0)
    ask(jobs, 2, "bob", 500)
    ask(jobs, 3, "eve", 600)
    assert jobs.admit(3) == []

    ask(jobs, 4, "light", 20)
    assert jobs.admit(3) == [4]
    jobs.start(4, 0)
    while len(jobs.plan().decode) < 2:
        assert jobs.admit(2) == []
        run_one(jobs)
    assert jobs.admit(2) == [2, 3]


def test_a_long_prompt_is_not_passed_for_ever():
    jobs = scheduler()
    ask(jobs, 1, "ada", 400)
    jobs.start(1, 0)
    for number in range(2, 200):
        ask(jobs, number, f"person {number}", 20)
        jobs.start(number, 0)
        for _ in range(2):
            run_one(jobs)
        jobs.finish(number)
        if jobs.plan().decode == (1,):
            break

    assert jobs.plan().decode == (1,)


def test_one_sessions_many_requests_wait_for_another_session_of_the_same_person():
    jobs = scheduler(sequences=3)
    for number in range(1, 4):
        ask(jobs, number, "ada", 50, session="room")
    ask(jobs, 4, "ada", 50, session="direct")

    assert jobs.admit(3) == [1, 4]
    jobs.start(1, 0)
    jobs.start(4, 0)
    assert jobs.line() == [2, 3]


def test_a_rest_saves_up_no_more_than_a_short_question():
    jobs = scheduler(sequences=3)
    ask(jobs, 1, "writer", 10)
    ask(jobs, 2, "reader", 5000)
    start_all(jobs)
    while not jobs.plan().decode:
        run_one(jobs)
    for _ in range(20):
        run_one(jobs)
    ask(jobs, 3, "writer", 400)
    ask(jobs, 4, "newcomer", 300)

    assert jobs.line() == [4, 3]


def test_a_short_question_after_a_rest_goes_before_those_who_always_want_something():
    jobs = scheduler(sequences=8, waiting=64)
    numbers, asked = itertools.count(), dict[int, str]()
    written: Counter[int] = Counter()

    def flood(person: str) -> None:
        asked[number := next(numbers)] = person
        ask(jobs, number, person, 100, session=f"{person} {number}")

    for number in range(16):
        flood(f"person {number % 8}")
    firsts: list[bool] = []
    for _ in range(40):
        for _ in range(30):
            start_all(jobs, 8 - jobs.running)
            written.update(run_one(jobs).decode)
            for number in [n for n in asked if written[n] >= 24]:
                del written[number]
                jobs.finish(number)
                flood(asked.pop(number))
        light = next(numbers)
        ask(jobs, light, "light", 20)
        firsts.append(jobs.line()[0] == light)
        jobs.finish(light)

    assert all(firsts)


def test_long_conversations_do_not_starve_a_short_one():
    jobs = scheduler(sequences=8, waiting=64)
    for number in range(1, 8):
        ask(jobs, number, f"person {number}", 3000)
    start_all(jobs, 8)
    for _ in range(5):
        run_one(jobs)
    ask(jobs, 99, "newcomer", 40)
    start_all(jobs, 1)

    before = 0
    while not jobs.plan().decode:
        before += run_one(jobs).prefill_tokens
    assert before <= LIMITS.batch_tokens


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 200)), min_size=1, max_size=8))
def test_everybody_is_served_in_the_end(asked: list[tuple[int, int]]):
    jobs = scheduler(sequences=2, waiting=16)
    left = dict.fromkeys(range(len(asked)), 5)
    for number, (person, tokens) in enumerate(asked):
        ask(jobs, number, f"person {person}", tokens)
    running: set[int] = set()
    for _ in range(sum(tokens for _, tokens in asked) + 5 * len(asked)):
        running |= set(start_all(jobs, 2 - len(running)))
        for number in run_one(jobs).decode:
            left[number] -= 1
            if left[number] == 0:
                jobs.finish(number)
                running.discard(number)
                del left[number]

    assert not left


@settings(max_examples=20)
@given(st.integers(1, 200), st.lists(st.integers(10, 100), min_size=1, max_size=5))
def test_nobody_waits_for_ever_whoever_comes(prompt: int, newcomers: list[int]):
    """Every step another person comes with a short prompt, as long as the line takes them. All
    together are served no more before than her prompt and what a rest saves up, for each of them.
    """
    jobs = scheduler()
    ask(jobs, 0, "ada", prompt)
    served = 0
    for number in itertools.count(1):
        if jobs.waiting < LIMITS.waiting:
            ask(jobs, number, f"person {number}", newcomers[number % len(newcomers)])
        start_all(jobs, LIMITS.sequences - jobs.running)
        step = run_one(jobs)
        if 0 in step.decode:
            return
        served += step.prefill_tokens + len(step.decode)
        sharers = LIMITS.sequences + LIMITS.waiting
        assert served <= (prompt + SAVED_TOKENS + max(newcomers)) * sharers
        for answered in step.decode:
            jobs.finish(answered)
