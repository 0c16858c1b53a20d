"""The `parley` command: names and arguments. What a verb does stands in `bot/verbs/`.

Verbs are imported when they are used, so that `parley --help` answers at once.
Exit codes: 0 done, 1 failed, 2 wrong usage or configuration.
"""

from bot.cli.program import main

__all__ = ["main"]
