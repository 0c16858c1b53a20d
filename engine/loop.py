"""The step loop: scheduler, ledger and model together. One `step()` is the whole idea.

Lives in the worker's main thread. `submit`, `cancel` and `forget` are called between steps, what a
step brought comes back as a `Report`; sockets and threads are `worker`'s.
"""

from collections.abc import Callable, Sequence
from math import inf

from engine.answer import Answer
from engine.base import Kept, Request
from engine.carrier import Carrier, NoFiles
from engine.drafter import Drafter
from engine.frames import Failure, Piece, Report
from engine.guesses import Guesses, Place
from engine.kvcache import AnswerBook, Claim, Ledger
from engine.machine import Aborted, Machine
from engine.owner import Owner
from engine.parking import Parking
from engine.plan import Plan
from engine.prompt import Prompt, prompt_limit
from engine.ranks import Move, Price, closer, together
from engine.rates import Rates
from engine.rests import Rests
from engine.scheduler import Draft, Job, Limits, LineFull, Scheduler, Step
from engine.shelf import Shelf
from engine.warm import Warmer
from engine.work import Wanted, Work, lay_out

FETCH_S = 30.0
"""A state that its disk has not given back by then is computed anew."""


def overloaded(full: LineFull) -> Failure:
    """What is told of a full line: the numbers are those of `Overloaded`, the last if known."""
    place, eta_s = full.waiting.place, full.waiting.eta_s
    known = (eta_s,) if eta_s is not None else ()
    return Failure("overloaded", str(full), (full.retry_after_s, place, *known))


