"""Erasing a person: everywhere, in an order that leaves nothing behind."""

from dataclasses import dataclass

from adapters.base import Forgets
from bot.commands.base import Desk


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was erased."""

    turns: int
    messages: int
    answers: int
    feedback: int


async def erase(desk: Desk, person: str) -> Receipt:
    """Erase what is stored of a person (`platform:account:id`).

    First what is being answered, so that nothing is committed afterwards; then the database; then
    what sessions and the engine hold of it; last the person's posts where the platform is ours.
    """
    await desk.sessions.drop(person)
    erased = await desk.members.forget(person)
    for session in erased.sessions:
        desk.sessions.reload(session)
        await desk.engine.forget(session)
    platform, account, person_id = person.split(":", 2)
    adapter = desk.adapters.get((platform, account))
    posts = await adapter.forget(person_id) if isinstance(adapter, Forgets) else 0
    return Receipt(erased.turns, max(erased.inbox, posts), erased.outbox, erased.feedback)
