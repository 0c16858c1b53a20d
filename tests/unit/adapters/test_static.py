"""The page's own files: small, of this host only, readable in light and dark."""

import itertools
import re
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[3] / "adapters" / "web" / "static"
FILES = sorted(STATIC.iterdir())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]
STYLE = (STATIC / "page.css").read_text("utf-8")
LIGHT, DARK = STYLE.split("@media (prefers-color-scheme: dark)", 1)

TEXT_ON = [
    ("ink", "paper"),
    ("ink", "wall"),
    ("ink", "hover"),
    ("ink", "mark"),
    ("ink", "code"),
    ("ink", "accent-wash"),
    ("soft", "paper"),
    ("soft", "wall"),
    ("soft", "hover"),
    ("soft", "press"),
    ("soft", "code"),
    ("soft", "accent-wash"),
    ("accent", "paper"),
    ("accent", "hover"),
    ("accent", "mark"),
    ("accent", "accent-wash"),
    ("accent-ink", "accent"),
    ("warn-ink", "warn-wash"),
    ("error", "paper"),
]


def test_the_page_is_light() -> None:
    assert sum(path.stat().st_size for path in FILES) < 100_000


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_names_another_host(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.findall(r"(?:https?:|wss?:)?//(?![/ ])[a-z0-9-]+\.[a-z]", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_needs_an_exception_to_the_policy(path: Path) -> None:
    text = path.read_text("utf-8")
    assert not re.search(r"\son\w+=|javascript:|\beval\(|new Function|<style|style=", text)
    assert not re.search(r"<script(?![^>]* src=)", text)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_modules_are_there_and_small(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.count("\n") < 350
    assert text.startswith("/**")
    for name in re.findall(r'from "\./([^"]+)"', text):
        assert (STATIC / name).exists()


def test_html_is_written_only_where_the_server_sanitised_it() -> None:
    written = [
        line.strip()
        for path in SCRIPTS
        for line in path.read_text("utf-8").splitlines()
        if "innerHTML" in line or "insertAdjacentHTML" in line
    ]
    assert all("post.html" in line or "innerHTML: html" in line for line in written)


def test_every_text_is_there_in_both_languages() -> None:
    texts = (STATIC / "texts.js").read_text("utf-8")
    english, chinese = texts.split("const CHINESE")
    names = [set(re.findall(r"^  (\w+):", part, re.MULTILINE)) for part in (english, chinese)]
    assert names[0] == names[1]
    used = re.findall(r"\btexts\.(\w+)", "".join(p.read_text("utf-8") for p in SCRIPTS))
    html = (STATIC / "index.html").read_text("utf-8")
    used += re.findall(r'data-(?:text|label)="(\w+)"', html)
    assert set(used) - {"js"} == names[0]


@pytest.mark.parametrize(
    ("theme", "front", "back"),
    [(theme, *pair) for theme, pair in itertools.product(("light", "dark"), TEXT_ON)],
)
def test_text_can_be_read(theme: str, front: str, back: str) -> None:
    colours = colours_of(LIGHT) | (colours_of(DARK) if theme == "dark" else {})
    assert contrast(colours[front], colours[back]) >= 4.5  # WCAG 2.2, 1.4.3, level AA


@pytest.mark.parametrize("hue", re.findall(r"\.hue\d \{ background: (#\w{6})", STYLE))
def test_initials_can_be_read(hue: str) -> None:
    assert contrast("#ffffff", hue) >= 4.5


def colours_of(style: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", style))


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2, glossary)."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
