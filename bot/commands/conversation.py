"""`stop`, `retry`, `new`: steering the conversation that they are said in."""

from bot.commands.base import Command, Invocation
from bot.question import Again, Fresh
from storage.records import Outcome


async def stop(call: Invocation) -> None:
    """End the answer that is being written; it shows by itself that it was stopped."""
    if await call.desk.sessions.stop(call.session):
        await call.desk.answering.finish([call.row], Outcome.DONE)
    else:
        await call.reply(call.texts.nothing_to_stop)


async def retry(call: Invocation) -> None:
    """Answer the last question again, after what waits already."""
    call.desk.sessions.post(call.session, Again(call.inbound, call.event))


async def fresh(call: Invocation) -> None:
    """Begin an empty window, after what waits already."""
    call.desk.sessions.post(call.session, Fresh(call.inbound, call.event))


COMMANDS = (
    Command("stop", stop),
    Command("retry", retry),
    Command("new", fresh),
)
