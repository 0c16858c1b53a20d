"""What the documents say is what the program does."""

import os
import re
from pathlib import Path

import pytest

from bot.config import Settings, load
from docs.generate import pages
from engine.plan import Plan, Shape, needed_bytes

ROOT = Path(__file__).parents[3]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("changes/*.md")])
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")

# layers, heads for keys and values, and their length, as the models' authors published them
SHAPES = {
    "SmolLM2-135M-Instruct": (98_362_432, 30, 3, 64),
    "Qwen3-1.7B": (1_280_000_000, 28, 8, 128),
    "Qwen3-4B-Instruct-2507": (2_500_000_000, 36, 8, 128),
    "Qwen3-8B": (5_030_000_000, 36, 8, 128),
}


@pytest.mark.parametrize("path", pages(), ids=lambda path: path.name)
def test_generated_page_is_current(path: Path) -> None:
    assert path.read_text("utf-8") == pages()[path], "run `make docs`"


def test_example_configuration_loads(monkeypatch: pytest.MonkeyPatch) -> None:
    _forget_environment(monkeypatch)
    assert load(ROOT / "parley.example.toml") == Settings()


def test_example_configuration_loads_with_every_line_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can be taken into use begins with `#` and no space; prose with `# `."""
    _forget_environment(monkeypatch)
    example = (ROOT / "parley.example.toml").read_text("utf-8")
    used = re.sub(r"(?m)^#(?! )", "", example).replace("/run/secrets", tmp_path.as_posix())
    file = tmp_path.with_suffix(".toml")
    file.write_text(used, "utf-8")
    settings, defaults = load(file).model_dump(), Settings().model_dump()
    assert [name for name in defaults if settings[name] == defaults[name]] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    targets = LINK.findall(path.read_text("utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


def test_both_readmes_have_the_same_shape() -> None:
    english, chinese = (ROOT / name for name in ("README.md", "README.zh.md"))
    assert _shape(english) == _shape(chinese)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("readme", ["README.md", "README.zh.md"])
def test_memory_in_the_readme_is_what_the_engine_calculates(name: str, readme: str) -> None:
    text = (ROOT / readme).read_text("utf-8")
    row = next(line for line in text.splitlines() if line.startswith(f"| {name}"))
    plans = (Plan(context_tokens=4096, sequences=sequences) for sequences in (4, 8))
    needed = [f"{needed_bytes(plan, _shape_of(name)) / 1e9:.1f} GB" for plan in plans]
    assert re.findall(r"[\d.]+ GB", row)[1:] == needed


def _shape_of(name: str) -> Shape:
    size, layers, heads, length = SHAPES[name]
    return Shape(
        file_bytes=size,
        layers=layers,
        heads=heads,
        kv_heads=heads,
        embedding=heads * length,
        key_length=length,
        value_length=length,
        trained_context=8192,
    )


def _forget_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own surroundings may configure a bot."""
    for name in os.environ:
        if name.startswith("PARLEY_"):
            monkeypatch.delenv(name)


def _shape(path: Path) -> tuple[list[int], list[str], int]:
    """Levels of the headings, what stands in code blocks, and the number of table rows."""
    text = path.read_text("utf-8")
    blocks = re.findall(r"(?ms)^```\w*\n(.*?)^```", text)
    prose = re.sub(r"(?ms)^```.*?^```", "", text)
    levels = [len(marks) for marks in re.findall(r"(?m)^(#+) ", prose)]
    return levels, blocks, len(re.findall(r"(?m)^\|", prose))
