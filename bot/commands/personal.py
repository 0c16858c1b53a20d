"""`export`, `forget`: what is stored about a person belongs to that person."""

import json

from adapters.capabilities import Files
from bot.codec import answer_key
from bot.commands.base import Command, Invocation
from bot.person import erase, gather
from bot.receipt import told
from storage.records import AuditEntry, Outcome


async def export(call: Invocation) -> None:
    """Hand everything that is stored about the person, as a file where there are files."""
    await call.desk.audit.add(AuditEntry(call.person, "export", call.person, origin=call.origin))
    content = json.dumps(await gather(call.desk, call.person), ensure_ascii=False, indent=2)
    address = call.event.address
    adapter = call.desk.adapters.get((address.platform, address.account))
    if not isinstance(adapter, Files):
        return await call.reply(f"{call.texts.export_ready}\n\n```json\n{content}\n```")
    key = answer_key(call.event, "file")
    await adapter.send_file(address, call.texts.export_name, content.encode(), key)
    return await call.desk.answering.finish([call.row], Outcome.DONE)


async def forget(call: Invocation) -> None:
    """Erase the person's messages and answers everywhere, and say what was erased."""
    entry = AuditEntry(call.person, "forget", call.person, origin=call.origin)
    receipt = await erase(call.desk, call.person, entry)
    await call.reply(told(receipt, call.texts))


COMMANDS = (Command("export", export), Command("forget", forget))
