"""The step loop through any sequence of events, on a model whose answers show a wrong cache.

Whatever is asked, stopped, forgotten, parked, made ready or aborted: no sequence is given to two
sessions, the ledger says what the cache holds, the budgets hold, every answer is the one that a
fresh model gives, nobody begins with what decision 0008 does not lend nor without what it does, a
forgotten session begins anew, and everybody is answered in the end.

`PARLEY_TALKS` is the number of examples.
"""

import os
from dataclasses import dataclass
from itertools import chain

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.base import Request, Sampling, Usage
from engine.drafter import CATCH_UP_TOKENS, Drafter
from engine.frames import Report
from engine.loop import Loop
from engine.plan import Plan
from engine.prompt import Prompt
from engine.slide import MOST_SHIFTS
from tests.fakes.paper_carrier import PaperCarrier
from tests.fakes.paper_model import LETTERS, Careless, answer_to, text_of
from tests.fakes.remembering_model import Holder, RememberingModel
from tests.unit.engine.lawful import Witness

CONTEXT = 400
SYSTEM = [1, 2, 3, 4, 5, 6] * 6
SYSTEMS = [SYSTEM, [*SYSTEM, *[6, 5, 4] * 4], [*SYSTEM[:20], *[3, 2, 1] * 8]]
"""One is the beginning of another, and one has a beginning in common with both."""
TURNS_KEPT = 2
SESSIONS = [f"session {number}" for number in range(4)]
AT_HOME = dict(zip(SESSIONS, ["ada", "ada", "bob", "eve"], strict=True))

sessions = st.sampled_from(SESSIONS)
systems = st.integers(0, len(SYSTEMS) - 1)
people = st.sampled_from(["ada", "bob", "eve"])
words = st.lists(st.integers(1, 6), min_size=1, max_size=60)


@dataclass(slots=True)
class Asked:
    """A request, what it is to be answered, and what came of that so far."""

    holder: Holder
    prompt: list[int]
    text: list[int]
    answer: list[int]
    least: int = 0
    shown: str = ""
    tokens: int = 0


