"""`stop`, `retry`, `new`: steering the conversation that they are said in.

A button below an answer steers that answer's conversation; a command that can't name a thread, the
one in which its author asked last.
"""

from dataclasses import replace

from bot.codec import address_of
from bot.commands.base import Command, Invocation
from bot.question import Again, Fresh
from storage.records import Outcome, Part


async def stop(call: Invocation) -> None:
    """End the answer that is being written; it shows by itself that it was stopped."""
    if await call.desk.sessions.stop(await _session(call)):
        await call.desk.answering.finish([call.row], Outcome.DONE)
    else:
        await call.reply(call.texts.nothing_to_stop)


async def retry(call: Invocation) -> None:
    """Answer the last question again, where it was answered, after what waits already."""
    key = await _session(call)
    pressed = await _pressed(call)
    last = [turn.id for turn in await call.desk.memory.turns.recent(key, 1)]
    if pressed is not None and last != [pressed.answer]:
        return await call.reply(call.texts.only_the_last)
    parts = await call.desk.memory.outbox.parts(last[0]) if last else []
    place = address_of(parts[0].to) if parts else call.event.address
    event = replace(call.event, address=place)
    return call.desk.sessions.post(key, Again(call.inbound, event))


async def fresh(call: Invocation) -> None:
    """Begin an empty window, after what waits already."""
    call.desk.sessions.post(await _session(call), Fresh(call.inbound, call.event))


async def _session(call: Invocation) -> str:
    place = call.event.address
    pressed = await _pressed(call)
    if pressed is not None:
        return pressed.to.session
    if place.direct or place.thread:
        return call.session
    return call.desk.sessions.nearest(call.session, call.person)


async def _pressed(call: Invocation) -> Part | None:
    """The answer's part that a pressed button stands below; ids may be unique in a room only."""
    place, message_id = call.event.address, call.event.message_id
    if not message_id:
        return None
    parts = await call.desk.memory.outbox.by_remote(place.platform, place.account, message_id)
    return next((part for part in parts if address_of(part.to).room == place.room), None)


COMMANDS = (
    Command("stop", stop),
    Command("retry", retry),
    Command("new", fresh),
)
