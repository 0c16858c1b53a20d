"""What those who wait are told: their place, how long it takes, and that it takes too long."""

import pytest

from engine.scheduler import Job, LineFull
from tests.unit.engine.scheduling import LIMITS, ask, run_one, scheduler, start_all


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


def test_what_cannot_be_in_time_is_refused_with_a_time():
    jobs = scheduler(sequences=1)
    jobs.rates.prefill, jobs.rates.token_s = 100.0, 0.01
    ask(jobs, 1, "ada", 1000)
    start_all(jobs, 1)

    with pytest.raises(LineFull) as caught:
        jobs.submit(Job(2, "bob", "bob", 500), deadline_s=12)

    assert caught.value.retry_after_s > 3
    jobs.submit(Job(3, "bob", "bob", 500), deadline_s=60)


def test_who_would_be_late_by_little_is_not_asked_back_at_once():
    jobs = scheduler(sequences=1)
    jobs.rates.prefill, jobs.rates.token_s = 100.0, 0.01
    ask(jobs, 1, "ada", 1000)
    ask(jobs, 2, "bob", 1000)
    wait_s = jobs.places()[2].eta_s
    jobs.finish(2)
    assert wait_s is not None

    with pytest.raises(LineFull) as caught:
        jobs.submit(Job(3, "bob", "bob", 1000), deadline_s=wait_s - 0.25)
    assert caught.value.retry_after_s == 1.0


def test_nobody_is_taken_to_write_more_than_they_may():
    jobs = scheduler(sequences=1)
    jobs.rates.prefill, jobs.rates.token_s = 100.0, 0.2
    jobs.submit(Job(1, "ada", "ada", 10, most=8))
    start_all(jobs, 1)
    run_one(jobs, 0.1)

    jobs.submit(Job(2, "bob", "bob", 20, most=8), deadline_s=20)
    jobs.submit(Job(3, "eve", "eve", 20, most=8), deadline_s=20)


@pytest.mark.parametrize(("whole", "soon"), [(True, True), (False, False)])
def test_only_whole_answers_tell_how_long_answers_are(whole: bool, soon: bool):
    jobs = scheduler(sequences=1)
    jobs.rates.prefill, jobs.rates.token_s = 100.0, 0.2
    ask(jobs, 1, "ada", 10)
    start_all(jobs, 1)
    while not jobs.plan().decode:
        run_one(jobs, 0.1)
    run_one(jobs, 0.2)
    jobs.finish(1, whole=whole)
    ask(jobs, 2, "ada", 10)
    start_all(jobs, 1)
    ask(jobs, 3, "bob", 10)

    assert ((jobs.places()[3].eta_s or 0) < 2) == soon


def test_whoever_is_served_soon_is_not_refused_for_those_who_are_served_later():
    jobs = scheduler(sequences=1)
    jobs.rates.prefill, jobs.rates.token_s = 100.0, 0.01
    for number in range(1, 6):
        ask(jobs, number, "flood", 1000)
    start_all(jobs, 1)

    jobs.submit(Job(9, "light", "light", 20), deadline_s=20)

    assert jobs.line()[0] == 9
    assert (jobs.places()[9].eta_s or 0) < 20
    with pytest.raises(LineFull):
        jobs.submit(Job(10, "flood", "flood", 20), deadline_s=20)
    assert 10 not in jobs.places()


def test_one_person_leaves_places_in_the_line_to_the_others():
    jobs = scheduler()
    for number in range(LIMITS.waiting_per_person):
        ask(jobs, number, "flood", 10)
    with pytest.raises(LineFull):
        ask(jobs, LIMITS.waiting_per_person, "flood", 10)
    assert LIMITS.waiting_per_person < LIMITS.waiting

    for number in range(LIMITS.waiting_per_person, LIMITS.waiting):
        ask(jobs, number, "light", 10)
    with pytest.raises(LineFull):
        ask(jobs, 99, "another", 10)
