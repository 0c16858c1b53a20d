"""The child process that owns one model: `python -m engine.worker <fd>`.

Three threads. One reads frames, answers counts, turns messages into tokens and notes cancels, even
in the middle of a step. One writes them (`outlet`). The main thread steps. Where states go to
files, `porter` has threads of its own.

The process ends when the client closes its end, and with the client, whatever way that goes.
"""

import ctypes
import os
import queue
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine import frames
from engine.base import EngineStatus, Request
from engine.carrier import Carrier, NoFiles
from engine.frames import BadFrame, Failure, Load, Report, Wire
from engine.gguf import ModelError
from engine.llama import ModelFault
from engine.loading import Loaded, open_model
from engine.loop import Loop
from engine.outlet import Outbound, Reader
from engine.porter import Disk, Porter
from engine.prompt import Prompt
from engine.template import TemplateFault

HEARTBEAT_S = 0.25
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Submitted:
    """A request with its prompt in tokens, or why there is none."""

    number: int
    request: Request
    prompt: Prompt | Failure


@dataclass(frozen=True, slots=True)
class Cancelled:
    number: int


@dataclass(frozen=True, slots=True)
class Forgotten:
    number: int
    session: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a session's next prompt begins with."""

    session: str
    tokens: list[int]


@dataclass(frozen=True, slots=True)
class Moved:
    """A state came from a file, or is in one."""


Command = Submitted | Cancelled | Forgotten | Prepared | Moved


class Inbound:
    """Frames from the client, read by a thread of their own and put into `commands`."""

    def __init__(
        self,
        read: "Reader",
        out: Outbound,
        loaded: Loaded,
        loop: Loop,
        commands: "queue.SimpleQueue[Command]",
    ) -> None:
        self._commands = commands
        self._out = out
        self._loaded = loaded
        self._loop = loop
        read.listen(self._handle)

    def _handle(self, frame: Wire) -> None:
        match frame["op"]:
            case "submit":
                self._commands.put(self._submitted(frame))
            case "cancel":
                self._cancel(frame["id"])
            case "prepare":
                self._prepare(frame)
            case "forget":
                self._commands.put(Forgotten(frame["id"], frame["session"]))
            case "count":
                counts = self._loaded.prompter.count(frames.read_messages(frame))
                self._out.reply({"op": "counted", "id": frame["id"], "counts": counts})
            case op:
                raise BadFrame(f"an unknown op: {op}")

    def _submitted(self, frame: Wire) -> Submitted:
        request = frames.read_submit(frame)

        def spelling(text: str) -> list[int] | None:
            spelled = self._loop.spelling(request.session, text)
            return list(spelled) if spelled is not None else None

        try:
            prompter = self._loaded.prompter
            build = prompter.reading if request.sampling.only_reads else prompter.prompt
            prompt = build(request.messages, spelling)
        except TemplateFault as exc:
            return Submitted(frame["id"], request, Failure("fault", str(exc)))
        return Submitted(frame["id"], request, prompt)

    def _prepare(self, frame: Wire) -> None:
        session = frame["session"]
        try:
            tokens = self._loaded.prompter.beginning(
                frames.read_messages(frame), lambda text: self._loop.spelling(session, text)
            )
        except TemplateFault:
            return  # the next request with these messages will say so
        self._commands.put(Prepared(session, tokens))

    def _cancel(self, number: int) -> None:
        self._commands.put(Cancelled(number))
        # A step of answers alone is short, and the others' next tokens are in it.
        if number in self._loop.prefilling and self._loaded.model.can_truncate:
            self._loaded.model.abort()


