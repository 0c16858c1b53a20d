"""What people attach becomes text for the turn; what can't be read gets a reason.

`bot.attachments` calls this; reasons are names of texts in `bot/texts`. Text is decoded here. PDF
and images need foreign parsers, which run in a child process with little memory and time (`child`).
"""

from bot.reading.limits import LIMITS, Limits, Read
from bot.reading.quote import quoted
from bot.reading.read import read_attachment

__all__ = ["LIMITS", "Limits", "Read", "quoted", "read_attachment"]
