"""A worker's end of the socket: frames out, written by a thread of their own, and frames in.

An answer's first word goes out at once, and then its text gathers; what a slow client has not read
yet is merged too, so it never holds up a step and takes no more memory than the answers' text. A
client that is gone ends the process.
"""

import os
import socket
import threading
import time
from collections.abc import Callable
from math import inf

from engine import frames
from engine.base import EngineStatus
from engine.frames import BadFrame, Report, Wire

SEEN_S = 0.04
"""Text grows on a screen 25 times a second, as films move; what comes more often, nobody sees."""


class Outbound:
    """Frames to the client, written by a thread of their own.

    Text goes out `gathered_s` apart at least. A small model is quicker than anybody sees, and each
    frame would wake the client's process, on cores that compute the next word.
    """

    def __init__(self, sock: socket.socket, gathered_s: float = SEEN_S) -> None:
        self._sock = sock
        self._gathered_s = gathered_s
        self._news = threading.Condition()
        self._report = Report()
        self._status: EngineStatus | None = None
        self._replies: list[Wire] = []
        self._writing = False
        self._gathering = False
        threading.Thread(target=self._write, name="outbound", daemon=True).start()

    def report(self, report: Report) -> None:
        """Send what a step brought, with what is still unsent."""
        with self._news:
            self._report.merge(report)
            if not self._gathering or self._urgent():
                self._news.notify_all()

    def status(self, status: EngineStatus) -> None:
        """Send a status; the latest one wins."""
        with self._news:
            self._status = status
            self._news.notify_all()

    def reply(self, frame: Wire) -> None:
        """Send an answer to a question."""
        with self._news:
            self._replies.append(frame)
            self._news.notify_all()

    def flush(self, timeout_s: float) -> None:
        """Wait until everything is sent."""
        with self._news:
            self._news.wait_for(lambda: not self._pending() and not self._writing, timeout_s)

    def _write(self) -> None:
        written_s = -inf
        while True:
            with self._news:
                self._writing = False
                self._news.notify_all()
                self._gather(written_s + self._gathered_s - time.monotonic())
                self._news.wait_for(self._pending)
                batch = self._take()
                self._writing = True
            try:
                for frame in batch:
                    self._sock.sendall(frames.pack(frame))
            except OSError:
                os._exit(0)
            written_s = time.monotonic()

    def _gather(self, seconds: float) -> None:
        """Wait for more text, unless there is something that somebody waits for."""
        self._gathering = True
        self._news.wait_for(self._urgent, max(0.0, seconds))
        self._gathering = False

    def _urgent(self) -> bool:
        return bool(self._report.settles or self._status or self._replies)

    def _pending(self) -> bool:
        return bool(self._report or self._status or self._replies)

    def _take(self) -> list[Wire]:
        batch, self._replies = self._replies, []
        if self._status is not None:
            batch.append(frames.status_frame(self._status))
            self._status = None
        if self._report:
            batch.append(frames.report_frame(self._report))
            self._report = Report()
        return batch


class Reader:
    """Blocking reads of whole frames."""

    def __init__(self, sock: socket.socket) -> None:
        self._file = sock.makefile("rb")

    def __call__(self) -> Wire:
        size = frames.body_bytes(self._exactly(frames.HEADER_BYTES))
        return frames.unpack(self._exactly(size))

    def listen(self, handle: Callable[[Wire], None]) -> None:
        """Give every frame to `handle`, in a thread of its own, for as long as there is a client.

        One that is gone, or no longer makes sense, leaves nobody to work for.
        """
        threading.Thread(target=self._listen, args=(handle,), name="inbound", daemon=True).start()

    def _listen(self, handle: Callable[[Wire], None]) -> None:
        try:
            while True:
                handle(self())
        except (OSError, EOFError, BadFrame):
            os._exit(0)

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data
