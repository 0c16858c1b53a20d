"""PURE. What an event asks for: text and place in, one Action out.

Whether the person may ask it is decided in `access`; doing it belongs to `pipeline`.
"""

from dataclasses import dataclass

from adapters.base import Kind, MessageEvent


@dataclass(frozen=True, slots=True)
class Ignore:
    """Nothing is stored and nobody is answered."""

    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A question to the model."""


@dataclass(frozen=True, slots=True)
class Run:
    """A command, by its name in lower case, with the rest of the line."""

    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Amend:
    """The author changed a message."""


@dataclass(frozen=True, slots=True)
class Remove:
    """The author deleted a message."""


@dataclass(frozen=True, slots=True)
class Rate:
    """An opinion about one of the bot's answers: 1 good, -1 bad, 0 taken back."""

    value: int


@dataclass(frozen=True, slots=True)
class Move:
    """A room goes on under another id."""

    former_room: str


@dataclass(frozen=True, slots=True)
class Enter:
    """The bot is asked into a room."""


@dataclass(frozen=True, slots=True)
class Note:
    """The bot was brought into a room (joined), or is out of it."""

    joined: bool


@dataclass(frozen=True, slots=True)
class Hint:
    """Somebody unknown is to learn how to be let in."""


@dataclass(frozen=True, slots=True)
class Closed:
    """A room is to learn that nobody allowed it."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """The message can't be taken; the author is told why."""

    reason: str
    limit: int = 0


Action = (
    Ignore | Answer | Run | Amend | Remove | Rate | Move | Enter | Note | Hint | Closed | Refuse
)

_OPINIONS = {"👍": 1, "👎": -1, "": 0}


def decide(event: MessageEvent, *, max_chars: int) -> Action:
    """The meaning of an event.

    `max_chars` bounds a message; a longer one is refused and not stored.
    """
    match event.kind:
        case Kind.MESSAGE | Kind.EDIT:
            return _decide_text(event, max_chars)
        case Kind.COMMAND:
            return _decide_command(event.text)
        case Kind.DELETE:
            return Remove()
        case Kind.REACTION:
            value = _OPINIONS.get(event.text)
            return Ignore("a reaction without a meaning") if value is None else Rate(value)
        case Kind.MEMBERSHIP:
            return Note(event.text == "join") if event.addressed else Ignore("somebody else's")
        case Kind.INVITE:
            return Enter()
        case Kind.MOVED:
            return Move(event.text)
        case Kind.UNREADABLE:
            return Refuse("unreadable")


def _decide_text(event: MessageEvent, max_chars: int) -> Action:
    if not (event.address.direct or event.addressed):
        return Ignore("not addressed to the bot")
    if not event.text.strip() and not event.files:
        return Remove() if event.kind is Kind.EDIT else Ignore("empty")
    if len(event.text) > max_chars:
        return Refuse("too_long", max_chars)
    return Amend() if event.kind is Kind.EDIT else Answer()


def _decide_command(text: str) -> Action:
    name, _, arguments = text.strip().partition(" ")
    return Run(name.lower() or "help", arguments.strip())
