"""All conversations that are awake or were lately: found by key, started, evicted, drained."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from bot.answer import Answering
from bot.question import Drop, Entry, Stop
from bot.session import Session

IDLE_SESSIONS = 2_000
"""Idle sessions whose turns stay in memory; older ones are read again when they wake."""


class Sessions:
    """Every session by its key."""

    def __init__(self, answering: Answering, spawn: Callable[..., asyncio.Task[None]]) -> None:
        self._answering = answering
        self._spawn = spawn
        self._sessions: OrderedDict[str, Session] = OrderedDict()
        self._draining = False

    def post(self, key: str, entry: Entry) -> None:
        """Queue an entry for a session; its worker starts if none runs."""
        session = self._session(key)
        session.post(entry)
        if session.worker is None and not self._draining:
            session.worker = self._spawn(self._run(session))

    def is_full(self, key: str) -> bool:
        """Whether as many messages wait in the session as may."""
        session = self._sessions.get(key)
        return session is not None and session.asks >= self._answering.max_waiting

    async def stop(self, key: str) -> bool:
        """End the answer that is being written; false if there is none."""
        session = self._sessions.get(key)
        if session is None or session.question is None:
            return False
        entry = Stop(asyncio.get_running_loop().create_future())
        session.urge(entry)
        return await entry.result

    async def drop(self, person: str) -> None:
        """Abandon a person's messages everywhere, before what is stored of them is erased."""
        waits: list[asyncio.Future[bool]] = []
        for session in self._sessions.values():
            if session.worker is None:
                continue
            entry = Drop(person, asyncio.get_running_loop().create_future())
            session.urge(entry)
            waits.append(entry.result)
        await asyncio.gather(*waits)

    def awake(self) -> list[Session]:
        """The conversations in which somebody waits or is answered, and those of a moment ago."""
        return [session for session in self._sessions.values() if session.asks or session.worker]

    def is_busy(self, key: str) -> bool:
        """Whether somebody is answered there, or waits."""
        session = self._sessions.get(key)
        return session is not None and (session.worker is not None or session.asks > 0)

    def nearest(self, key: str, person: str) -> str:
        """The session that a command concerns which can't name a thread: the room's own, else the
        thread of it in which this person asked last."""
        if key in self._sessions:
            return key
        threads = [
            each.key
            for each in reversed(self._sessions.values())
            if each.key.startswith(f"{key}:") and each.last_asker == person
        ]
        return threads[0] if threads else key

    def reload(self, key: str) -> None:
        """What is stored of a session has changed."""
        session = self._sessions.get(key)
        if session:
            session.reload()

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def waiting(self) -> int:
        """Messages in all mailboxes."""
        return sum(session.asks for session in self._sessions.values())

    async def drain(self, timeout_s: float) -> None:
        """Let answers finish, begin no new one; what is left stays in the inbox."""
        self._draining = True
        workers: list[asyncio.Task[None]] = []
        for session in self._sessions.values():
            session.draining = True
            if session.worker:
                workers.append(session.worker)
        if workers:
            _, late = await asyncio.wait(workers, timeout=timeout_s)
            for worker in late:
                worker.cancel()
            if late:
                await asyncio.wait(late)

    def _session(self, key: str) -> Session:
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = Session(key, self._answering)
            self._evict()
        self._sessions.move_to_end(key)
        return session

    def _evict(self) -> None:
        for key in list(self._sessions):
            if len(self._sessions) <= IDLE_SESSIONS:
                return
            if self._sessions[key].worker is None and not self._sessions[key].mailbox:
                del self._sessions[key]

    async def _run(self, session: Session) -> None:
        try:
            await session.work()
        finally:
            session.worker = None
