"""How a started storage is.

The states: `local` (a file on this machine), `copying` (everything on the NAS, or about to be
within a second or so), `degraded` (the NAS is away; everything goes on and waits here), `refused`
(the file on the NAS went another way; a person has to decide).
"""

from dataclasses import dataclass
from typing import Literal

State = Literal["local", "copying", "degraded", "refused"]


@dataclass(frozen=True, slots=True)
class Condition:
    """How storage is: `waiting` rows are here only, the oldest for `waiting_s`; why it is so.

    `epoch` is that of the lease, 0 where one bot has the file for itself.
    """

    state: State
    waiting: int = 0
    waiting_s: float = 0.0
    reason: str = ""
    epoch: int = 0

    @property
    def is_sound(self) -> bool:
        """Whether nothing needs a person."""
        return self.state != "refused"
