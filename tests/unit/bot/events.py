"""Events for tests."""

from datetime import UTC, datetime
from itertools import count

from adapters.base import Address, Attachment, Kind, MessageEvent, Person, Quote

_ids = count(1)

ROOM = Address("fake", "bot", "room")
DIRECT = Address("fake", "bot", "ann", direct=True)
ANN = Person("ann", "Ann")
BOB = Person("bob", "Bob")


def message(
    text: str = "hello",
    *,
    to: Address = DIRECT,
    by: Person = ANN,
    kind: Kind = Kind.MESSAGE,
    about: str = "",
    addressed: bool = True,
    quote: Quote | None = None,
    event_id: str = "",
    files: tuple[Attachment, ...] = (),
) -> MessageEvent:
    """An event with an id of its own, about its own message unless `about` names another."""
    event_id = event_id or f"e{next(_ids)}"
    return MessageEvent(
        event_id=event_id,
        kind=kind,
        address=to,
        sender=by,
        message_id=about or event_id,
        sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        text=text,
        addressed=addressed,
        quote=quote,
        files=files,
    )
