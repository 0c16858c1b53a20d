"""The lease on a shared file: one instance's side of it, and its custody of the file meanwhile.

The row is read and written here, in transactions; what follows from it is `tenure.py`'s. Several
processes have the file open: each write counts a beat under the writer's own epoch in its own
transaction, and fails as `Fenced` when the lease is another's by then. `lease_term` remembers who
had it, and how many commits each term came to.
"""

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from storage import changes, tenure
from storage.clock import Clock, to_micros, utc_now
from storage.connection import Connector, discard
from storage.fence import Fence
from storage.ownership import Ownership
from storage.records import Fenced
from storage.statement import Step
from storage.tenure import Grip, Standing, Terms, Watch, Wish

Told = Callable[[Grip | None, int], Step]
"""What a commit is to tell of a take-over: of whom, and with which epoch."""


def now_s() -> float:
    """Seconds on this machine's clock, which goes on while it sleeps, clock_gettime(2)."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """What one instance knows and has of the lease. `label` names it to people.

    It is looked at while the file is not open here, and is the file's custody while it is.
    """

    def __init__(
        self,
        terms: Terms,
        label: str,
        now_s: Callable[[], float] = now_s,
        clock: Clock = utc_now,
    ) -> None:
        self.terms = terms
        self.label = label
        self.watch = Watch()
        self.epoch = 0
        self._now_s = now_s
        self._clock = clock
        self._began_s = 0.0
        self._until_s = 0.0
        self._is_held = False
        self._wish = Wish.NONE
        self._wish_until_s = 0.0
        self._told: Told | None = None
        self._fence: Fence | None = None

    @property
    def is_held(self) -> bool:
        """Whether this instance may act: it has the lease, and its last beat is not too old."""
        return self.left_s > 0

    @property
    def left_s(self) -> float:
        """How long it may act without another commit."""
        return max(self._until_s - self._now_s(), 0.0) if self._is_held else 0.0

    @property
    def silent_s(self) -> float:
        """How long the holder, if it is another, gave no sign."""
        return self.watch.silent_s(self._now_s())

    @property
    def newest(self) -> int:
        """The newest epoch that is known of."""
        return max(self.epoch, self.watch.grip.epoch if self.watch.grip else 0)

    @property
    def standing(self) -> Standing:
        """How the lease stands by what was seen last."""
        return tenure.standing(self.terms, self.watch, self._now_s())

    @property
    def rest_s(self) -> float:
        """How long to rest before the next look."""
        return tenure.rest_s(self.terms, self.watch, self._now_s())

    @property
    def wish(self) -> Wish:
        """What a person asked for and still waits for."""
        return self._wish if self._now_s() < self._wish_until_s else Wish.NONE

    def want(self, wish: Wish, patience_s: float, told: Told | None = None) -> None:
        """Do what a person asks for, who waits for it so long and sees what comes of it; `told` is
        carried out in the commit that takes the lease."""
        self._wish, self._wish_until_s, self._told = wish, self._now_s() + patience_s, told

    @property
    def is_to_be_taken(self) -> bool:
        """Whether to take it, by what was seen last and what a person asked for."""
        return tenure.may_take(self.standing, self.wish, automatic=self.terms.automatic)

    def see(self, grip: Grip | None) -> None:
        """Note how the lease stands in the file. A sign of the holder ends the wish to take it if
        the holder is silent."""
        before, self.watch = self.watch, self.watch.seeing(grip, self._now_s())
        if self._wish is Wish.TAKE and self.watch is not before:
            self._wish = Wish.NONE

    @contextmanager
    def hold(self, path: Path) -> Generator[None]:
        """Others may open the file too, but nobody who writes without a lease.

        It begins without the lease: one that lapsed while the file was open before has to be taken.
        """
        self._is_held = False
        fence = self._fence = Fence(path)
        with Ownership(path, shared=True):
            try:
                yield
            finally:
                if self._fence is fence:  # or the file was opened anew, and this end hung so long
                    fence.close()

    def opened(self, connection: Connection) -> None:
        """The file is not a copy of any working file from now on."""
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        self.admit(connection)
        changes.leave_the_log(connection)
        connection.commit()

    def claim(self, connection: Connection) -> None:
        """Take the lease, unless the file is too old to have one. Raises `Fenced` when it may not.

        What was seen before counts only if nothing has changed since.
        """
        if self._is_held or not _has_place(connection):
            return
        connection.rollback()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            self._hold_journal()
            self._began_s = self._now_s()
            self.see(_read(connection))
            if not self.is_to_be_taken:
                raise Fenced(self._taken())
            self._take(connection)
            if self._told and self.wish is not Wish.NONE:
                self._told(self.watch.grip, self.epoch)(connection, self._clock())
            connection.commit()
        finally:
            connection.rollback()
        self._is_held, self._wish = True, Wish.NONE
        self.terms = replace(self.terms, yielded=0)
        self.committed()

    def admit(self, connection: Connection) -> None:
        """Count a beat in a transaction that has just begun. Raises `Fenced` without the lease,
        `Unavailable` when the file's locks were lost.
        """
        self._hold_journal()
        if not self.epoch and not _has_place(connection):
            return  # a file from before there were leases is about to be upgraded
        began_s = self._now_s()
        beaten = connection.exec_driver_sql(
            "UPDATE lease SET beat = beat + 1 WHERE epoch = ? AND holder = ?",
            (self.epoch, self.terms.me),
        )
        if beaten.rowcount != 1:
            self._is_held = False
            raise Fenced(f"the lease of epoch {self.epoch} is not this bot's any more")
        self._began_s = began_s

    def committed(self) -> None:
        """The transaction that was admitted last is on disk."""
        self._until_s = tenure.acts_until(self._began_s, self.terms.ttl_s)

    def assert_held(self) -> None:
        """Raises `Fenced` when another may have the lease by now."""
        if not self.is_held:
            raise Fenced(f"the lease of epoch {self.epoch} may be another bot's by now")

    def release(self, connector: Connector) -> None:
        """Give the lease up, unless it is another's; while it is held, for another to take."""
        if not self._is_held:
            return
        is_for_another = self.is_held
        connection = connector.open()
        try:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            self._hold_journal()
            connection.exec_driver_sql(
                "UPDATE lease SET holder = '' WHERE epoch = ? AND holder = ?",
                (self.epoch, self.terms.me),
            )
            connection.commit()
        finally:
            discard(connection)
        self._is_held = False
        if is_for_another:
            self.terms = replace(self.terms, yielded=self.epoch)

    def _hold_journal(self) -> None:
        if self._fence:
            self._fence.hold()

    def _take(self, connection: Connection) -> None:
        before = self.watch.grip
        self.epoch = before.epoch + 1 if before else 1
        if before:
            connection.exec_driver_sql(
                "UPDATE lease_term SET commits = ? WHERE epoch = ?", (before.beat, before.epoch)
            )
        values = (self.epoch, self.terms.me, self.label, self.terms.ttl_s)
        connection.exec_driver_sql(
            "INSERT OR REPLACE INTO lease (id, epoch, holder, label, beat, ttl_s)"
            " VALUES (1, ?, ?, ?, 0, ?)",
            values,
        )
        began_at = to_micros(self._clock())
        connection.exec_driver_sql(
            "INSERT INTO lease_term (epoch, holder, label, began_at) VALUES (?, ?, ?, ?)",
            (*values[:3], began_at),
        )

    def _taken(self) -> str:
        grip = self.watch.grip
        name = grip.label if grip and grip.holder else "nobody yet"
        return (
            f"the database's lease is with {name}, whose last sign was {self.silent_s:.0f} s ago;"
            " do this there, or run parley failover"
        )


def grip_in(connection: Connection) -> Grip | None:
    """The lease as it stands in the file; None before anybody had it."""
    grip = _read(connection) if _has_place(connection) else None
    connection.rollback()
    return grip


def _has_place(connection: Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'lease'"
    return bool(connection.exec_driver_sql(query).scalar_one())


def _read(connection: Connection) -> Grip | None:
    row = connection.exec_driver_sql("SELECT epoch, holder, label, beat, ttl_s FROM lease").first()
    return None if row is None else Grip(*row)
