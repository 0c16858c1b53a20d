"""A database in a real file, and what lives in it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.database import Database
from storage.inbox import Inbox
from storage.members import Members
from storage.outbox import Outbox
from storage.page import Page
from storage.turns import Turns
from tests.unit.storage.machine import Machine
from tests.unit.storage.spooling import Pair
from tests.unit.storage.values import Ticking


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(tmp_path / "parley.db") as database:
        yield database


@pytest.fixture
def inbox(db: Database) -> Inbox:
    return Inbox(db, clock=Ticking())


@pytest.fixture
def outbox(db: Database) -> Outbox:
    return Outbox(db, clock=Ticking())


@pytest.fixture
def turns(db: Database) -> Turns:
    return Turns(db, clock=Ticking())


@pytest.fixture
def members(db: Database) -> Members:
    return Members(db, clock=Ticking())


@pytest.fixture
def page(db: Database) -> Page:
    return Page(db)


@pytest.fixture
def ann(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "shared.db", "ann")


@pytest.fixture
def bob(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "shared.db", "bob")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    (tmp_path / "nas").mkdir()
    return Pair(tmp_path / "here" / "working.db", tmp_path / "nas" / "parley.db")
