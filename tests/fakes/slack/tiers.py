"""How many calls Slack takes a minute: by method in the workspace, and posts by channel."""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field

WINDOW_S = 60.0
TIER_2, TIER_3, TIER_4 = 20, 50, 100
POSTS = 60
"""About one a second in a channel, short bursts aside."""

_TIERS = {
    "chat.update": TIER_3,
    "chat.delete": TIER_3,
    "chat.startStream": TIER_2,
    "chat.appendStream": TIER_4,
    "chat.stopStream": TIER_2,
    "chat.postEphemeral": TIER_4,
    "conversations.history": TIER_3,
    "conversations.replies": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "users.info": TIER_4,
    "views.publish": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "files.info": TIER_4,
    "files.delete": TIER_3,
}


@dataclass(slots=True)
class Tiers:
    """The calls of the last minute. `refused` counts those that came too fast, while it `is_on`."""

    is_on: bool = True
    refused: int = 0
    _calls: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def wait_s(self, method: str, channel: str, now: float) -> int:
        """Whole seconds until the call would be taken; 0: it is, and counts."""
        is_post = method == "chat.postMessage"
        key = f"{method} {channel}" if is_post else method
        limit = POSTS if is_post else _TIERS.get(method, 0)
        if not limit or not self.is_on:
            return 0
        calls = self._calls[key]
        while calls and calls[0] <= now - WINDOW_S:
            calls.popleft()
        if len(calls) >= limit:
            self.refused += 1
            return max(1, math.ceil(calls[0] + WINDOW_S - now))
        calls.append(now)
        return 0
