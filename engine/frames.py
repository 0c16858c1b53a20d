"""What a worker and its client say to each other: length-prefixed JSON over a socket pair.

A frame is four bytes of length, big-endian, and one JSON object whose `"op"` names its kind. Both
ends use the functions below, so a field has one spelling.

to the worker     load, submit, cancel, count, prepare, forget, embed
from the worker   status (when it changes, and as a heartbeat), step (one a step: all its deltas),
                  notice (what an operator should know), counted, forgotten, embedded, refused
"""

import json
from array import array
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from engine.base import (
    EngineStatus,
    Finish,
    Kept,
    Message,
    Request,
    Role,
    Sampling,
    Usage,
    Waiting,
)
from engine.plan import Plan

HEADER_BYTES = 4
MAX_FRAME_BYTES = 32 << 20
"""A frame longer than this is a fault of the other side."""

Wire = dict[str, Any]


class BadFrame(Exception):
    """The other side does not speak this protocol."""


Purpose = Literal["answer", "embed"]


@dataclass(frozen=True, slots=True)
class DraftFile:
    """A smaller model that drafts; `sha256` is checked unless empty."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Load:
    """The first frame: which file to serve, how and what for. `sha256` is checked unless empty;
    `died` is whether a process before this one died while it loaded."""

    path: str
    sha256: str
    name: str
    plan: Plan
    purpose: Purpose = "answer"
    draft: DraftFile | None = None
    died: bool = False


FailureKind = Literal["too_long", "overloaded", "deadline", "fault"]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a request has no answer; `numbers` are the arguments of the error it becomes."""

    kind: FailureKind
    text: str = ""
    numbers: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that an answer grew by, and the tokens it was made of."""

    text: str = ""
    tokens: int = 0

    def __add__(self, later: "Piece") -> "Piece":
        return Piece(self.text + later.text, self.tokens + later.tokens)


@dataclass(slots=True)
class Report:
    """What a step brought, by request."""

    texts: dict[int, Piece] = field(default_factory=dict[int, Piece])
    waiting: dict[int, Waiting] = field(default_factory=dict[int, Waiting])
    done: dict[int, tuple[Finish, Usage]] = field(default_factory=dict[int, tuple[Finish, Usage]])
    failed: dict[int, Failure] = field(default_factory=dict[int, Failure])
    begun: set[int] = field(default_factory=set[int])
    """Those whose first text is among the texts; not told, for the reader sees it."""

    def __bool__(self) -> bool:
        return bool(self.texts or self.waiting or self.done or self.failed)

    @property
    def settles(self) -> bool:
        """Whether somebody waits for what it says, and does not only read on."""
        return bool(self.waiting or self.done or self.failed or self.begun)

    def write(self, request: int, piece: Piece, *, first: bool = False) -> None:
        """An answer grew, or began."""
        if first:
            self.begun.add(request)
        before = self.texts.get(request)
        self.texts[request] = before + piece if before else piece

    def merge(self, later: "Report") -> None:
        """Add what came later; texts grow, a place in the line is replaced."""
        for request, piece in later.texts.items():
            self.write(request, piece)
        self.waiting.update(later.waiting)
        self.done.update(later.done)
        self.failed.update(later.failed)
        self.begun |= later.begun


def pack(frame: Wire) -> bytes:
    """The bytes of a frame. Raises `BadFrame` when it is too long."""
    body = json.dumps(frame, separators=(",", ":")).encode()
    if len(body) > MAX_FRAME_BYTES:
        raise BadFrame(f"a frame of {len(body)} bytes is longer than {MAX_FRAME_BYTES}")
    return len(body).to_bytes(HEADER_BYTES, "big") + body


def body_bytes(header: bytes) -> int:
    """Length of the body that follows a header. Raises `BadFrame`."""
    size = int.from_bytes(header, "big")
    if size > MAX_FRAME_BYTES:
        raise BadFrame(f"a frame of {size} bytes is announced, {MAX_FRAME_BYTES} is the most")
    return size


def unpack(body: bytes) -> Wire:
    """The frame in a body. Raises `BadFrame`."""
    try:
        frame = json.loads(body)
    except ValueError as exc:
        raise BadFrame("a frame is not JSON") from exc
    if not isinstance(frame, dict) or not isinstance(cast(Wire, frame).get("op"), str):
        raise BadFrame("a frame has no op")
    return cast(Wire, frame)


def load_frame(load: Load) -> Wire:
    return {"op": "load", **asdict(load)}


def read_load(frame: Wire) -> Load:
    fields = {name: frame[name] for name in ("path", "sha256", "name", "purpose", "died")}
    draft = DraftFile(**frame["draft"]) if frame["draft"] else None
    return Load(**fields, plan=Plan(**frame["plan"]), draft=draft)


def submit_frame(number: int, request: Request) -> Wire:
    return {
        "op": "submit",
        "id": number,
        "session": request.session,
        "person": request.person,
        "messages": _pairs(request.messages),
        "sampling": asdict(request.sampling),
        "deadline_s": request.deadline_s,
    }


def read_submit(frame: Wire) -> Request:
    sampling: Wire = {**frame["sampling"], "stop": tuple(frame["sampling"]["stop"])}
    return Request(
        session=frame["session"],
        person=frame["person"],
        messages=read_messages(frame),
        sampling=Sampling(**sampling),
        deadline_s=frame["deadline_s"],
    )


def prepare_frame(session: str, messages: Sequence[Message]) -> Wire:
    return {"op": "prepare", "session": session, "messages": _pairs(messages)}


def count_frame(number: int, messages: Sequence[Message]) -> Wire:
    return {"op": "count", "id": number, "messages": _pairs(messages)}


def read_messages(frame: Wire) -> tuple[Message, ...]:
    pairs = cast(list[tuple[Role, str]], frame["messages"])
    return tuple(Message(role, content) for role, content in pairs)


def cancel_frame(number: int) -> Wire:
    return {"op": "cancel", "id": number}


def forget_frame(number: int, session: str) -> Wire:
    return {"op": "forget", "id": number, "session": session}


def embed_frame(number: int, texts: Sequence[str]) -> Wire:
    return {"op": "embed", "id": number, "texts": [*texts]}


def embedded_frame(number: int, vectors: Sequence[Sequence[float]], tokens: int) -> Wire:
    packed = [b64encode(array("f", vector).tobytes()).decode() for vector in vectors]
    return {"op": "embedded", "id": number, "vectors": packed, "tokens": tokens}


def read_vectors(frame: Wire) -> list[tuple[float, ...]]:
    return [tuple(array("f", b64decode(packed))) for packed in frame["vectors"]]


def refused_frame(number: int, failure: Failure) -> Wire:
    return {"op": "refused", "id": number, **asdict(failure)}


def read_refused(frame: Wire) -> Failure:
    return Failure(frame["kind"], frame["text"], tuple(frame["numbers"]))


def status_frame(status: EngineStatus) -> Wire:
    return {"op": "status", "status": asdict(status)}


def read_status(frame: Wire) -> EngineStatus:
    status: Wire = {**frame["status"], "kept": Kept(**frame["status"]["kept"])}
    return EngineStatus(**status)


def notice_frame(event: str, cause: str) -> Wire:
    return {"op": "notice", "event": event, "cause": cause}


def report_frame(report: Report) -> Wire:
    return {
        "op": "step",
        "texts": [(n, piece.text, piece.tokens) for n, piece in report.texts.items()],
        "waiting": [(n, w.place, w.eta_s) for n, w in report.waiting.items()],
        "done": [(n, finish, asdict(usage)) for n, (finish, usage) in report.done.items()],
        "failed": [(n, f.kind, f.text, f.numbers) for n, f in report.failed.items()],
    }


def read_report(frame: Wire) -> Report:
    return Report(
        texts={n: Piece(text, tokens) for n, text, tokens in frame["texts"]},
        waiting={n: Waiting(place, eta_s) for n, place, eta_s in frame["waiting"]},
        done={n: (finish, Usage(**usage)) for n, finish, usage in frame["done"]},
        failed={n: Failure(kind, text, tuple(x)) for n, kind, text, x in frame["failed"]},
    )


def _pairs(messages: Sequence[Message]) -> list[tuple[Role, str]]:
    return [(message.role, message.content) for message in messages]
