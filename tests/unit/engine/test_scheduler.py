"""Who runs next: tables of small cases, and properties over any sequence of events."""

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.pacing import BESIDE_READERS
from engine.rates import MIN_CHUNK_TOKENS
from engine.scheduler import Job, Limits, LineFull, Scheduler, Step

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


def test_nothing_to_do_is_an_empty_step():
    assert scheduler().plan() == Step()


def test_a_prompt_is_computed_in_chunks_and_then_a_token_a_step():
    jobs = scheduler()
    ask(jobs, 1, "ada", 100)
    start_all(jobs)

    chunks = 0
    while not jobs.plan().decode:
        chunks += run_one(jobs).prefill_tokens

    assert chunks == 100
    assert jobs.plan() == Step(decode=(1,))


def test_all_who_write_get_a_token_after_every_chunk():
    jobs = scheduler()
    for number in (1, 2, 3):
        ask(jobs, number, f"person {number}", 10)
    start_all(jobs)
    while len(jobs.plan().decode) < 3:
        run_one(jobs)
    ask(jobs, 4, "person 4", 500)
    start_all(jobs, free=1)

    steps = [run_one(jobs) for _ in range(4)]
    assert [step.decode for step in steps[steps[0].prefill == () :: 2]] == [(), ()]
    assert [step.decode for step in steps[steps[0].prefill != () :: 2]] == [(1, 2, 3)] * 2


def beside_a_reader(missing: int) -> int:
    """The chunk of a prompt that somebody asks while another reads."""
    jobs = scheduler(batch_tokens=512)
    jobs.rates.prefill, jobs.rates.token_s = 400.0, 0.02
    ask(jobs, 1, "ada", 10)
    start_all(jobs)
    run_one(jobs, 10 / 400)
    run_one(jobs, 0.02)
    ask(jobs, 2, "bob", missing)
    start_all(jobs, free=3)
    return jobs.plan().prefill_tokens


def test_a_long_prompt_slows_a_reader_down_to_half_the_pace():
    assert beside_a_reader(500) == int(0.02 * BESIDE_READERS * 400)


def test_a_short_prompt_is_computed_between_two_tokens_of_a_reader():
    short = int((LIMITS.step_s - 0.02) * 400)
    assert beside_a_reader(short) == short
    assert beside_a_reader(short + 1) < short


def test_a_slow_machine_still_gets_on():
    jobs = scheduler()
    jobs.rates.prefill = 1.0
    ask(jobs, 1, "ada", 500)
    start_all(jobs)

    assert jobs.plan().prefill == ((1, MIN_CHUNK_TOKENS),)


def test_one_persons_many_requests_wait_for_anothers_one():
    jobs = scheduler(sequences=2)
    for number in range(1, 6):
        ask(jobs, number, "flood", 50)
    ask(jobs, 6, "light", 50)

    assert jobs.admit(2) == [1, 6]


def test_one_sequence_is_always_left_for_the_others():
    jobs = scheduler()
    for number in range(1, 8):
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


def test_a_rest_saves_nothing_up():
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


def test_what_cannot_be_in_time_is_refused_with_a_time():
    jobs = scheduler(sequences=1)
    jobs.rates.prefill, jobs.rates.token_s = 100.0, 0.01
    ask(jobs, 1, "ada", 1000)
    start_all(jobs, 1)

    with pytest.raises(LineFull) as caught:
        jobs.submit(Job(2, "bob", "bob", 500), deadline_s=12)

    assert caught.value.retry_after_s > 3
    jobs.submit(Job(3, "bob", "bob", 500), deadline_s=60)


def test_reuse_makes_a_prompt_short():
    jobs = scheduler()
    ask(jobs, 1, "ada", 1000)
    jobs.submit(Job(2, "bob", "bob", 1010, computed=1000))

    assert jobs.admit(1) == [2]


