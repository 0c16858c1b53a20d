"""One answer while it grows: tokens → text that may be shown, stop strings, the end. PURE."""

import codecs
from array import array
from collections.abc import Sequence

from engine.base import Finish
from engine.kvcache import Recorded


class Answer:
    """Takes tokens one by one, gives out text that no later token can change.

    Held back are bytes that are no whole character yet, and an end of the text that may turn out to
    be the beginning of a stop string.
    """

    def __init__(self, stop: Sequence[str], max_tokens: int) -> None:
        self._stop = tuple(text for text in stop if text)
        self._longest_stop = max(map(len, self._stop), default=0)
        self._max_tokens = max(1, max_tokens)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._shown = 0
        self._tokens: list[int] = []
        self._ends: list[int] = []
        self.finish: Finish | None = None

    @property
    def count(self) -> int:
        """Tokens taken, the end token not among them."""
        return len(self._tokens)

    def push(self, token: int, piece: bytes) -> str:
        """Take a token and the bytes it stands for; returns new text to show.

        Sets `finish` when a stop string appears or `max_tokens` is reached.
        """
        self._text += self._decoder.decode(piece)
        self._tokens.append(token)
        self._ends.append(len(self._text))
        if self._cut():
            return self._show(len(self._text))
        if self.count >= self._max_tokens:
            return self.end("length")
        return self._show(len(self._text) - self._undecided())

    def end(self, finish: Finish) -> str:
        """No token follows; returns what was held back."""
        self._text += self._decoder.decode(b"", final=True)
        self._cut()
        self.finish = self.finish or finish
        return self._show(len(self._text))

    def recorded(self) -> Recorded:
        """The answer as it stands, for the answer book."""
        whole = [end for end in self._ends if end <= len(self._text)]
        return Recorded(self._text, array("i", self._tokens[: len(whole)]), array("i", whole))

    def _cut(self) -> bool:
        """End the text before the first stop string in it, if there is one."""
        if not self._stop:
            return False
        since = max(0, self._shown - self._longest_stop)
        found = [at for stop in self._stop if (at := self._text.find(stop, since)) >= 0]
        if not found:
            return False
        self._text = self._text[: min(found)]
        self.finish = "stop"
        return True

    def _undecided(self) -> int:
        """Length of the longest end of the text that a stop string may begin with."""
        longest = min(self._longest_stop - 1, len(self._text) - self._shown)
        for size in range(longest, 0, -1):
            if any(stop.startswith(self._text[-size:]) for stop in self._stop):
                return size
        return 0

    def _show(self, until: int) -> str:
        shown, self._shown = self._text[self._shown : until], until
        return shown
