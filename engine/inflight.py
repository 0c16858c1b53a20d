"""What a worker was asked and has not answered yet: requests with their inboxes, and questions.

Who asks is `client`'s; that a worker is there at all is `keeper`'s.
"""

from engine import frames
from engine.base import (
    ContextTooLong,
    Delta,
    EngineError,
    Interrupted,
    Overloaded,
    Unavailable,
    Waiting,
)
from engine.frames import Failure, Report, Wire
from engine.gate import Gate
from engine.inbox import Inbox
from engine.questions import Questions


class InFlight:
    """Hands out what comes from the worker, by number; `gate` is told whom it died with."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._inboxes: dict[int, Inbox] = {}
        self._last_number = 0
        self.questions = Questions()

    def __bool__(self) -> bool:
        return bool(self._inboxes or self.questions)

    def number(self) -> int:
        """A number that nothing else was asked by."""
        self._last_number += 1
        return self._last_number

    def open(self, number: int, session: str) -> Inbox:
        """Where a request's deltas arrive from now on."""
        inbox = self._inboxes[number] = Inbox(number, session)
        return inbox

    def close(self, inbox: Inbox) -> None:
        """Nobody reads it any more."""
        self._inboxes.pop(inbox.number, None)

    def take(self, frame: Wire) -> None:
        """The worker said something."""
        if frame["op"] == "step":
            self._deliver(frames.read_report(frame))
        else:
            self.questions.answer(frame)

    def interrupt(self, end: str) -> None:
        """The worker is gone: tell those who were in flight with it."""
        lost, self._inboxes = self._inboxes, {}
        for inbox in lost.values():
            self._gate.suspect(inbox.session)
            inbox.interrupted = True
            inbox.fail(Interrupted(f"the model's process ended ({end})", alone=len(lost) == 1))
        self.questions.give_up()

    def fail(self, detail: str) -> None:
        """There will be no worker any more. Questions hear it when the last one is gone."""
        lost, self._inboxes = self._inboxes, {}
        for inbox in lost.values():
            inbox.fail(Unavailable(detail))

    def _deliver(self, report: Report) -> None:
        for number, piece in report.texts.items():
            if inbox := self._inboxes.get(number):
                inbox.put(Delta(piece.text, tokens=piece.tokens))
        for number, waiting in report.waiting.items():
            if inbox := self._inboxes.get(number):
                inbox.put(Delta(waiting=waiting))
        for number, (finish, usage) in report.done.items():
            if inbox := self._inboxes.pop(number, None):
                inbox.put(Delta(finish=finish, usage=usage))
        for number, failure in report.failed.items():
            if inbox := self._inboxes.pop(number, None):
                inbox.fail(error_of(failure))


def error_of(failure: Failure) -> EngineError:
    """The error a worker's refusal becomes."""
    match failure.kind:
        case "too_long":
            tokens, limit = failure.numbers
            return ContextTooLong(int(tokens), int(limit))
        case "overloaded":
            retry_after_s, place, *eta_s = failure.numbers
            waiting = Waiting(int(place), next(iter(eta_s), None))
            return Overloaded(failure.text, retry_after_s, waiting)
        case "deadline" | "fault":
            return Unavailable(failure.text)
