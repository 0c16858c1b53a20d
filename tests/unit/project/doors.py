"""The import graph of the program, and the doors of the plan that it is held against.

Each rule takes the modules and yields a sentence for every breach. Imports count wherever they
stand: at the top, in a function, under `TYPE_CHECKING`.
"""

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LEAVES = ("adapters", "engine", "storage")
PACKAGES = (*LEAVES, "bot")
COMPOSITION_ROOT = ("bot.app", "bot.parts")

OWNERS = {
    "llama_cpp": "engine.llama",
    "alembic": "storage",
    "sqlalchemy": "storage",
    "sqlcipher3": "storage",
    "sqlite3": "storage",
    "sqlmodel": "storage",
}
"""Libraries that one module or package has to itself."""

ROOMS = ("engine.llama",)
"""Packages that others enter by their `__init__` only."""

SHARED = frozenset(
    {
        "adapters.base",
        "adapters.capabilities",
        "adapters.markup",
        "adapters.split",
        "adapters.unicode",
        "engine.base",
    }
)
"""What every part of `bot` may use of the leaves: contracts, values, work on text."""

EXCEPTIONS = frozenset(
    {
        ("bot.control", "adapters.console"),  # hands a terminal's connection to its adapter
        ("bot.aside", "adapters.web.aside"),  # says on the page that another bot answers
        ("bot.page", "adapters.web.store"),  # keeps what the page's store promises to keep
        ("bot.model", "engine.models"),  # finds the file that answers
        ("bot.model", "engine.gguf"),  # ... and says what is wrong with it
        ("bot.model", "engine.plan"),  # ... and how much of the machine it gets
        ("bot.spill", "storage.filesystem"),  # what a directory is on
        ("bot.spill", "storage.directory"),  # ... and makes it for one user
        ("bot.verbs.models", "engine.models"),  # the store without a running bot
        ("bot.verbs.doctor", "engine.gguf"),  # looks into the file
        ("bot.verbs.doctor", "engine.plan"),  # ... and says what it takes
        ("bot.verbs.doctor", "engine.calibration"),  # ... and how it is computed
        ("bot.verbs.doctor", "engine.frames"),  # asks as whoever loads it would
        ("bot.verbs.doctor", "engine.weight"),  # ... whether it fits in memory
        ("bot.verbs.opened", "storage.database"),  # hands it to a command
        ("bot.office", "storage.database"),  # backs up and checks the file of the running bot
        ("bot.verbs.doctor", "storage.filesystem"),  # says what its file system is good for
        ("bot.verbs.doctor", "storage.probe"),  # ... and tries it
    }
)
"""Who, besides the composition root, may know a concrete class, and which one."""

PURE = frozenset({"bot.access", "bot.routing", "bot.window", "engine.scheduler", "engine.kvcache"})
"""Pure by the plan; a docstring that begins with “PURE.” makes any other module so."""

IMPURE_LIBRARIES = frozenset(
    {
        "asyncio",
        "concurrent",
        "http",
        "httpx",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "signal",
        "socket",
        "structlog",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "uvicorn",
    }
)
IMPURE_FUNCTIONS = frozenset({"input", "open", "print"})
CLOCKS = frozenset({"now", "today", "utcnow"})


@dataclass(frozen=True, slots=True)
class Module:
    """One file of the program, with the full names of what it imports.

    `runtime_imports` are those that are carried out, without what stands under `TYPE_CHECKING`.
    """

    name: str
    tree: ast.Module
    imports: frozenset[str]
    runtime_imports: frozenset[str]

    @property
    def package(self) -> str:
        """The top-level package."""
        return self.name.partition(".")[0]

    @property
    def pure(self) -> bool:
        """Whether it promises to take values and return values."""
        return self.name in PURE or (ast.get_docstring(self.tree) or "").startswith("PURE.")


Modules = Mapping[str, Module]


def read(root: Path) -> Modules:
    """All modules of the program below `root`."""
    paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
    files = {_name(path.relative_to(root)): path for path in paths}
    return {name: _parse(name, path, files) for name, path in files.items()}


def foreign_doors(modules: Modules) -> Iterator[str]:
    """A leaf imports neither another leaf nor `bot`."""
    for module, target in _imports(modules):
        top = target.partition(".")[0]
        if module.package in LEAVES and top in PACKAGES and top != module.package:
            yield f"{module.name} imports {target}: {module.package} is a leaf"


