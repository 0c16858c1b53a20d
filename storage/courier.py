"""The parent's end of the applier, the process that owns the file on the NAS (`applier.py`)."""

from pathlib import Path

from storage.attendant import START_S, Attendant
from storage.key import Key


class ChildCourier(Attendant):
    """Carries what was written here to the other file.

    `accept_risk` are the words of a risk that is taken with the other file's mount, empty for none;
    None where the caller answers for it, and it is not looked at.
    """

    def __init__(
        self,
        working: Path,
        other: Path,
        silence_s: float,
        start_s: float = START_S,
        key: Key | None = None,
        accept_risk: str | None = None,
    ) -> None:
        words = {
            "working": str(working.absolute()),
            "other": str(other.absolute()),
            "accept_risk": accept_risk,
            "key": key.digits if key else "",
        }
        super().__init__("storage.applier", words, other, silence_s, start_s)
        self.working = working
        self.other = other
