"""The rules of the lease: a table, and any interleaving of bots whose clocks run differently."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from storage.tenure import (
    Grip,
    Standing,
    Terms,
    Watch,
    Wish,
    acts_until,
    may_take,
    rest_s,
    standing,
)

ME = Terms("me", 10, automatic=True)
OTHERS = Grip(3, "other", "the other", 7, 10)
SLOWER = replace(OTHERS, ttl_s=60)
MOST_SKEW = 1.65
GIVEN_UP = replace(OTHERS, holder="")


@pytest.mark.parametrize(
    ("terms", "grip", "silent_s", "expected"),
    [
        (ME, None, 0, Standing.FREE),
        (ME, GIVEN_UP, 0, Standing.FREE),
        (replace(ME, yielded=2), GIVEN_UP, 0, Standing.FREE),
        (replace(ME, yielded=3), GIVEN_UP, 10, Standing.HELD),
        (replace(ME, yielded=3), GIVEN_UP, 10.1, Standing.FREE),
        (ME, replace(OTHERS, holder="me"), 0, Standing.OWN),
        (ME, OTHERS, 10, Standing.HELD),
        (ME, OTHERS, 10.1, Standing.STALE),
        (ME, SLOWER, 59, Standing.HELD),
        (ME, SLOWER, 61, Standing.STALE),
    ],
)
def test_standing(terms: Terms, grip: Grip | None, silent_s: float, expected: Standing) -> None:
    assert standing(terms, Watch(grip, 100), 100 + silent_s) is expected


@given(
    ttl_s=st.floats(5, 600),
    its_s=st.floats(5, 600),
    silent_s=st.floats(0, 1200),
)
def test_a_watcher_looks_again_as_soon_as_the_holders_time_is_over(
    ttl_s: float, its_s: float, silent_s: float
) -> None:
    terms, watch = replace(ME, ttl_s=ttl_s), Watch(replace(OTHERS, ttl_s=its_s), 0)
    rest = rest_s(terms, watch, silent_s)
    assert 0 < rest <= ttl_s / 10
    if standing(terms, watch, silent_s) is Standing.HELD:
        assert standing(terms, watch, silent_s + rest) is Standing.STALE or rest == ttl_s / 10
    assert rest_s(terms, Watch(), silent_s) == ttl_s / 10


@pytest.mark.parametrize(
    ("standing", "by_itself", "where_manual", "when_told_to", "when_forced"),
    [
        (Standing.FREE, True, True, True, True),
        (Standing.OWN, True, True, True, True),
        (Standing.STALE, True, False, True, True),
        (Standing.HELD, False, False, False, True),
    ],
)
def test_who_may_take_it(
    standing: Standing, by_itself: bool, where_manual: bool, when_told_to: bool, when_forced: bool
) -> None:
    assert may_take(standing, Wish.NONE, automatic=True) is by_itself
    assert may_take(standing, Wish.NONE, automatic=False) is where_manual
    assert may_take(standing, Wish.TAKE, automatic=False) is when_told_to
    assert may_take(standing, Wish.FORCE, automatic=False) is when_forced


def test_a_beat_begins_the_watch_anew() -> None:
    first = Watch().seeing(OTHERS, 5)
    assert first.seeing(OTHERS, 9) == first
    assert first.seeing(replace(OTHERS, beat=8), 9) == Watch(replace(OTHERS, beat=8), 9)
    assert first.seeing(replace(OTHERS, epoch=4), 9).since_s == 9


@given(
    skew=st.floats(1, MOST_SKEW),
    ttl_s=st.floats(1, 3600),
    commit_s=st.floats(0, 100),
    until_seen_s=st.floats(0, 100),
)
def test_a_holder_has_stopped_when_another_begins(
    skew: float, ttl_s: float, commit_s: float, until_seen_s: float
) -> None:
    """The watcher's clock runs faster by `skew`; true time begins with the holder's commit."""
    terms = replace(ME, ttl_s=ttl_s)
    watch = Watch().seeing(replace(OTHERS, ttl_s=ttl_s), skew * (commit_s + until_seen_s))
    stops_at_s = acts_until(0, ttl_s)
    assert standing(terms, watch, skew * stops_at_s) is Standing.HELD


@dataclass
class Bot:
    """One instance: a clock of its own, what it saw, and the lease if it thinks it has it."""

    terms: Terms
    rate: float
    offset_s: float
    watch: Watch
    epoch: int = 0
    until_s: float = 0
    beating_since_s: float | None = None

    def now_s(self, true_s: float) -> float:
        return self.offset_s + self.rate * true_s

    def acts(self, true_s: float) -> bool:
        return self.epoch > 0 and self.now_s(true_s) < self.until_s


BOTS = st.integers(0, 2)


class Bots(RuleBasedStateMachine):
    """Three bots and a file that one of them at a time has a transaction on.

    A bot that is not chosen for a while is frozen: its clock goes on, and it does nothing.
    """

    @initialize(
        rates=st.tuples(*[st.sampled_from([0.8, 1.0, 1.3])] * 3),
        offsets=st.tuples(*[st.integers(-1_000, 1_000)] * 3),
        ttls=st.tuples(*[st.sampled_from([10.0, 20.0])] * 3),
    )
    def start(
        self,
        rates: tuple[float, ...],
        offsets: tuple[int, ...],
        ttls: tuple[float, ...],
    ) -> None:
        self.true_s = 0.0
        self.grip: Grip | None = None
        self.newest = 0
        self.bots = [
            Bot(Terms(str(i), ttls[i], automatic=True), rates[i], offsets[i], Watch())
            for i in range(3)
        ]

    @rule(i=BOTS, seconds=st.sampled_from([0.0, 1.0, 2.0, 4.0, 8.0]))
    def look_and_claim(self, i: int, seconds: float) -> None:
        """The claim is one transaction, as `Lease.claim`."""
        self.true_s += seconds
        bot, now_s = self.bots[i], self.bots[i].now_s(self.true_s)
        if bot.acts(self.true_s):
            return
        bot.watch = bot.watch.seeing(self.grip, now_s)
        if self._is_locked():
            return
        if may_take(standing(bot.terms, bot.watch, now_s), Wish.NONE, automatic=True):
            bot.epoch = self.grip.epoch + 1 if self.grip else 1
            self.grip = Grip(bot.epoch, bot.terms.me, bot.terms.me, 0, bot.terms.ttl_s)
            bot.until_s = acts_until(now_s, bot.terms.ttl_s)

    @precondition(lambda self: not self._is_locked())
    @rule()
    def begin_commit(self) -> None:
        for bot in self.bots:
            if self._is_admitted(bot):
                bot.beating_since_s = bot.now_s(self.true_s)

    @precondition(lambda self: self._is_locked())
    @rule(outcome=st.sampled_from(["done", "done", "done, and the bot is not told", "undone"]))
    def end_commit(self, outcome: str) -> None:
        """It may be undone: the server forgot the lock, or the disk was full."""
        (bot,) = [bot for bot in self.bots if bot.beating_since_s is not None]
        if outcome != "undone":
            assert self.grip
            self.grip = replace(self.grip, beat=self.grip.beat + 1)
        if outcome == "done" and bot.beating_since_s is not None:
            bot.until_s = acts_until(bot.beating_since_s, bot.terms.ttl_s)
        bot.beating_since_s = None

    @rule(i=BOTS, what=st.sampled_from(["nothing"] * 6 + ["give up", "restart"]))
    def disturb(self, i: int, what: str) -> None:
        bot = self.bots[i]
        if what == "give up" and bot.acts(self.true_s) and not self._is_locked():
            self._give_up(bot)
        if what == "restart":  # a new process: the old one is dead, and its transaction undone
            terms = replace(bot.terms, yielded=0)
            self.bots[i] = Bot(terms, bot.rate, bot.offset_s, Watch())

    @invariant()
    def one_acts_at_most(self) -> None:
        acting = [bot.terms.me for bot in self.bots if bot.acts(self.true_s)]
        assert len(acting) <= 1, acting

    @invariant()
    def epochs_grow(self) -> None:
        if self.grip:
            assert self.grip.epoch >= self.newest
            self.newest = self.grip.epoch

    def _give_up(self, bot: Bot) -> None:
        if self.grip and self._is_admitted(bot):
            self.grip = replace(self.grip, holder="")
            bot.terms, bot.epoch = replace(bot.terms, yielded=bot.epoch), 0

    def _is_locked(self) -> bool:
        return any(bot.beating_since_s is not None for bot in self.bots)

    def _is_admitted(self, bot: Bot) -> bool:
        grip = self.grip
        return grip is not None and (grip.epoch, grip.holder) == (bot.epoch, bot.terms.me)


TestBots = Bots.TestCase
TestBots.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
