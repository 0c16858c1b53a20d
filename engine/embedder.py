"""The child process that turns texts into vectors: `python -m engine.embedder <fd> <pid>`.

One thread reads frames and turns texts into tokens, `outlet` writes them, and the main thread
computes pass by pass what `rota` says. However long a pass takes, it takes in what came meanwhile
and shows that it lives; one that nobody waits for any more is broken off.
"""

import queue
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from engine import frames
from engine.base import EngineStatus
from engine.embedding import normalised
from engine.frames import BadFrame, Failure, Wire
from engine.gguf import ModelError
from engine.llama import Encoder, ModelFault
from engine.loading import LoadedEncoder, open_encoder
from engine.machine import Aborted
from engine.outlet import Outbound, Reader
from engine.rates import Rates
from engine.rota import Asked, Rota, Tokens
from engine.worker import HEARTBEAT_S, main, refuse

PASS_S = 1.0
"""How long a pass takes of texts that can be computed one after the other as well: whoever asks
next waits for it."""
LEAST_TOKENS = 128
"""Shorter passes are no quicker by the token, and the weights are read once each."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nobody waits for an answer any more."""

    number: int


Commands = queue.SimpleQueue[Asked | Cancelled]


class Inbound:
    """Frames from the client, read by a thread of their own and put into `commands`."""

    def __init__(self, read: Reader, out: Outbound, encoder: Encoder, commands: Commands) -> None:
        self._out = out
        self._encoder = encoder
        self._commands = commands
        read.listen(self._handle)

    def _handle(self, frame: Wire) -> None:
        match frame["op"]:
            case "embed":
                self._accept(frame)
            case "cancel":
                self._commands.put(Cancelled(frame["id"]))
            case "forget":  # nothing is kept
                self._out.reply({"op": "forgotten", "id": frame["id"]})
            case op:
                raise BadFrame(f"an op that an embedder does not know: {op}")

    def _accept(self, frame: Wire) -> None:
        texts = [self._encoder.tokens(text) for text in frame["texts"]]
        longest = max(map(len, texts), default=0)
        if longest > self._encoder.most_tokens:
            failure = Failure("too_long", numbers=(longest, self._encoder.most_tokens))
            self._out.reply(frames.refused_frame(frame["id"], failure))
        else:
            self._commands.put(Asked(frame["id"], texts))


class Embedder:
    """The main thread: commands, then a pass, while somebody waits; else wait for a command."""

    def __init__(self, loaded: LoadedEncoder, out: Outbound, commands: Commands) -> None:
        self._loaded = loaded
        self._out = out
        self._commands = commands
        self._rota = Rota()
        self._rates = Rates()
        self._told_s = 0.0

    def run(self) -> None:
        """Serve until the client goes away."""
        while True:
            self._tell()
            if not self._rota:
                self._obey(self._commands.get())
            self._take_commands()
            self._compute()

    def _take_commands(self) -> None:
        with suppress(queue.Empty):
            while True:
                self._obey(self._commands.get_nowait())

    def _obey(self, command: Asked | Cancelled) -> None:
        match command:
            case Asked():
                self._rota.add(command)
            case Cancelled(number):
                self._rota.drop(number)

    def _compute(self) -> None:
        """One pass, and the answers that are whole with it."""
        self._tell()
        taken = self._rota.next_pass(self._pass_tokens)
        with suppress(Aborted):
            self._give(taken)
        for asked in self._rota.pop_finished():
            self._out.reply(frames.embedded_frame(asked.number, asked.vectors, asked.tokens))

    def _give(self, taken: Sequence[tuple[Asked, Tokens]]) -> None:
        """Compute a pass, and give the vectors to those who wait. Raises `Aborted`."""
        texts, began_s = [text for _, text in taken], time.monotonic()
        vectors = self._loaded.encoder.encode(texts, lambda: self._goes_on(taken))
        self._rates.note(0, sum(map(len, texts)), 0, time.monotonic() - began_s)
        for (asked, _), vector in zip(taken, vectors, strict=True):
            asked.vectors.append(normalised(vector))

    @property
    def _pass_tokens(self) -> int:
        """Tokens of the next pass, by what the latest took."""
        measured = max(LEAST_TOKENS, int(self._rates.prefill * PASS_S))
        return min(measured, self._loaded.encoder.most_tokens)

    def _goes_on(self, taken: Sequence[tuple[Asked, Tokens]]) -> bool:
        """Whether somebody waits for the pass; asked in the middle of it, all the time."""
        if time.monotonic() - self._told_s < HEARTBEAT_S:
            return True
        self._take_commands()
        self._tell()
        return any(asked in self._rota for asked, _ in taken)

    def _tell(self) -> None:
        """A sign of life, before every pass, in it, and when the last one is done."""
        self._told_s = time.monotonic()
        self._out.status(
            EngineStatus(
                "ready",
                model=self._loaded.name,
                sha256=self._loaded.sha256,
                context_tokens=self._loaded.encoder.most_tokens,
                running=len(self._rota),
            )
        )


def serve(sock: socket.socket) -> int:
    """Load what the first frame says and answer until the client goes; returns an exit code."""
    read, out = Reader(sock), Outbound(sock)
    load = frames.read_load(read())
    try:
        loaded = open_encoder(load)
    except ModelError as exc:
        return refuse(out, load, exc)
    commands: Commands = queue.SimpleQueue()
    Inbound(read, out, loaded.encoder, commands)
    try:
        Embedder(loaded, out, commands).run()
    except ModelFault as exc:
        print(exc, file=sys.stderr)  # noqa: T201 - the client shows the child's last error line
    return 1


if __name__ == "__main__":
    sys.exit(main(serve))
