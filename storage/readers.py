"""Reads beside the writer: a few threads, each with a connection of its own."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from threading import Lock, local
from typing import TypeVar

from sqlalchemy import Connection

from storage.connection import Connector, discard
from storage.faults import DriverError, doubting, explain, is_fault_of_file
from storage.threads import Threads

T = TypeVar("T")


class Readers:
    """Runs queries on `count` threads; more wait their turn."""

    def __init__(self, path: Path, connector: Connector, count: int) -> None:
        self._path = path
        self._connector = connector
        self._threads = Threads(count, "reader")
        self._own = local()
        self._open: set[Connection] = set()
        self._lock = Lock()

    async def read(self, query: Callable[[Connection], T]) -> T:
        """The query's result. Raises `StorageError`, or what the query raised."""
        return await self._threads.run(partial(self._run, query))

    def close(self) -> None:
        """Wait for the queries that began, and close the connections."""
        self._threads.join()
        for connection in self._open:
            discard(connection)
        self._open.clear()

    def _run(self, query: Callable[[Connection], T]) -> T:
        try:
            return doubting(partial(self._attempt, query))
        except DriverError as error:
            raise explain(error, self._path) from error

    def _attempt(self, query: Callable[[Connection], T]) -> T:
        try:
            return query(self._mine())
        except DriverError as error:
            if is_fault_of_file(error):
                self._drop()
            raise

    def _mine(self) -> Connection:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._connector.open(read_only=True)
            with self._lock:
                self._open.add(connection)
        return connection

    def _drop(self) -> None:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is not None:
            self._own.connection = None
            with self._lock:
                self._open.discard(connection)
            discard(connection)
