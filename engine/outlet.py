"""A worker's end of the socket: frames out, written by a thread of their own, and frames in.

What a slow client has not read yet is merged, so it never holds up a step and takes no more memory
than the answers' text. A client that is gone ends the process.
"""

import os
import socket
import threading

from engine import frames
from engine.base import EngineStatus
from engine.frames import Report, Wire


class Outbound:
    """Frames to the client, written by a thread of their own."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._news = threading.Condition()
        self._report = Report()
        self._status: EngineStatus | None = None
        self._replies: list[Wire] = []
        self._writing = False
        threading.Thread(target=self._write, name="outbound", daemon=True).start()

    def report(self, report: Report) -> None:
        """Send what a step brought, with what is still unsent."""
        with self._news:
            self._report.merge(report)
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
        while True:
            with self._news:
                self._writing = False
                self._news.notify_all()
                self._news.wait_for(self._pending)
                batch = self._take()
                self._writing = True
            try:
                for frame in batch:
                    self._sock.sendall(frames.pack(frame))
            except OSError:
                os._exit(0)

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

    def _exactly(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) < size:
            raise EOFError
        return data
