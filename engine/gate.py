"""Who may have work in flight together: everybody, but a suspect only alone.

A request that was in flight when the worker died may be what killed it. Tried again beside others
it would take them down once more, so each runs by itself until it has finished.
"""

import asyncio
from collections import OrderedDict

MAX_SUSPECTS = 1024


class Gate:
    """Lets requests in: any number of unsuspicious sessions, or one suspect."""

    def __init__(self) -> None:
        self._suspects: OrderedDict[str, None] = OrderedDict()
        self._inside = 0
        self._alone = False
        self._alone_wanted = 0
        self._waiters: list[asyncio.Future[None]] = []

    def suspect(self, session: str) -> None:
        """Let the session's requests run alone until one has finished."""
        self._suspects[session] = None
        self._suspects.move_to_end(session)
        if len(self._suspects) > MAX_SUSPECTS:
            self._suspects.popitem(last=False)

    def clear(self, session: str) -> None:
        """One of the session's requests has finished."""
        self._suspects.pop(session, None)

    async def enter(self, session: str) -> None:
        """Wait for a turn; whoever got it must `leave`."""
        alone = session in self._suspects
        self._alone_wanted += alone
        try:
            while not self._open(alone):
                waiter = asyncio.get_running_loop().create_future()
                self._waiters.append(waiter)
                await waiter
        except BaseException:
            self._alone_wanted -= alone
            self._wake()
            raise
        self._alone_wanted -= alone
        self._inside += 1
        self._alone = alone

    def leave(self) -> None:
        """Give the turn back."""
        self._inside -= 1
        self._alone = False
        self._wake()

    def _open(self, alone: bool) -> bool:
        if alone:
            return self._inside == 0
        return not self._alone and self._alone_wanted == 0

    def _wake(self) -> None:
        """Let everyone who waits look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
