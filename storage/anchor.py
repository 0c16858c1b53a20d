"""The anchor: a signed copy of the audit's head in a file of its own, best on another disk.

Rows cut off the end of the audit are missed by it. Written after the commits it tells of, so it may
lag behind them, and is never ahead.
"""

import json
from pathlib import Path

from storage.chain import Chain, Head
from storage.directory import write_durably
from storage.records import Corrupt, Unavailable


def read_anchor(path: Path, chain: Chain) -> Head | None:
    """The head that was written last; None when there is no such file.

    Raises `Corrupt` for a file that this key did not sign, `Unavailable` for one that can't be
    read.
    """
    try:
        written = json.loads(path.read_text("utf-8"))
        head = Head(int(written["id"]), str(written["tag"]))
        genuine = chain.signed("anchor", _text(head), str(written["signature"]))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(f"{path}: the anchor can't be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError):
        genuine, head = False, Head()
    if not genuine:
        raise Corrupt(f"{path}: this is no anchor of this audit; it was changed, or the key was")
    return head


def write_anchor(path: Path, chain: Chain, head: Head) -> None:
    """Replace the file, on disk before this returns. Raises `Unavailable`."""
    text = _text(head)
    written = {"id": head.id, "tag": head.tag, "signature": chain.sign("anchor", text)}
    try:
        write_durably(path, json.dumps(written))
    except OSError as error:
        raise Unavailable(
            f"{path}: the anchor can't be written ({error.strerror}); make its directory writable "
            "for this user, or name another in storage.anchor"
        ) from error


def _text(head: Head) -> str:
    return f"{head.id} {head.tag}"