class Talk(RuleBasedStateMachine):
    """People talk in sessions; histories are as the bot keeps them."""

    @initialize(
        sequences=st.integers(1, 4),
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
        self.model = RememberingModel(
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
        self.witness = Witness(self.model, SYSTEMS)
        self.model.witness = lambda: self.witness.look(self.loop.ledger)
        self.systems = dict.fromkeys(SESSIONS, 0)
        self.said: dict[str, set[str]] = {session: set() for session in SESSIONS}
        self.slid: set[str] = set()
        self.asked: dict[int, Asked] = {}
        self.last = 0

    @rule(session=sessions, person=people, text=words, max_tokens=st.integers(1, 40))
    def ask(self, session: str, person: str, text: list[int], max_tokens: int) -> None:
        prompt = [*self._window(session), *text]
        answer = answer_to(prompt, self._room(prompt, max_tokens))
        self.last += 1
        system = self.systems[session]
        holder = self.witness.asked(session, person, system)
        self.asked[self.last] = Asked(holder, prompt, text, answer)
        sampling = Sampling(temperature=0, max_tokens=max_tokens, seed=self.last)
        request = Request(session, person, (), sampling)
        self.loop.submit(self.last, request, Prompt(prompt, len(SYSTEMS[system])))

    @rule(session=sessions, text=words, count=st.integers(1, 4), steps=st.integers(0, 8))
    def talk(self, session: str, text: list[int], count: int, steps: int) -> None:
        """Whole turns, one after the other, with time for `steps` between; without any, somebody
        else is being answered all the time."""
        for _ in range(count):
            if steps == 0:
                self.ask(SESSIONS[-1], "flood", text, 100)
            self.ask(session, AT_HOME[session], text, 40)
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
        return [*SYSTEMS[self.systems[session]], *chain(*self.turns[session])]

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
            report = self._step()
            for number, piece in report.texts.items():
                asked = self.asked[number]
                asked.shown += piece.text
                asked.tokens += piece.tokens
                assert text_of(asked.answer).startswith(asked.shown)
            for number, (_, usage) in report.done.items():
                self._end(number, usage)
            for number in report.failed:
                self.asked.pop(number, None)

    def _step(self) -> Report:
        """A step, and whether who was given a sequence in it has what is due, and no more."""
        self.model.started.clear()
        waiting = {asked.holder.session for asked in self.asked.values()}
        before = self.witness.before(self.loop.shelf, [*waiting]) if self.loop.load[1] else None
        report = self.loop.step()
        self.witness.look(self.loop.ledger)
        for asked in filter(None, map(self.asked.get, self.model.started)):
            assert before is not None
            if self.model.can_truncate:
                asked.least = self.witness.least(before, asked.holder, asked.prompt)
        return report

    def _end(self, number: int, usage: Usage) -> None:
        asked = self.asked.pop(number)
        session = asked.holder.session
        assert asked.shown == text_of(asked.answer)
        assert asked.tokens == len(asked.answer)
        assert usage.reused_tokens >= asked.least
        assert not usage.slide or session in self.slid
        self._say(asked)
        self.turns[session].append([*asked.text, *asked.answer])
        if len(self.turns[session]) > TURNS_KEPT:
            self.turns[session] = self.turns[session][1:]
            self.slid.add(session)
            self.loop.prepare(session, self._window(session))

    def _say(self, asked: Asked) -> None:
        """What was shown of an answer is spelled as it was generated when it comes back."""
        if asked.shown:
            self.said[asked.holder.session].add(asked.shown)
            spelled = self.loop.spelling(asked.holder.session, asked.shown)
            assert spelled is not None
            assert text_of(spelled) == asked.shown

    @precondition(lambda self: self.asked)
    @rule(which=st.integers(0, 100))
    def cancel(self, which: int) -> None:
        number = sorted(self.asked)[which % len(self.asked)]
        self.loop.cancel(number)
        self._say(self.asked.pop(number))

    @rule(session=sessions)
    def forget(self, session: str) -> None:
        self._forget(session)
        self.turns[session] = []
        assert self.loop.shelf.own(session) is None
        assert self.loop.kept.files == len(self.carrier.files) - (self.carrier.fetching is not None)
        owners = map(self.loop.ledger.owner, range(self.plan.sequences))
        assert session not in [owner.session for owner in owners if owner]

    def _forget(self, session: str) -> None:
        self.loop.forget(session)
        self.witness.forgot(session)
        self.asked = {n: a for n, a in self.asked.items() if a.holder.session != session}
        self.slid.discard(session)
        assert not any(self.loop.spelling(session, text) for text in self.said[session])

    @precondition(lambda self: any(self.turns.values()))
    @rule(which=st.integers(0, 100), steps=st.integers(0, 8))
    def begin_anew(self, which: int, steps: int) -> None:
        """A forgotten conversation is held once more, in the same words."""
        known = [session for session in SESSIONS if self.turns[session]]
        session = known[which % len(known)]
        turn = self.turns[session][0]
        self.forget(session)
        self.talk(session, turn, 1, steps)

    @rule(session=sessions, turn=st.integers(0, TURNS_KEPT - 1))
    def take_out_a_turn(self, session: str, turn: int) -> None:
        self._forget(session)
        del self.turns[session][turn : turn + 1]

    @rule(session=sessions, system=systems)
    def speak_otherwise(self, session: str, system: int) -> None:
        """The conversation goes on behind another system prompt."""
        self.systems[session] = system

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
    def what_was_shifted_is_known(self) -> None:
        for sequence, entries in enumerate(self.model.entries):
            if owner := self.loop.ledger.owner(sequence):
                assert min(owner.exact, len(entries)) <= self.witness.exact(sequence)
                assert entries[-1].shifts <= owner.shifts <= MOST_SHIFTS

    @invariant()
    def budgets_hold(self) -> None:
        running, waiting, _ = self.loop.load
        assert running == self.plan.sequences - self.loop.ledger.free
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


EXAMPLES = int(os.environ.get("PARLEY_TALKS", "50"))
Talk.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=40, deadline=None, print_blob=True
)
TestTalk = Talk.TestCase
