"""The child process that turns texts into vectors: `python -m engine.embedder <fd> <pid>`.

One thread reads frames, `outlet` writes them, and the main thread computes what has come
together: texts of several questions share a pass.
"""

import os
import queue
import socket
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from engine import frames
from engine.base import EngineStatus
from engine.embedding import Vector, normalised, packs
from engine.frames import BadFrame, Failure, Wire
from engine.gguf import ModelError
from engine.llama import ModelFault
from engine.loading import LoadedEncoder, open_encoder
from engine.outlet import Outbound, Reader
from engine.worker import main, refuse


@dataclass(slots=True)
class Asked:
    """One question: its texts in tokens, and what they became."""

    number: int
    texts: list[list[int]]
    vectors: list[Vector] = field(default_factory=list[Vector])


class Embedder:
    """The main thread: takes the questions that are there, answers them, waits for more."""

    def __init__(
        self, loaded: LoadedEncoder, out: Outbound, questions: "queue.SimpleQueue[Wire]"
    ) -> None:
        self._loaded = loaded
        self._out = out
        self._questions = questions

    def run(self) -> None:
        """Serve until the client goes away."""
        while True:
            self._tell(0)
            self._answer(self._take())

    def _take(self) -> list[Asked]:
        """All that was asked by now, at least something; refusals are answered on the way."""
        asked: list[Asked] = []
        frame: Wire | None = self._questions.get()
        while frame is not None:
            if frame["op"] == "embed":
                asked += self._accepted(frame)
            else:
                self._out.reply({"op": "forgotten", "id": frame["id"]})
            try:
                frame = self._questions.get_nowait()
            except queue.Empty:
                frame = None
        return asked

    def _accepted(self, frame: Wire) -> list[Asked]:
        encoder = self._loaded.encoder
        texts = [encoder.tokens(text) for text in frame["texts"]]
        longest = max(map(len, texts), default=0)
        if longest > encoder.most_tokens:
            failure = Failure("too_long", numbers=(longest, encoder.most_tokens))
            self._out.reply(frames.refused_frame(frame["id"], failure))
            return []
        return [Asked(frame["id"], texts)]

    def _answer(self, asked: Sequence[Asked]) -> None:
        texts = [(one, text) for one in asked for text in one.texts]
        for pack in packs([len(text) for _, text in texts], self._loaded.encoder.most_tokens):
            self._tell(len(asked))
            vectors = self._loaded.encoder.encode([texts[i][1] for i in pack])
            for i, vector in zip(pack, vectors, strict=True):
                texts[i][0].vectors.append(normalised(vector))
        for one in asked:
            tokens = sum(map(len, one.texts))
            self._out.reply(frames.embedded_frame(one.number, one.vectors, tokens))

    def _tell(self, running: int) -> None:
        self._out.status(
            EngineStatus(
                "ready",
                model=self._loaded.name,
                sha256=self._loaded.sha256,
                context_tokens=self._loaded.encoder.most_tokens,
                running=running,
            )
        )


def _read(read: Reader, questions: "queue.SimpleQueue[Wire]") -> None:
    try:
        while True:
            frame = read()
            if frame["op"] not in ("embed", "forget"):
                raise BadFrame(f"an op that an embedder does not know: {frame['op']}")
            questions.put(frame)
    # The client is gone, or no longer makes sense: there is nobody left to work for.
    except (OSError, EOFError, BadFrame):
        os._exit(0)


def serve(sock: socket.socket) -> int:
    """Load what the first frame says and answer until the client goes; returns an exit code."""
    read, out = Reader(sock), Outbound(sock)
    load = frames.read_load(read())
    try:
        loaded = open_encoder(load)
    except ModelError as exc:
        return refuse(out, load, exc)
    questions: queue.SimpleQueue[Wire] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(read, questions), name="inbound", daemon=True).start()
    try:
        Embedder(loaded, out, questions).run()
    except ModelFault as exc:
        print(exc, file=sys.stderr)  # noqa: T201 - the client shows the child's last error line
    return 1


if __name__ == "__main__":
    sys.exit(main(serve))
