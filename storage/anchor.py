"""The anchor: a signed copy of the audit's head in a file of its own, best on another disk.

Rows cut off the end of the audit are missed by it. Written after the commits it tells of, so it may
lag behind them, and is never ahead.
"""

import json
from pathlib import Path
from threading import Lock

from storage.chain import Chain, Head
from storage.directory import write_durably
from storage.records import Corrupt, Unavailable


class Anchor:
    """The file, and the head that it holds. For threads that may be left behind: any of them may
    write at any time, one does, and none puts an older head in the place of a newer one."""

    def __init__(self, path: Path, chain: Chain) -> None:
        self.path = path
        self._chain = chain
        self._writing = Lock()
        self._written = -1

    def read(self) -> Head | None:
        """The head that was written last; None when there is no such file.

        Raises `Corrupt` for a file that this key did not sign, `Unavailable` for one that can't be
        read.
        """
        try:
            written = json.loads(self.path.read_text("utf-8"))
            head = Head(int(written["id"]), str(written["tag"]))
            genuine = self._chain.signed("anchor", _text(head), str(written["signature"]))
        except FileNotFoundError:
            return None
        except OSError as error:
            reason = error.strerror
            raise Unavailable(f"{self.path}: the anchor can't be read ({reason})") from error
        except (ValueError, KeyError, TypeError):
            genuine, head = False, Head()
        if not genuine:
            raise Corrupt(
                f"{self.path}: this is no anchor of this audit; it was changed, or the key was"
            )
        return head

    def write(self, head: Head) -> None:
        """Replace the file, unless this head or a later one was written; on disk before this
        returns. Raises `Unavailable`."""
        with self._writing:
            if head.id > self._written:
                self._replace(head)
                self._written = head.id

    def _replace(self, head: Head) -> None:
        text = _text(head)
        signature = self._chain.sign("anchor", text)
        written = {"id": head.id, "tag": head.tag, "signature": signature}
        try:
            write_durably(self.path, json.dumps(written))
        except OSError as error:
            raise Unavailable(
                f"{self.path}: the anchor can't be written ({error.strerror}); make its directory "
                "writable for this user, or name another in storage.anchor"
            ) from error


def _text(head: Head) -> str:
    return f"{head.id} {head.tag}"