class Worker:
    """The main thread: commands, then a step, while there is work; else wait for a command."""

    def __init__(
        self, loaded: Loaded, loop: Loop, out: Outbound, commands: "queue.SimpleQueue[Command]"
    ) -> None:
        self._loaded = loaded
        self._loop = loop
        self._out = out
        self._commands = commands
        self._told_s = 0.0
        self._told = EngineStatus("loading")

    def run(self) -> None:
        """Serve until the client goes away."""
        self._tell(time.monotonic())
        while True:
            self._take_commands()
            report = self._loop.step()
            if report:
                self._out.report(report)
            self._tell(time.monotonic())

    def _take_commands(self) -> None:
        # Taken back before the queue is emptied: an abort after this is for a command still there.
        self._loaded.model.rearm()
        try:
            if not self._loop.busy:
                # A state is not waited for for ever, and whoever is listening hears of that.
                patience_s = HEARTBEAT_S if self._loop.awaits_file else None
                self._obey(self._commands.get(timeout=patience_s))
            while True:
                self._obey(self._commands.get_nowait())
        except queue.Empty:
            return

    def _obey(self, command: Command) -> None:
        match command:
            case Submitted(number, _, Failure() as failure):
                self._out.report(Report(failed={number: failure}))
            case Submitted(number, request, prompt):
                assert not isinstance(prompt, Failure)
                self._loop.submit(number, request, prompt)
            case Cancelled(number):
                self._loop.cancel(number)
            case Prepared(session, tokens):
                self._loop.prepare(session, tokens)
            case Forgotten(number, session):
                self._loop.forget(session)
                self._out.reply({"op": "forgotten", "id": number})
            case Moved():
                pass  # the next step settles it

    def _tell(self, now: float) -> None:
        """A status at once when an answer begins or ends, else a heartbeat while there is work."""
        running, waiting, rates = self._loop.load
        if (running, waiting) == (self._told.running, self._told.waiting) and self._keeps(now):
            return
        self._told_s = now
        self._told = EngineStatus(
            "ready",
            model=self._loaded.name,
            sha256=self._loaded.sha256,
            detail=self._loaded.note,
            context_tokens=self._loaded.model.context_tokens,
            running=running,
            waiting=waiting,
            prefill_rate=rates.prefill,
            decode_rate=rates.decode,
            parks=self._loop.parks,
            kept=self._loop.kept,
        )
        self._out.status(self._told)

    def _keeps(self, now: float) -> bool:
        """Whether the status stands while nobody begins or ends."""
        if self._told.state != "ready" or now - self._told_s >= HEARTBEAT_S:
            return False
        # Beside steps a heartbeat comes soon, and to add up what is kept takes a while.
        return self._loop.busy or self._loop.kept == self._told.kept


def serve(sock: socket.socket) -> int:
    """Load what the first frame says and answer until the client goes; returns an exit code."""
    read, out = Reader(sock), Outbound(sock)
    load = frames.read_load(read())
    try:
        loaded = open_model(load)
    except ModelError as exc:
        return refuse(out, load, exc)
    commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
    carrier = _carrier(load, loaded.sha256, out, commands)
    loop = Loop(loaded.model, load.plan, time.monotonic, loaded.drafter, carrier)
    Inbound(read, out, loaded, loop, commands)
    try:
        Worker(loaded, loop, out, commands).run()
    except ModelFault as exc:
        print(exc, file=sys.stderr)  # noqa: T201 - the client shows the child's last error line
    return 1


def _carrier(
    load: Load, sha256: str, out: Outbound, commands: "queue.SimpleQueue[Command]"
) -> Carrier:
    """What carries states to the directory that the plan names, if it names one."""
    if not load.plan.spill_dir:
        return NoFiles()
    disk = Disk(Path(load.plan.spill_dir), load.plan.spill_bytes, sha256)

    def notice(event: str, cause: str) -> None:
        out.reply(frames.notice_frame(event, cause))

    return Porter(disk, lambda: commands.put(Moved()), notice)


def refuse(out: Outbound, load: Load, why: ModelError) -> int:
    """Say why a model is not served; returns an exit code."""
    out.status(EngineStatus("failed", model=load.name, detail=str(why)))
    out.flush(timeout_s=5.0)
    return 1


def _die_with(parent: int) -> None:
    """End when the client's process does, whatever way it ends."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(0)


def _end_with(failed: threading.ExceptHookArgs) -> None:
    """End when a thread does: nobody else would do its part, and all would wait for it."""
    threading.__excepthook__(failed)
    os._exit(1)


def main(serve: Callable[[socket.socket], int]) -> int:
    """Entry point of a process: the socket's file descriptor and the client's pid are given."""
    # A terminal and systemd tell the whole group to stop; the client lets answers finish first.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.excepthook = _end_with
    _die_with(int(sys.argv[2]))
    return serve(socket.socket(fileno=int(sys.argv[1])))


if __name__ == "__main__":
    sys.exit(main(serve))
