"""PURE. Who someone is to the bot, and what that allows.

So far a role follows from the configuration and from where a person speaks: who sits at the bot's
own terminal owns it. Stored roles, pairing, rooms and quotas join here with the chat platforms.
"""

from collections.abc import Collection
from enum import IntEnum

from adapters.base import MessageEvent
from bot.codec import person_key


class Role(IntEnum):
    """Ordered: a higher role may do all that a lower one may."""

    BLOCKED = 0
    GUEST = 1
    MEMBER = 2
    ADMIN = 3
    OWNER = 4


def role_of(event: MessageEvent, owners: Collection[str]) -> Role:
    """The role of an event's sender. `owners` are `platform:account:id` keys or `platform:id`."""
    address, sender = event.address, event.sender
    names = {person_key(address, sender.id), f"{address.platform}:{sender.id}"}
    if address.platform == "console" or not names.isdisjoint(owners):
        return Role.OWNER
    return Role.MEMBER
