"""Fair shares of computed tokens: between people, then between the sessions of one person. PURE.

Weighted fair queueing (Demers, Keshav and Shenker, "Analysis and Simulation of a Fair Queueing
Algorithm", 1989), deficits counted in tokens. Virtual time runs at the speed of one sharer's fair
share; a rest saves up a short question, and no more. A job's tag is the virtual time at which it
would be done if its owner had exactly that share. So the work of one person's ten requests lines up
behind one another, a short prompt passes a long one, and the tags of those who come later rise past
any tag that waits, so nobody waits for ever.
"""

from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Generic, Protocol, TypeVar

SAVED_TOKENS = 256
"""What a rest saves up. Those who always want something are behind their share and before it by a
prompt; whoever comes now and then with a few words would be ranked among them by chance."""


class Job(Protocol):
    """What is shared out: prompt tokens that a session of a person still wants computed."""

    @property
    def number(self) -> int:
        """Jobs of a session are done in the order of their numbers."""
        ...

    @property
    def person(self) -> str: ...

    @property
    def session(self) -> str: ...

    @property
    def missing(self) -> int: ...


J = TypeVar("J", bound=Job)
K = TypeVar("K", bound=Hashable)


class _Level(Generic[K]):
    """Sharers of one level and the tokens each was served, in virtual time."""

    def __init__(self) -> None:
        self._served: dict[K, float] = {}
        self._virtual = 0.0
        self._began = 0.0

    def join(self, key: K) -> None:
        """A sharer wants something who wanted nothing just now."""
        self._served[key] = max(self._at(key), self._rested)

    def charge(self, key: K, tokens: int, sharers: int) -> None:
        self._served[key] = self._at(key) + tokens
        self._virtual += tokens / max(1, sharers)

    def keep(self, active: Collection[K]) -> None:
        """Forget who has rested long enough, and all when all rest."""
        if not active:
            self._began = self._virtual
        kept = self._served.items() if active else ()
        self._served = {k: at for k, at in kept if k in active or at > self._rested}

    def ranked(self, queues: Mapping[K, Iterable[J]]) -> list[J]:
        """The jobs of all queues in the order of their tags."""
        tagged: list[tuple[float, int, J]] = []
        for key, queue in queues.items():
            tag = self._at(key)
            for job in queue:
                tag += job.missing
                tagged.append((tag, job.number, job))
        return [job for _, _, job in sorted(tagged, key=lambda each: each[:2])]

    @property
    def _rested(self) -> float:
        """Where somebody begins who has saved up all that can be since not all rested."""
        return max(self._began, self._virtual - SAVED_TOKENS)

    def _at(self, key: K) -> float:
        return self._served.get(key, self._rested)


class Shares:
    """Who was served how much. Jobs are given with every call; only service is remembered."""

    def __init__(self) -> None:
        self._people: _Level[str] = _Level()
        self._sessions: dict[str, _Level[str]] = {}

    def join(self, job: Job, others: Iterable[Job]) -> None:
        """A job comes beside `others`."""
        wanting = [other for other in others if other.missing and other.person == job.person]
        if not wanting:
            self._people.join(job.person)
        if all(other.session != job.session for other in wanting):
            self._sessions.setdefault(job.person, _Level()).join(job.session)

    def charge(self, served: Iterable[tuple[Job, int]], jobs: Iterable[Job]) -> None:
        """Tokens were computed for some of `jobs`."""
        sessions: dict[str, set[str]] = {}
        for job in jobs:
            sessions.setdefault(job.person, set()).add(job.session)
        for job, tokens in served:
            self._people.charge(job.person, tokens, len(sessions))
            level = self._sessions.setdefault(job.person, _Level())
            level.charge(job.session, tokens, len(sessions[job.person]))

    def keep(self, jobs: Collection[Job]) -> None:
        """Forget everyone without a job, unless they had their share lately."""
        active = {job.person for job in jobs}
        self._people.keep(active)
        self._sessions = {p: level for p, level in self._sessions.items() if p in active}
        for person, level in self._sessions.items():
            level.keep({job.session for job in jobs if job.person == person})

    def order(self, jobs: Iterable[J]) -> list[J]:
        """All jobs, who is to be served first at the front."""
        people: dict[str, dict[str, list[J]]] = {}
        for job in sorted(jobs, key=lambda job: job.number):
            people.setdefault(job.person, {}).setdefault(job.session, []).append(job)
        return self._people.ranked(
            {
                person: self._sessions.get(person, _Level()).ranked(sessions)
                for person, sessions in people.items()
            }
        )
