"""What people attach becomes text for the turn; what can't be read gets a reason.

`bot.attachments` calls this; reasons are names of texts in `bot/texts`.
"""

from bot.reading.quote import quoted
from bot.reading.read import LIMITS, Limits, Read, read_attachment

__all__ = ["LIMITS", "Limits", "Read", "quoted", "read_attachment"]
