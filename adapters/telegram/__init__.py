"""Telegram, by the Bot API: one bot account, polled or called by webhook.

`adapter` is the door. `wire` reads updates, `phrases` their texts, `updates` hands them over,
`poll` and `webhook` are the two ways in; `calls` writes, `errors` maps what goes wrong, `draft`
shows answers while they grow, `menu` offers commands.
"""

import os

# Without it the SDK warns at every 429 that waits will be of another type (its notes on 22.2).
os.environ.setdefault("PTB_TIMEDELTA", "1")
