"""What the next step computes: chunks of prompts and tokens of answers, within all bounds."""

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from engine.pacing import BESIDE_READERS
from engine.rates import MIN_CHUNK_TOKENS
from engine.scheduler import LineFull, Step
from tests.unit.engine.scheduling import LIMITS, ask, run_one, scheduler, start_all


def test_who_finds_the_line_full_hears_what_place_it_would_have_been():
    jobs = scheduler(sequences=1, waiting=2)
    ask(jobs, 1, "ada", 100)
    start_all(jobs, 1)
    while not run_one(jobs).decode:
        pass
    ask(jobs, 2, "bob", 100)
    ask(jobs, 3, "cat", 100)

    with pytest.raises(LineFull) as full:
        ask(jobs, 4, "dan", 100)

    told, places = full.value.waiting, jobs.places()
    last = places[3].eta_s
    assert (told.place, [*places]) == (3, [2, 3])
    assert told.eta_s is not None
    assert last is not None
    assert told.eta_s > last


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


def test_a_token_of_a_prompt_that_takes_two_steps_is_followed_by_two_of_the_readers():
    jobs = scheduler()
    ask(jobs, 1, "ada", 10)
    start_all(jobs)
    run_one(jobs, 10 / 400)
    run_one(jobs, 0.01)
    ask(jobs, 2, "bob", 500)
    start_all(jobs, free=3)
    while (step := jobs.plan()).prefill_tokens != 1:
        jobs.account(step, 0.1 if step.prefill else 0.01)

    steps = [run_one(jobs, 0.024 if jobs.plan().prefill else 0.01) for _ in range(9)]

    assert [step.prefill_tokens for step in steps] == [1, 0, 0] * 3


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
                theirs = Counter(people[n] for n in {*prompts} - running)
                most = LIMITS.waiting_per_person
                assert jobs.waiting == LIMITS.waiting or theirs[f"person {first}"] == most
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