def borrowed_libraries(modules: Modules) -> Iterator[str]:
    """A library that has an owner is imported by nobody else."""
    for module, target in _imports(modules):
        owner = OWNERS.get(target.partition(".")[0])
        if owner and not _within(module.name, owner):
            yield f"{module.name} imports {target}: that belongs to {owner}"


def side_doors(modules: Modules) -> Iterator[str]:
    """Nobody outside a room imports one of its files."""
    for module, target in _imports(modules):
        for room in ROOMS:
            if target.startswith(f"{room}.") and not _within(module.name, room):
                yield f"{module.name} imports {target}: the door is {room}"


def concrete_classes(modules: Modules) -> Iterator[str]:
    """Only the composition root knows concrete adapters, engines and the database."""
    for module, target in _imports(modules):
        concrete = _within(target, "adapters") or _within(target, "engine")
        concrete = (concrete and target not in SHARED) or target == "storage.database"
        expected = module.name in COMPOSITION_ROOT or (module.name, target) in EXCEPTIONS
        if module.package == "bot" and concrete and not expected:
            yield f"{module.name} imports {target}: only {COMPOSITION_ROOT[0]} builds it"


def idle_exceptions(modules: Modules) -> Iterator[str]:
    """An exception that nobody uses any more is taken away."""
    for name, target in sorted(EXCEPTIONS):
        if name not in modules or target not in modules[name].imports:
            yield f"{name} does not import {target}: the exception for it is idle"


def impure_modules(modules: Modules) -> Iterator[str]:
    """A PURE module does no I/O, reads no clock, and leans on nothing of ours that does."""
    for module in modules.values():
        if module.pure:
            yield from _impure_calls(module)
            for name, target in _reached(module, modules):
                if target.partition(".")[0] in IMPURE_LIBRARIES:
                    by = "" if name == module.name else f" by way of {name}"
                    yield f"{module.name} is PURE and imports {target}{by}"


def cycles(modules: Modules) -> Iterator[str]:
    """No module imports itself by way of others; types may name each other."""
    graph = {name: module.runtime_imports & modules.keys() for name, module in modules.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield "imports go round: " + " ← ".join(error.args[1])


RULES = (
    foreign_doors,
    borrowed_libraries,
    side_doors,
    concrete_classes,
    idle_exceptions,
    impure_modules,
    cycles,
)


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _parse(name: str, path: Path, known: Collection[str]) -> Module:
    tree = ast.parse(path.read_text("utf-8"), path)
    here = name if path.stem == "__init__" else name.rpartition(".")[0]
    imports, runtime_imports = (
        frozenset(_resolve(target, known) for target in _targets(nodes, here)) - {name}
        for nodes in (ast.walk(tree), _carried_out(tree))
    )
    return Module(name, tree, imports, runtime_imports)


def _carried_out(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes below, without what only a type checker reads."""
    match node:
        case ast.If(test=ast.Name(id="TYPE_CHECKING"), orelse=children):
            pass
        case _:
            yield node
            children = ast.iter_child_nodes(node)
    for child in children:
        yield from _carried_out(child)


def _targets(nodes: Iterable[ast.AST], here: str) -> Iterator[str]:
    """Dotted names; of `from a import b` the name `a.b`, be it a module or a value."""
    for node in nodes:
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = here.split(".")[: len(here.split(".")) + 1 - level] if level else []
                base = ".".join([*above, *([module] if module else [])])
                yield from (f"{base}.{alias.name}" for alias in names)
            case ast.Call(
                func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(target)), *_],
            ):
                yield target
            case _:
                pass


def _resolve(target: str, known: Collection[str]) -> str:
    """The module that a dotted name leads to; foreign names stay as they are."""
    name = target
    while name not in known and "." in name:
        name = name.rpartition(".")[0]
    return name if name in known else target


def _imports(modules: Modules) -> Iterator[tuple[Module, str]]:
    for module in modules.values():
        for target in sorted(module.imports):
            yield module, target


def _reached(start: Module, modules: Modules) -> Iterator[tuple[str, str]]:
    """Every import of a module and of all that it imports of ours."""
    seen, waiting = {start.name}, [start]
    while waiting:
        module = waiting.pop()
        for target in sorted(module.imports):
            yield module.name, target
            if target in modules and target not in seen:
                seen.add(target)
                waiting.append(modules[target])


def _impure_calls(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_FUNCTIONS:
                yield f"{module.name} is PURE and calls {name}()"
            case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
                yield f"{module.name} is PURE and reads a clock with {name}()"
            case ast.AsyncFunctionDef(name=name):
                yield f"{module.name} is PURE and {name} is async"
            case _:
                pass


def _within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")
