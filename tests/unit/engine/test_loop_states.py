"""The step loop through any sequence of events, on a model whose answers show a wrong cache.

Whatever is asked, stopped, forgotten, parked, made ready or aborted: no sequence is given to two
sessions, the ledger says what the cache holds, the budgets hold, every answer is the one that a
fresh model gives, a forgotten session begins anew, and everybody is answered in the end.
"""

from dataclasses import dataclass

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.base import Request, Sampling, Usage
from engine.drafter import CATCH_UP_TOKENS, Drafter
from engine.loop import Loop
from engine.plan import Plan
from engine.prefix import common_prefix
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


@dataclass(slots=True)
class Asked:
    """A request, what it is to be answered, and what came of that so far."""

    session: str
    person: str
    prompt: list[int]
    text: list[int]
    answer: list[int]
    shown: str = ""
    tokens: int = 0


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
        self.known: dict[str, list[list[int]]] = {session: [] for session in SESSIONS}
        self.askers: dict[str, set[str]] = {session: set() for session in SESSIONS}
        self.said: dict[str, set[str]] = {session: set() for session in SESSIONS}
        self.slid: set[str] = set()
        self.asked: dict[int, Asked] = {}
        self.last = 0

    @rule(session=sessions, person=people, text=words, max_tokens=st.integers(1, 40))
    def ask(self, session: str, person: str, text: list[int], max_tokens: int) -> None:
        prompt = [*self._window(session), *text]
        answer = answer_to(prompt, self._room(prompt, max_tokens))
        self.last += 1
        self.asked[self.last] = Asked(session, person, prompt, text, answer)
        self.known[session].append([*prompt, *answer])
        self.askers[session].add(person)
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
            for number, piece in report.texts.items():
                asked = self.asked[number]
                asked.shown += piece.text
                asked.tokens += piece.tokens
                assert text_of(asked.answer).startswith(asked.shown)
            for number, (_, usage) in report.done.items():
                self._end(number, usage)
            for number in report.failed:
                self.asked.pop(number, None)

    def _end(self, number: int, usage: Usage) -> None:
        asked = self.asked.pop(number)
        session = asked.session
        assert asked.shown == text_of(asked.answer)
        assert asked.tokens == len(asked.answer)
        assert usage.reused_tokens <= self._known_of(asked)
        assert not usage.slide or session in self.slid
        self._say(asked)
        self.turns[session].append([*asked.text, *asked.answer])
        if len(self.turns[session]) > TURNS_KEPT:
            self.turns[session] = self.turns[session][1:]
            self.slid.add(session)
            self.known[session].append(self._window(session))
            self.loop.prepare(session, self._window(session))

    def _known_of(self, asked: Asked) -> int:
        """Tokens of a prompt that its person's conversations, as they are remembered, began with;
        of anybody else's it is the system prompt."""
        own = [s for s in SESSIONS if s == asked.session or asked.person in self.askers[s]]
        known = (tokens for session in own for tokens in self.known[session])
        return max(len(SYSTEM), *(common_prefix(tokens, asked.prompt) for tokens in known))

    def _say(self, asked: Asked) -> None:
        """What was shown of an answer is spelled as it was generated when it comes back."""
        if asked.shown:
            self.said[asked.session].add(asked.shown)
            spelled = self.loop.spelling(asked.session, asked.shown)
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
        self.asked = {n: asked for n, asked in self.asked.items() if asked.session != session}
        self.known[session] = []
        self.askers[session].clear()
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