def test_a_full_line_says_when_to_come_back():
    jobs = scheduler(waiting=2)
    ask(jobs, 1, "ada", 10)
    ask(jobs, 2, "bob", 10)

    with pytest.raises(LineFull) as caught:
        ask(jobs, 3, "eve", 10)

    assert caught.value.retry_after_s > 0
    start_all(jobs)
    ask(jobs, 3, "eve", 10)


def test_places_are_in_order_and_times_grow():
    jobs = scheduler(sequences=1)
    for number, person in enumerate(["ada", "bob", "eve"], start=1):
        ask(jobs, number, person, 100)
    assert jobs.places()[1].eta_s is None
    jobs.rates.prefill, jobs.rates.token_s = 400.0, 0.02
    start_all(jobs, free=1)

    places = jobs.places()

    assert {number: waiting.place for number, waiting in places.items()} == {2: 1, 3: 2}
    assert 0 < (places[2].eta_s or 0) < (places[3].eta_s or 0)


def test_the_wait_beside_readers_is_told_by_what_prompts_took_beside_them():
    jobs = scheduler(batch_tokens=512)
    jobs.rates.prefill, jobs.rates.token_s = 400.0, 0.02
    ask(jobs, 1, "ada", 10)
    start_all(jobs)
    run_one(jobs, 10 / 400)
    ask(jobs, 2, "bob", 3000)
    start_all(jobs, free=3)
    took = tokens = 0.0
    for _ in range(100):
        step = jobs.plan()
        seconds = 0.02 if step.decode else step.prefill_tokens * 0.01
        jobs.account(step, seconds)
        took, tokens = took + seconds, tokens + step.prefill_tokens
    ask(jobs, 3, "eve", 3000)

    missing = 3000 - tokens + 3000
    assert jobs.places()[3].eta_s == pytest.approx(missing / (tokens / took), rel=0.2)


def test_rates_are_measured():
    jobs = scheduler()
    ask(jobs, 1, "ada", 32)
    start_all(jobs)
    run_one(jobs, 0.1)
    assert jobs.rates.prefill == pytest.approx(320)
    run_one(jobs, 0.02)
    assert jobs.rates.decode == pytest.approx(50)


events = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.integers(0, 5), st.integers(1, 300)),
        st.tuples(st.just("finish"), st.integers(0, 50), st.just(0)),
        st.tuples(st.just("step"), st.integers(1, 400), st.just(0)),
    ),
    max_size=120,
)


@given(events)
def test_bounds_hold_whatever_happens(happening: list[tuple[str, int, int]]):
    jobs = scheduler()
    prompts: dict[int, int] = {}
    people: dict[int, str] = {}
    computed: Counter[int] = Counter()
    running: set[int] = set()
    for number, (event, first, second) in enumerate(happening):
        if event == "submit":
            try:
                ask(jobs, number, f"person {first}", second)
            except LineFull:
                assert jobs.waiting == LIMITS.waiting
                continue
            prompts[number], people[number] = second, f"person {first}"
        elif event == "finish" and prompts:
            gone = sorted(prompts)[first % len(prompts)]
            jobs.finish(gone)
            running.discard(gone)
            del prompts[gone]
        else:
            running |= set(start_all(jobs, LIMITS.sequences - len(running)))
            step = run_one(jobs, first / 1000)
            computed.update(dict(step.prefill))
            assert step.prefill_tokens + len(step.decode) <= LIMITS.batch_tokens
            assert set(step.decode) | {n for n, _ in step.prefill} <= running
            assert all(computed[n] <= prompts[n] for n, _ in step.prefill)
            assert all(computed[n] == prompts[n] for n in step.decode)
            assert not (step.decode and step.prefill)
        held = Counter(people[n] for n in running)
        assert len(running) <= LIMITS.sequences
        assert all(count <= LIMITS.per_person for count in held.values())
        assert jobs.waiting <= LIMITS.waiting
        assert jobs.running == len(running)
        assert {*jobs.places()} == {*prompts} - running


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 200)), min_size=1, max_size=8))
def test_everybody_is_served_in_the_end(asked: list[tuple[int, int]]):
    jobs = scheduler(sequences=2)
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
