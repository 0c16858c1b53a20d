"""Events and addresses as the JSON that storage keeps, and the keys that name things in it."""

from dataclasses import replace
from uuid import NAMESPACE_URL, uuid5

from pydantic import TypeAdapter

from adapters.base import Address, MessageEvent
from storage import records

_EVENT = TypeAdapter(MessageEvent)
_ADDRESS = TypeAdapter(Address)


def person_key(address: Address, person_id: str) -> str:
    """The key of a member: ids are unique within a platform's account."""
    return f"{address.platform}:{address.account}:{person_id}"


def session_key(address: Address, *, by_thread: bool) -> str:
    """The conversation that an address belongs to: its room, or its thread in the room."""
    key = f"{address.platform}:{address.account}:{address.room}"
    return f"{key}:{address.thread}" if by_thread and address.thread else key


def answer_key(event: MessageEvent, purpose: str = "answer") -> str:
    """The key of what is answered to an event, the same on every attempt (UUID version 5)."""
    address = event.address
    name = f"parley:{purpose}:{address.platform}:{address.account}:{event.event_id}"
    return str(uuid5(NAMESPACE_URL, name))


def to_record(event: MessageEvent, session: str) -> records.Event:
    """The inbox row of an event."""
    return records.Event(
        platform=event.address.platform,
        account=event.address.account,
        event_id=event.event_id,
        kind=event.kind.value,
        session=session,
        person=person_key(event.address, event.sender.id),
        payload=_EVENT.dump_json(event).decode(),
    )


def from_record(event: records.Event) -> MessageEvent:
    """The event of an inbox row."""
    return _EVENT.validate_json(event.payload)


def event_json(event: MessageEvent) -> str:
    """An event as its inbox row's payload."""
    return _EVENT.dump_json(event).decode()


def destination(event: MessageEvent, session: str) -> records.Destination:
    """Where the answer to an event goes, and whom it is for; in a room it is a reply."""
    address = event.address
    if not address.direct:
        address = replace(address, reply_to=event.message_id)
    return records.Destination(
        platform=event.address.platform,
        account=event.address.account,
        address=_ADDRESS.dump_json(address).decode(),
        session=session,
        person=person_key(event.address, event.sender.id),
    )


def place_destination(address: Address, person: str) -> records.Destination:
    """Where something is said that answers nobody."""
    return records.Destination(
        platform=address.platform,
        account=address.account,
        address=_ADDRESS.dump_json(address).decode(),
        session=session_key(address, by_thread=False),
        person=person,
    )


def address_of(to: records.Destination) -> Address:
    """The address of a destination."""
    return _ADDRESS.validate_json(to.address)