class Loop:
    """Answers many requests by steps. `clock` gives seconds, from any start."""

    def __init__(
        self,
        model: Machine,
        plan: Plan,
        clock: Callable[[], float],
        drafter: Drafter | None = None,
        carrier: Carrier | None = None,
    ) -> None:
        self._model = model
        self._clock = clock
        self.ledger = Ledger(plan.sequences, lends=model.can_truncate)
        self._batch_tokens = plan.batch_tokens
        self._guesses = Guesses(lookup=plan.lookup, drafter=drafter)
        self._can_guess = model.can_truncate and (plan.lookup or drafter is not None)
        self._warmer = Warmer(model, self.ledger)
        self.shelf = Shelf(plan.park_bytes if model.can_truncate else 0)
        carrier = carrier or NoFiles()
        self._parking = Parking(model, self.ledger, self._warmer, self.shelf, carrier)
        self._book = AnswerBook()
        self._work: dict[int, Work] = {}
        self._report = Report()
        self._rests = Rests()
        self._price = Price(most_s=plan.step_s)
        self._scheduler = Scheduler(
            Limits(
                sequences=plan.sequences,
                waiting=plan.waiting,
                batch_tokens=plan.batch_tokens,
                step_s=plan.step_s,
                prefill_step_s=plan.prefill_step_s,
            )
        )
        self.steps = 0
        self.awaits_file = False
        """Whether all that is left to do waits for a state to come back from its file."""
        self.prefilling: frozenset[int] = frozenset()
        """Requests whose prompts the running step computes; another thread may look."""

    @property
    def busy(self) -> bool:
        """Whether a step has something to do."""
        computing = bool(self._work) and not self.awaits_file
        return computing or bool(self._report) or self._warmer.busy

    @property
    def kept(self) -> Kept:
        """What is kept of conversations that have no sequence."""
        return self._parking.kept

    @property
    def parks(self) -> bool:
        """Whether conversations that lose their sequence are kept."""
        return self.shelf.takes_any

    @property
    def load(self) -> tuple[int, int, Rates]:
        """Requests running and waiting, and the measured rates."""
        return self._scheduler.running, self._scheduler.waiting, self._scheduler.rates

    def spelling(self, session: str, text: str) -> Sequence[int] | None:
        """The ids a text of the session's history was generated as. Any thread may ask."""
        return self._book.spelling(session, text)

    def submit(self, number: int, request: Request, given: Prompt) -> None:
        """Put a request in the line; a refusal is in the next report."""
        prompt, shared = given.tokens, min(given.shared, len(given.tokens) - 1)
        if not prompt:
            self._report.failed[number] = Failure("fault", "the prompt has no tokens")
            return
        limit = prompt_limit(self._model.context_tokens, request.sampling.max_tokens)
        if len(prompt) > limit:
            self._report.failed[number] = Failure("too_long", numbers=(len(prompt), limit))
            return
        most = min(request.sampling.max_tokens, self._model.context_tokens - len(prompt))
        job = Job(number, request.person, request.session, len(prompt), pause_at=shared, most=most)
        owner = Owner(request.session, request.person, shared)
        job.computed = min(len(prompt) - 1, self._parking.reach(owner, prompt))
        try:
            self._scheduler.submit(job, request.deadline_s)
        except LineFull as full:
            self._report.failed[number] = overloaded(full)
            return
        now = self._clock()
        if not request.sampling.only_reads:  # whoever reads found nobody's rest
            self._rests.end(now)
        answer = Answer(request.sampling.stop, request.sampling.max_tokens)
        self._work[number] = Work(request, prompt, owner, answer, now)
        self.awaits_file = False

    def cancel(self, number: int) -> None:
        """Stop a request; nothing is heard of it any more."""
        if number in self._work:
            self._close(number)

    def forget(self, session: str) -> None:
        """Drop the session's tokens and answers; what it has running is cancelled."""
        for number in [n for n, w in self._work.items() if w.request.session == session]:
            self._report.failed[number] = Failure("fault", "the session was forgotten")
            self._close(number)
        self._book.forget(session)
        self._guesses.forget()
        self._warmer.forget(session)
        self._parking.forget(session)
        for sequence in self.ledger.forget(session):
            self._model.truncate(sequence, 0)

    def prepare(self, session: str, tokens: list[int]) -> None:
        """Make ready what the session's next prompt begins with, now that its window slid.

        It is computed anew if that takes no longer than the engine usually rests, else shifted.
        What leaves no room for a message is no prompt's beginning.
        """
        if len(tokens) >= prompt_limit(self._model.context_tokens, 1):
            self._warmer.forget(session)
            return
        spare_s = 0.0 if self._work else self._rests.usual_s
        self._warmer.prepare(session, tokens, int(self._scheduler.rates.prefill * spare_s))

    def step(self) -> Report:
        """Compute one token of every running answer, or some of a prompt.

        When nobody wants either, a window that slid gets some of its next prefix.
        """
        self._parking.settle()
        self._expire()
        fetching = self._admit()
        self._parking.make_room()
        self._show_places()
        step = self._scheduler.plan()
        self.awaits_file = fetching and not (step.decode or step.prefill)
        if step.decode or step.prefill:
            self._compute(step)
        elif self._warmer.busy:
            self._warm()
        report, self._report = self._report, Report()
        return report

    def _expire(self) -> None:
        now = self._clock()
        for number in [n for n, work in self._work.items() if work.expired(now)]:
            self._report.failed[number] = Failure("deadline", "the answer's deadline passed")
            self._close(number)

    def _admit(self) -> bool:
        """Give a free sequence to who is next; true if one is kept for a state that is fetched."""
        fetching = False
        if not self._scheduler.waiting:
            return False
        for number in self._scheduler.admit(self.ledger.free):
            work = self._work[number]
            if not self._is_at_hand(work):
                fetching = True
                continue
            claim = self._claim(work.owner, work.prompt)
            kept = self._model.truncate(claim.sequence, claim.keep)
            if kept < claim.keep:
                self.ledger.truncate(claim.sequence, kept)
            work.claim = Claim(claim.sequence, kept)
            work.slide = self._warmer.settle(work.request.session, work.claim)
            work.sampler = self._model.sampler(work.request.sampling)
            work.admitted_s = self._clock()
            self._scheduler.start(number, kept)
            break
        return fetching

    def _is_at_hand(self, work: Work) -> bool:
        """Whether nothing is to be waited for any more that lies in a file."""
        if self._parking.is_at_hand(work.owner, work.prompt):
            return True
        if work.fetching_since_s is None:
            work.fetching_since_s = self._clock()
        return self._clock() - work.fetching_since_s > FETCH_S

    def _claim(self, to: Owner, prompt: list[int]) -> Claim:
        """A sequence for an answer, with as much of its prompt in it as may be had."""
        sequence = self.ledger.choose(to, prompt)
        assert sequence is not None, "the scheduler admits no more than are free"
        found = self._parking.find(to, prompt, self.ledger.keep(sequence, to, prompt))
        before = self.ledger.owner(sequence)
        if before and before.session != to.session:
            self._parking.park(sequence)
        self._parking.bring(sequence, to, prompt, found)
        self._parking.forget(to.session)  # a conversation is in one place
        return self.ledger.claim(sequence, to, prompt)

    def _show_places(self) -> None:
        line = self._scheduler.line()
        if all(self._work[number].shown_place == at for at, number in enumerate(line, start=1)):
            return
        for number, waiting in self._scheduler.places().items():
            work = self._work[number]
            if work.shown_place != waiting.place and work.fetching_since_s is None:
                work.shown_place = waiting.place
                self._report.waiting[number] = waiting

    def _close_ranks(self, writers: Sequence[int]) -> None:
        """Move one of the answers that are written beside the others, if that pays."""
        if len(writers) < 2 or not self._model.can_truncate or together(self.ledger.busy):
            return
        standing = {self._work[number].sequence: number for number in writers}
        move = closer(sorted(standing, key=self._length), self.ledger.idle)
        if move and self._pays(move, standing[move.source]):
            self._move(move, self._work[standing[move.source]])

    def _pays(self, move: Move, number: int) -> bool:
        """Whether an answer should move. The copies take memory: no more than a sequence may."""
        tokens = self._length(move.source) + self._length(move.target)
        rest, token_s = self._scheduler.rest(number), self._scheduler.rates.token_s
        return tokens <= self._model.context_tokens and self._price.pays(tokens, rest, token_s)

    def _move(self, move: Move, work: Work) -> None:
        began, tokens = self._clock(), self._length(move.source) + self._length(move.target)
        moved = self._parking.exchange(move.source, move.target)
        if moved:
            work.stand(move.target)
        self._price.note(tokens, self._clock() - began if moved else inf)

    def _length(self, sequence: int) -> int:
        return len(self.ledger.tokens(sequence))

    def _compute(self, step: Step) -> None:
        self._close_ranks(step.decode)
        rows, wanted = lay_out(step, self._work, self.ledger, self._drafts(step))
        self.prefilling = frozenset(number for number, _ in step.prefill)
        began = self._clock()
        try:
            self._model.decode(rows)
        except Aborted:
            self._roll_back(step)
            return
        finally:
            self.prefilling = frozenset()
        self.steps += 1
        for row in rows:
            self.ledger.append(row.sequence, (row.token,))
        drawn = {each.number: self._drawn(each) for each in wanted}
        drafts = {
            each.number: Draft(len(each.draft), len(drawn[each.number]) - 1)
            for each in wanted
            if each.draft
        }
        self._scheduler.account(step, self._clock() - began, drafts)
        for number, _ in step.prefill:
            work = self._work[number]
            self._parking.share(work.sequence, tuple(work.prompt[: work.owner.shared]))
        for number, tokens in drawn.items():
            for token in tokens:
                if number in self._work:
                    self._take(number, token)

    def _warm(self) -> None:
        """Compute a chunk that a person who comes now hardly waits for."""
        rows = self._warmer.rows(self._scheduler.chunk_tokens)
        if not rows:
            return
        try:
            self._model.decode(rows)
        except Aborted:
            sequence = rows[0].sequence
            self._model.truncate(sequence, len(self.ledger.tokens(sequence)))
            return
        self.ledger.append(rows[0].sequence, (row.token for row in rows))

    def _drafts(self, step: Step) -> dict[int, list[int]]:
        """What may follow the next tokens of the answers, as far as a batch has room."""
        if not self._can_guess:
            return {}
        room = self._batch_tokens - len(step.decode) - step.prefill_tokens
        places = {number: self._place(self._work[number]) for number in step.decode}
        return self._guesses.drafts(places, room, self._scheduler.rates)

    def _place(self, work: Work) -> Place:
        held = self.ledger.tokens(work.sequence)
        left = self._model.context_tokens - len(held) - 2
        most = min(left, work.request.sampling.max_tokens - work.answer.count - 1)
        return Place(work.sequence, held, work.next_token, most)

    def _drawn(self, wanted: Wanted) -> list[int]:
        """The next tokens of an answer: one, and as much of its draft as the model draws again
        before the answer's end."""
        work = self._work[wanted.number]
        assert work.sampler is not None
        tokens: list[int] = []
        for row in range(wanted.row, wanted.row + len(wanted.draft) + 1):
            tokens.append(work.sampler.draw(row))
            taken = len(tokens)
            agrees = tokens[-1:] == wanted.draft[taken - 1 : taken]
            if not agrees or self._model.vocabulary.ends(tokens[-1]):
                break
        if wanted.draft:
            kept = wanted.length + len(tokens) - 1
            self._model.truncate(work.sequence, kept)
            self.ledger.truncate(work.sequence, kept)
            self._guesses.note(wanted.number, len(wanted.draft), len(tokens) - 1)
            work.drafted += len(wanted.draft)
            work.taken += len(tokens) - 1
        return tokens

    def _take(self, number: int, token: int) -> None:
        """Show what a drawn token adds, or finish."""
        work = self._work[number]
        work.first_s = work.first_s or self._clock()
        work.next_token = token
        only_reads = work.request.sampling.only_reads
        if self._can_guess and not only_reads:
            self._guesses.push(number, work.prompt, token)
        vocabulary = self._model.vocabulary
        if only_reads:
            text = work.answer.end("length")
        elif vocabulary.ends(token):
            text = work.answer.end("stop")
        else:
            text = work.answer.push(token, vocabulary.piece(token))
            full = len(work.prompt) + work.answer.count >= self._model.context_tokens
            if full and work.answer.finish is None:
                text += work.answer.end("length")
        if text:
            first = not work.shown_tokens
            self._report.write(number, Piece(text, work.unshown_tokens()), first=first)
        if work.answer.finish is not None:
            self._report.done[number] = (work.answer.finish, work.usage(self._clock()))
            self._close(number)

    def _close(self, number: int) -> None:
        work = self._work.pop(number)
        self.awaits_file = False  # by whoever is next, perhaps
        if not self._work:
            self._rests.begin(self._clock())
        self._guesses.close(number)
        whole = work.answer.finish is not None
        self._scheduler.finish(number, whole=whole)
        self._book.record(work.request.session, work.answer.recorded())
        if work.claim is not None:
            self.ledger.release(work.sequence)
        if work.sampler is not None:
            work.sampler.close()

    def _roll_back(self, step: Step) -> None:
        """An aborted step left any part of itself in the cache: cut back to the ledger."""
        for number in (*step.decode, *(number for number, _ in step.prefill)):
            sequence = self._work[number].sequence
            self._model.truncate(sequence, len(self.ledger.tokens(sequence)))
