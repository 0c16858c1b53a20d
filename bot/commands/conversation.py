"""`stop`, `retry`, `new`: steering the conversation that they are said in.

A button below an answer steers that answer's conversation; a command that can't name a thread, the
one in which its author asked last.
"""

from bot.commands.base import Command, Invocation
from bot.question import Again, Fresh
from storage.records import Outcome


async def stop(call: Invocation) -> None:
    """End the answer that is being written; it shows by itself that it was stopped."""
    if await call.desk.sessions.stop(await _session(call)):
        await call.desk.answering.finish([call.row], Outcome.DONE)
    else:
        await call.reply(call.texts.nothing_to_stop)


async def retry(call: Invocation) -> None:
    """Answer the last question again, after what waits already."""
    key = await _session(call)
    pressed = await _answer_of(call)
    if pressed is not None:
        [last] = await call.desk.memory.turns.recent(key, 1) or [None]
        if last is None or last.id != pressed:
            return await call.reply(call.texts.only_the_last)
    return call.desk.sessions.post(key, Again(call.inbound, call.event))


async def fresh(call: Invocation) -> None:
    """Begin an empty window, after what waits already."""
    call.desk.sessions.post(await _session(call), Fresh(call.inbound, call.event))


async def _session(call: Invocation) -> str:
    place = call.event.address
    if call.event.message_id:
        parts = await call.desk.memory.outbox.by_remote(
            place.platform, place.account, call.event.message_id
        )
        if parts:
            return parts[0].to.session
    if place.direct or place.thread:
        return call.session
    return call.desk.sessions.nearest(call.session, call.person)


async def _answer_of(call: Invocation) -> str | None:
    """The answer that a pressed button stands below."""
    place = call.event.address
    parts = await call.desk.memory.outbox.by_remote(
        place.platform, place.account, call.event.message_id
    )
    return parts[0].answer if parts else None


COMMANDS = (
    Command("stop", stop),
    Command("retry", retry),
    Command("new", fresh),
)
