"""The step loop through any sequence of events, on a model whose answers show a wrong cache.

Whatever is asked, stopped, forgotten, parked, made ready or aborted: no sequence is given to two
sessions, the ledger says what the cache holds, the budgets hold, every answer is the one that a
fresh model gives, and everybody is answered in the end.
"""

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.base import Request, Sampling
from engine.drafter import CATCH_UP_TOKENS, Drafter
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from tests.fakes.paper_carrier import PaperCarrier
from tests.fakes.paper_model import LETTERS, Careless, PaperModel, answer_to, text_of

CONTEXT = 400
SYSTEM = [1, 2, 3, 4, 5, 6] * 6
TURNS_KEPT = 2
SESSIONS = [f"session {number}" for number in range(4)]

sessions = st.sampled_from(SESSIONS)
people = st.sampled_from(["ada", "bob", "eve"])
words = st.lists(st.integers(1, 6), min_size=1, max_size=60)


class Talk(RuleBasedStateMachine):
    """People talk in sessions; histories are as the bot keeps them."""

    @initialize(
        sequences=st.integers(1, 3),
        batch_tokens=st.sampled_from([8, 24, 64]),
        park_bytes=st.sampled_from([0, 700, 1500, 5000]),
        spill_bytes=st.sampled_from([0, 1500, 50_000]),
        lookup=st.booleans(),
        draft_context=st.sampled_from([0, CONTEXT // 4, CONTEXT]),
        can_truncate=st.sampled_from([True, True, True, False]),
        can_shift=st.booleans(),
    )
    def start(
        self,
        sequences: int,
        batch_tokens: int,
        park_bytes: int,
        spill_bytes: int,
        *,
        lookup: bool,
        draft_context: int,
        can_truncate: bool,
        can_shift: bool,
    ) -> None:
        self.plan = Plan(
            CONTEXT, sequences, waiting=4, batch_tokens=batch_tokens, park_bytes=park_bytes,
            lookup=lookup,
        )  # fmt: skip
        self.model = PaperModel(
            sequences,
            context_tokens=CONTEXT,
            batch_tokens=batch_tokens,
            can_truncate=can_truncate,
            can_shift=can_shift,
        )
        second = Careless(sequences, context_tokens=draft_context, batch_tokens=CATCH_UP_TOKENS)
        drafter = Drafter(second, sequences, LETTERS, second.clock) if draft_context else None
        self.carrier = PaperCarrier(spill_bytes)
        self.loop = Loop(self.model, self.plan, self.model.clock, drafter, self.carrier)
        self.turns: dict[str, list[list[int]]] = {session: [] for session in SESSIONS}
        self.asked: dict[int, tuple[str, list[int], list[int]]] = {}
        self.texts: dict[int, str] = {}
        self.last = 0

    @rule(session=sessions, person=people, text=words, max_tokens=st.integers(1, 40))
    def ask(self, session: str, person: str, text: list[int], max_tokens: int) -> None:
        prompt = [*self._window(session), *text]
        self.last += 1
        self.asked[self.last] = (session, text, answer_to(prompt, self._room(prompt, max_tokens)))
        self.texts[self.last] = ""
        request = Request(session, person, (), Sampling(temperature=0, max_tokens=max_tokens))
        self.loop.submit(self.last, request, Prompt(prompt, len(SYSTEM)))

    @rule(session=sessions, text=words, count=st.integers(1, 4), steps=st.integers(0, 8))
    def talk(self, session: str, text: list[int], count: int, steps: int) -> None:
        """Whole turns, one after the other, with time for `steps` between; without any, somebody
        else is being answered all the time."""
        for _ in range(count):
            if steps == 0:
                self.ask(SESSIONS[-1], "flood", text, 100)
            self.ask(session, session, text, 40)
            while self.last in self.asked:
                self.step(1)
                if self.loop.awaits_file:
                    self.carrier.carry()
            for _ in range(steps):
                if self.loop.busy:
                    self.step(1)

    @rule(text=words, rounds=st.integers(1, 3), carries=st.booleans())
    def take_turns(self, text: list[int], rounds: int, *, carries: bool) -> None:
        """Everybody asks, one after the other, so that most lose their sequence in between."""
        for session in SESSIONS * rounds:
            self.talk(session, text, 1, 1)
            if carries:
                self.carry(fails=False)

    def _window(self, session: str) -> list[int]:
        return [*SYSTEM, *(token for turn in self.turns[session] for token in turn)]

    def _room(self, prompt: list[int], max_tokens: int) -> int:
        return min(max_tokens, CONTEXT - len(prompt))

    @rule(fails=st.booleans())
    def carry(self, *, fails: bool) -> None:
        """A file is written or read, or cannot be."""
        self.carrier.fails = fails
        self.carrier.carry()
        self.carrier.fails = False
        self.step(1)

    @precondition(lambda self: self.loop.busy)
    @rule(count=st.integers(1, 8))
    def step(self, count: int) -> None:
        for _ in range(count):
            report = self.loop.step()
            for number, text in report.texts.items():
                self.texts[number] += text
                assert text_of(self.asked[number][2]).startswith(self.texts[number])
            for number in report.done:
                self._end(number)
            for number in report.failed:
                self.asked.pop(number, None)

    def _end(self, number: int) -> None:
        session, text, answer = self.asked.pop(number)
        assert self.texts[number] == text_of(answer)
        self.turns[session].append([*text, *answer])
        if len(self.turns[session]) > TURNS_KEPT:
            self.turns[session] = self.turns[session][1:]
            self.loop.prepare(session, self._window(session))

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        number = sorted(self.asked)[which % len(self.asked)]
        self.loop.cancel(number)
        del self.asked[number]

    @rule(session=sessions)
    def forget(self, session: str) -> None:
        known = self._window(session)
        self.loop.forget(session)
        self.turns[session] = []
        kept = self.loop.shelf.best(session, known)
        assert kept is None or kept.session != session
        assert self.loop.kept.files == len(self.carrier.files) - (self.carrier.fetching is not None)
        owners = map(self.loop.ledger.owner, range(self.plan.sequences))
        assert session not in owners

    @rule(session=sessions, turn=st.integers(0, TURNS_KEPT - 1))
    def take_out_a_turn(self, session: str, turn: int) -> None:
        self.loop.forget(session)
        del self.turns[session][turn : turn + 1]

    @precondition(lambda self: self.loop.busy)
    @rule()
    def abort(self) -> None:
        self.model.abort()
        self.step(1)

    @invariant()
    def ledger_is_the_cache(self) -> None:
        for sequence, cells in enumerate(self.model.cells):
            assert list(self.loop.ledger.tokens(sequence)) == cells

    @invariant()
    def budgets_hold(self) -> None:
        running, waiting, _ = self.loop.load
        assert running <= self.plan.sequences
        assert waiting <= self.plan.waiting
        assert self.model.samplers == running
        kept = self.loop.kept
        assert kept.memory_bytes <= self.plan.park_bytes
        assert kept.file_bytes <= self.carrier.budget_bytes
        assert sum(map(len, self.carrier.files.values())) <= kept.file_bytes

    def teardown(self) -> None:
        left = 400 * (1 + len(self.asked))
        while (self.loop.busy or self.carrier.pending) and left:
            self.carrier.carry()
            self.step(1)
            left -= 1
        assert not self.loop.busy
        assert not self.asked


Talk.TestCase.settings = settings(max_examples=50, stateful_step_count=40, deadline=None)
TestTalk = Talk.TestCase
