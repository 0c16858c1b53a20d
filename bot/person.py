"""All that is stored of one person: handing it over, and erasing it."""

from adapters.capabilities import Keeps
from bot.commands.base import Desk
from storage.records import AuditEntry, Held, Receipt


async def erase(desk: Desk, person: str, entry: AuditEntry) -> Receipt:
    """Erase what is stored of a person (`platform:account:id`); `entry` is kept with it.

    First what is being answered, so that nothing is committed afterwards; then the database; then
    what sessions and the engine hold of it; last the person's posts where the platform is ours.
    """
    await desk.sessions.drop(person)
    until = desk.backups.state.due_at if desk.backups else None
    held = Held(tuple(str(each.path) for each in desk.erasures.formers.known), until)
    erased = await desk.members.forget(person, [desk.audit.adding(entry)], held)
    desk.roster.forget(person)
    for session in erased.sessions:
        desk.sessions.reload(session)
        await desk.engine.forget(session)
    adapter, person_id = _platform(desk, person)
    if adapter:
        await adapter.forget(person_id)
    return erased.receipt


async def gather(desk: Desk, person: str) -> dict[str, object]:
    """What is stored of a person (`platform:account:id`), ready for JSON."""
    data = await desk.members.export(person)
    adapter, person_id = _platform(desk, person)
    return data | {"platform": await adapter.export(person_id)} if adapter else data


def _platform(desk: Desk, person: str) -> tuple[Keeps | None, str]:
    """The person's platform, if it is our own and keeps messages itself."""
    platform, account, person_id = person.split(":", 2)
    adapter = desk.adapters.get((platform, account))
    return (adapter if isinstance(adapter, Keeps) else None), person_id
