"""Matrix's HTML for any Markdown: balanced, of the tags and attributes that the spec allows."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from adapters.base import Limits
from adapters.dialects import JOINER
from adapters.markup import render
from adapters.split import split
from tests.unit.adapters.markdown_texts import MARKDOWN, assert_words_are_kept

NARROW = Limits(600, "matrix", "bytes")
SPECIFIED: dict[str, set[str]] = {
    "del": set(), "h1": set(), "h2": set(), "h3": set(), "h4": set(), "h5": set(),
    "h6": set(), "blockquote": set(), "p": set(), "a": {"target", "href"}, "ul": set(),
    "ol": {"start"}, "sup": set(), "sub": set(), "li": set(), "b": set(), "i": set(), "u": set(),
    "strong": set(), "em": set(), "s": set(), "code": {"class"}, "hr": set(), "br": set(),
    "div": {"data-mx-maths"}, "table": set(), "thead": set(), "tbody": set(), "tr": set(),
    "th": set(), "td": set(), "caption": set(), "pre": set(), "details": set(), "summary": set(),
    "span": {"data-mx-bg-color", "data-mx-color", "data-mx-spoiler", "data-mx-maths"},
}  # fmt: skip
"""Client-server API v1.11, m.room.message msgtypes; `img` is allowed there, and not here."""
VOID = {"br", "hr"}


class Reader(HTMLParser):
    """What is seen. Raises AssertionError for what a client would drop, load or call."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""
        self._open: list[str] = []
        self._links: list[str] = []
        self._numbers: list[int] = []
        self.feed(text)
        self.close()
        assert not self._open, f"{self._open} stay open"
        assert not re.search("@room", self.text, re.IGNORECASE)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        assert values.keys() <= SPECIFIED[tag], (tag, values)
        assert re.fullmatch(r"language-\S+", values.get("class", "language-x")), values
        if tag == "a":
            self._links.append(values.get("href", ""))
            assert re.match("https?://|mailto:", self._links[-1]), self._links[-1]
            assert "matrix.to" not in self._links[-1].lower()
            assert "a" not in self._open, "a link in a link"
        if tag in ("ol", "ul"):
            self._numbers.append(int(values.get("start", 1)) if tag == "ol" else -1)
        if tag == "li" and self._numbers[-1] >= 0:
            self.text += f" {self._numbers[-1]} "
            self._numbers[-1] += 1
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag, f"</{tag}>"
        if tag in ("ol", "ul"):
            self._numbers.pop()
        self.text += f" ({self._links.pop()})" if tag == "a" else ""
        self.text += "" if tag in ("strong", "em", "s", "code", "span", "a") else "\n"

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


@pytest.mark.parametrize(
    ("markdown", "html"),
    [
        ("hello", "<p>hello</p>"),
        ("# A\n\n**b** *i* ~~s~~", "<h1>A</h1>\n<p><strong>b</strong> <em>i</em> <s>s</s></p>"),
        ("||so||", '<p><span data-mx-spoiler="">so</span></p>'),
        ("```py\nx\n```", '<pre><code class="language-py">x\n</code></pre>'),
        ("- [x] a", "<ul>\n<li>☑ a</li>\n</ul>"),
        ("[x](http://y.z)", '<p><a href="http://y.z">x</a></p>'),
        ("![x](http://y.z)", '<p><a href="http://y.z">x</a></p>'),
        ("[x](mailto:a@b.cd)", '<p><a href="mailto:a@b.cd">x</a></p>'),
        ("[Bob](https://matrix.to/#/@bob:x.y)", "<p>Bob</p>"),
        ("![Bob](https://matrix.to/#/@bob:x.y)", "<p>Bob</p>"),
        ("https://matrix.to/#/@b:x.y", "<p>https://matrix.to/#/@b:x.y</p>"),
        ("hey @room", f"<p>hey @{JOINER}room</p>"),
        ("`@room`", f"<p><code>@{JOINER}room</code></p>"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>"),
    ],
)
def test_markdown_in_html(markdown: str, html: str) -> None:
    assert render(markdown, "matrix").text == html
    Reader(html)


@pytest.mark.parametrize(
    "refused",
    [
        *("<p>x", "x</p>", "<img src=x>", "<p style='x'>y</p>", "@room", "<!-- x -->"),
        *("<b><i>x</b></i>", '<a href="https://matrix.to/#/@a:b">x</a>', '<a href="tg://x">x</a>'),
        '<code class="x">y</code>',
    ],
)
def test_the_checker_refuses(refused: str) -> None:
    with pytest.raises((AssertionError, KeyError)):
        Reader(refused)


@given(MARKDOWN)
@settings(max_examples=150, deadline=None)
def test_any_markdown_is_allowed_and_calls_nobody(markdown: str) -> None:
    shown = Reader(render(markdown, "matrix").text).text
    if "matrix.to" not in markdown.lower():  # such a target is left out
        assert_words_are_kept(markdown, shown)


@given(MARKDOWN)
@settings(max_examples=50, deadline=None)
def test_every_part_is_allowed_and_fits(markdown: str) -> None:
    for part in split(markdown * 3, NARROW):
        shown = render(part, "matrix").text
        assert len(shown.encode()) <= NARROW.max_chars
        Reader(shown)
