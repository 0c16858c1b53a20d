"""How fast a bot may write: about one message a second in a chat, 20 a minute in a group.

The real server tells no numbers; these are the ones of the Bots FAQ, with a burst. Off unless a
test switches it on.
"""

from collections import defaultdict, deque
from dataclasses import dataclass, field

GROUP_A_MINUTE = 20
BURST = 6
WINDOW_S = 60.0


@dataclass(slots=True)
class Flood:
    """The messages and edits of the last minute, by chat. `refused` counts the 429s."""

    is_on: bool = False
    refused: int = 0
    _times: dict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque[float]))
    _filled: dict[int, tuple[float, float]] = field(default_factory=dict[int, tuple[float, float]])

    def wait_s(self, chat: int, now: float) -> int:
        """0 if a call may go to the chat now; else the seconds to wait."""
        if not self.is_on:
            return 0
        wait_s = self._bucket_wait_s(chat, now)
        times = self._times[chat]
        while times and now - times[0] >= WINDOW_S:
            times.popleft()
        if chat < 0 and len(times) >= GROUP_A_MINUTE:
            wait_s = max(wait_s, WINDOW_S - (now - times[0]))
        if wait_s > 0:
            self.refused += 1
            return int(wait_s) + 1
        self._filled[chat] = (self._level(chat, now) + 1, now)
        times.append(now)
        return 0

    def _bucket_wait_s(self, chat: int, now: float) -> float:
        return max(0.0, self._level(chat, now) + 1 - BURST)

    def _level(self, chat: int, now: float) -> float:
        level, at = self._filled.get(chat, (0.0, now))
        return max(0.0, level - (now - at))
