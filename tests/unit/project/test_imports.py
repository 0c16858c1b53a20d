"""The doors of the plan: who may import whom, shown on the program and on trees that break it."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.unit.project import doors
from tests.unit.project.doors import Modules

ROOT = Path(__file__).parents[3]
Rule = Callable[[Modules], Iterator[str]]

SOUND = {
    "adapters/__init__.py": "",
    "adapters/base.py": "class Adapter: ...",
    "adapters/console.py": "from adapters.base import Adapter",
    "adapters/web/__init__.py": "",
    "adapters/web/aside.py": "",
    "adapters/web/adapter.py": "from adapters.web import store",
    "adapters/web/store.py": "",
    "engine/__init__.py": "",
    "engine/base.py": "",
    "engine/gguf.py": "",
    "engine/plan.py": "",
    "engine/calibration.py": "",
    "engine/frames.py": "",
    "engine/weight.py": "",
    "engine/models.py": "from engine.gguf import ModelError",
    "engine/llama/__init__.py": "from engine.llama.model import Model",
    "engine/llama/model.py": "import llama_cpp.llama_cpp",
    "engine/worker.py": "from engine.llama import Model",
    "storage/__init__.py": "",
    "storage/database.py": "from sqlalchemy import orm",
    "storage/directory.py": "",
    "storage/filesystem.py": "",
    "storage/probe.py": "",
    "bot/__init__.py": "__version__ = '0'",
    "bot/app.py": "from adapters.console import Console\nfrom storage.database import Database",
    "bot/aside.py": "from adapters.web.aside import routes",
    "bot/control.py": "from adapters.console import Console",
    "bot/model.py": (
        "from engine.gguf import ModelError\nfrom engine.models import ModelStore\n"
        "from engine.plan import Plan"
    ),
    "bot/page.py": "from adapters.web import store",
    "bot/office.py": "from storage.database import Database",
    "bot/spill.py": (
        "from storage.directory import make_directory\nfrom storage.filesystem import verdict_of"
    ),
    "bot/verbs/__init__.py": "",
    "bot/verbs/doctor.py": (
        "from engine.calibration import latest\nfrom engine.frames import Load\n"
        "from engine.gguf import read_header\nfrom engine.weight import check_memory\n"
        "from engine.plan import Plan\nfrom storage.filesystem import admit\n"
        "from storage.probe import measure"
    ),
    "bot/verbs/opened.py": "def check():\n    from storage.database import Database",
    "bot/verbs/models.py": "from engine.models import DEMO",
    "bot/routing.py": "from bot import __version__\nfrom engine import base",
}
"""A small program that keeps every rule."""


@pytest.fixture(scope="module")
def program() -> Modules:
    return doors.read(ROOT)


@pytest.mark.parametrize("rule", doors.RULES, ids=lambda rule: rule.__name__)
def test_program_keeps_the_rule(rule: Rule, program: Modules) -> None:
    assert list(rule(program)) == []


def test_graph_is_the_program(program: Modules) -> None:
    assert {"bot.app", "engine.base", "adapters.base", "storage.database"} <= program.keys()
    assert "engine.base" in program["bot.app"].imports
    assert program["bot.routing"].pure


@pytest.mark.parametrize("rule", doors.RULES, ids=lambda rule: rule.__name__)
def test_sound_tree_keeps_the_rule(rule: Rule, tmp_path: Path) -> None:
    assert list(rule(_tree(tmp_path, {}))) == []


def test_types_may_name_each_other(tmp_path: Path) -> None:
    code = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from adapters import console"
    modules = _tree(tmp_path, {"adapters/base.py": code})
    assert "adapters.console" in modules["adapters.base"].imports
    assert list(doors.cycles(modules)) == []


@pytest.mark.parametrize(
    ("rule", "path", "code", "sentence"),
    [
        (
            doors.foreign_doors,
            "engine/client.py",
            "from storage import database",
            "engine.client imports storage.database: engine is a leaf",
        ),
        (
            doors.foreign_doors,
            "adapters/telegram.py",
            "def name():\n    from bot import __version__",
            "adapters.telegram imports bot: adapters is a leaf",
        ),
        (
            doors.foreign_doors,
            "adapters/web/page.py",
            "from ...engine.base import Request",
            "adapters.web.page imports engine.base: adapters is a leaf",
        ),
        (
            doors.borrowed_libraries,
            "engine/worker.py",
            "import llama_cpp",
            "engine.worker imports llama_cpp: that belongs to engine.llama",
        ),
        (
            doors.side_doors,
            "engine/worker.py",
            "from engine.llama.model import Model",
            "engine.worker imports engine.llama.model: the door is engine.llama",
        ),
        (
            doors.borrowed_libraries,
            "bot/erasure.py",
            "from sqlalchemy.orm import Session",
            "bot.erasure imports sqlalchemy.orm.Session: that belongs to storage",
        ),
        (
            doors.borrowed_libraries,
            "bot/erasure.py",
            "import importlib\nimportlib.import_module('sqlite3')",
            "bot.erasure imports sqlite3: that belongs to storage",
        ),
        (
            doors.concrete_classes,
            "bot/reply.py",
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from adapters.console import Console",
            "bot.reply imports adapters.console: only bot.app builds it",
        ),
        (
            doors.idle_exceptions,
            "bot/office.py",
            "",
            "bot.office does not import storage.database: the exception for it is idle",
        ),
        (
            doors.impure_modules,
            "bot/routing.py",
            "import os.path",
            "bot.routing is PURE and imports os.path",
        ),
        (
            doors.impure_modules,
            "bot/hygiene.py",
            '"""PURE. Cleans."""\nfrom bot import disk',
            "bot.hygiene is PURE and imports pathlib.Path by way of bot.disk",
        ),
        (
            doors.impure_modules,
            "bot/window.py",
            "from datetime import datetime\nAT = datetime.now()",
            "bot.window is PURE and reads a clock with now()",
        ),
        (
            doors.impure_modules,
            "bot/window.py",
            "def read(path):\n    return open(path)",
            "bot.window is PURE and calls open()",
        ),
        (
            doors.impure_modules,
            "bot/window.py",
            "async def cut(): ...",
            "bot.window is PURE and cut is async",
        ),
        (
            doors.cycles,
            "adapters/base.py",
            "from adapters import console",
            "imports go round: adapters.base ← adapters.console ← adapters.base",
        ),
    ],
)
def test_breach_is_found(rule: Rule, path: str, code: str, sentence: str, tmp_path: Path) -> None:
    modules = _tree(tmp_path, {"bot/disk.py": "from pathlib import Path", path: code})
    assert list(rule(modules)) == [sentence]


def _tree(root: Path, changes: Mapping[str, str]) -> Modules:
    for path, code in (SOUND | dict(changes)).items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code, "utf-8")
    return doors.read(root)
