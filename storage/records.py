"""The frozen values that storage takes and gives, and its error tree.

Addresses and events are opaque JSON here; `bot/` knows what they mean. Times are UTC. Keys:

- `session`: a conversation, one window of turns.
- `person`: a member as `platform:account:id`, with an id that never changes.
- `answer`: one answer of the bot's, the same on every attempt to make it (a UUID).

    StorageError
    ├── Unavailable   the file cannot be reached or written now
    ├── Full          no space is left
    ├── Corrupt       the file is damaged, foreign or newer than this program
    ├── WrongKey      the file is encrypted otherwise than it is to be opened
    └── Fenced        another process owns the file
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Event:
    """An inbound event on its way into the inbox; unique on platform, account and event_id."""

    platform: str
    account: str
    event_id: str
    kind: str
    session: str
    person: str
    payload: str


@dataclass(frozen=True, slots=True)
class Inbound:
    """An event that was recorded. `id` grows in order of arrival."""

    id: int
    event: Event
    received_at: datetime
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a batch: rows that are new, and event ids that had been recorded before.

    `conflicting` are the repeated ones whose payload differs from the first, which wins.
    """

    new: tuple[Inbound, ...]
    repeated: tuple[str, ...] = ()
    conflicting: tuple[str, ...] = ()


class Outcome(StrEnum):
    """How an inbound event ended."""

    DONE = "done"
    IGNORED = "ignored"
    REFUSED = "refused"
    SET_ASIDE = "set_aside"


class PartState(StrEnum):
    """OPEN: a placeholder stands or may stand, its final body is to come. READY: to deliver."""

    OPEN = "open"
    READY = "ready"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Body:
    """The final body of one part of an answer: Markdown, or None when the part is to be removed.

    `ratable`: people are asked below it what they think of the answer.
    """

    index: int
    markdown: str | None
    ratable: bool = False


@dataclass(frozen=True, slots=True)
class Destination:
    """Where an answer goes and whom it is for. `address` is JSON."""

    platform: str
    account: str
    address: str
    session: str
    person: str


@dataclass(frozen=True, slots=True)
class Part:
    """One message of an answer as it should stand on the platform.

    `revision` counts the bodies it was given; a delivery confirms the revision it delivered.
    `remote_id` is the platform's id of the message, as soon as there is one.
    """

    answer: str
    index: int
    to: Destination
    state: PartState
    created_at: datetime
    body: str | None = None
    revision: int = 0
    remote_id: str | None = None
    attempts: int = 0
    error: str = ""
    ratable: bool = False


@dataclass(frozen=True, slots=True)
class TurnMessage:
    """One platform message of a turn's question."""

    message_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    """One question, its committed answer, and what it was answered with.

    `id` is the answer's key. `number` counts the turns of a session from 1 and is given by storage
    (0 before). `stopped` when the answer was cut by a person. `usage` and `sampling` are JSON.
    `model` is its SHA-256, or its name where a server keeps the file; empty without a model.
    """

    id: str
    session: str
    person: str
    author: str
    messages: tuple[TurnMessage, ...]
    answer: str
    created_at: datetime
    number: int = 0
    stopped: bool = False
    model: str = ""
    prompt_version: str = ""
    sampling: str = "{}"
    usage: str = "{}"

    @property
    def question(self) -> str:
        """The text of all messages of the question, in order."""
        return "\n".join(message.text for message in self.messages)


@dataclass(frozen=True, slots=True)
class Found:
    """A turn that a search found. `score` grows with how well it fits; 0 where nothing is ranked.

    `room` is the title of its room, empty for a direct conversation.
    """

    turn: Turn
    room: str
    score: float


@dataclass(frozen=True, slots=True)
class Held:
    """Which backups hold what is being erased, by name, and when they will be cleaned."""

    backups: tuple[str, ...] = ()
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """That all of a person was erased: how many of each kind, and which backups held it then.

    Open until nothing holds it any more; until then `person` says of whom, for the backups' sake.
    """

    at: datetime
    person: str
    counts: Mapping[str, int]
    held: Held
    closed_at: datetime | None = None

    @property
    def id(self) -> str:
        """What a person may ask for it by."""
        return f"{self.at:%Y%m%d-%H%M%S}-{self.at.microsecond:06d}"


@dataclass(frozen=True, slots=True)
class Erased:
    """The receipt, and the sessions that what was erased stood in."""

    receipt: Receipt
    sessions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """A room of a platform's account."""

    platform: str
    account: str
    room: str

    @property
    def key(self) -> str:
        """What a room is named by; it begins the keys of its sessions."""
        return f"{self.platform}:{self.account}:{self.room}"


@dataclass(frozen=True, slots=True)
class RoomState:
    """What is known of a room: its name, whether the bot answers there and what, whether it is in
    it, and whether answers are kept for who asks the same there."""

    place: Place
    title: str = ""
    allowed: bool = False
    every_message: bool = False
    present: bool = True
    keeps_answers: bool = False


@dataclass(frozen=True, slots=True)
class StandardAnswer:
    """An answer that administrators wrote, for questions that fit one of its patterns.

    `name` is its key. `language` is the primary tag of those whom it is for, empty for everybody.
    """

    name: str
    patterns: tuple[str, ...]
    template: str
    language: str = ""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Quota:
    """Bounds a day: messages, and seconds of computing. None: the role's, 0: none."""

    messages: int | None = None
    seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    """What somebody took of a day."""

    messages: int = 0
    compute_ms: int = 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done, or denied. `detail` is JSON; storage gives `id` and `at`.

    `origin` says from where, as JSON: `platform`, `address`, `agent`, as far as they are known.
    """

    actor: str
    action: str
    target: str = ""
    detail: str = "{}"
    outcome: str = "done"
    origin: str = "{}"
    at: datetime | None = None
    id: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Everything that says who may ask: read at start, kept in memory."""

    roles: Mapping[str, str]
    rooms: Sequence[RoomState]
    quotas: Mapping[str, Quota]
    settings: Mapping[str, str]
    hints: Mapping[str, datetime]


@dataclass(frozen=True, slots=True)
class Check:
    """The result of an integrity check: `problems` is empty when all is well."""

    problems: tuple[str, ...]
    revision: str
    size_bytes: int


class StorageError(Exception):
    """The database could not do what was asked."""


class Unavailable(StorageError):
    """The file cannot be reached, opened or written now."""


class Silent(Unavailable):
    """Whoever works on the file gave no sign in time: its file system hangs, or is very slow."""


class Full(StorageError):
    """No space is left for the file."""


class Corrupt(StorageError):
    """The file is damaged, is no Parley database, or was made by a newer Parley."""


class WrongKey(StorageError):
    """The file needs another key, or one at all, or none."""


class Fenced(StorageError):
    """Another process owns the file."""
