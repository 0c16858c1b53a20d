"""Markdown in each dialect: what people see, what never runs, how long it may take."""

import re
import time
from html.parser import HTMLParser
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Dialect
from adapters.markup import Growing, first_words, render
from tests.unit.adapters.markdown_texts import MARKDOWN as ANY

REL = 'rel="noopener noreferrer nofollow"'
FENCED = '<pre><code class="language-py">x = 1\n</code></pre>'


def link(target: str, words: str = "") -> str:
    return f'<a href="{target}" {REL}>{words or target}</a>'


@pytest.mark.parametrize(
    ("markdown", "html", "plain"),
    [
        ("hello", "<p>hello</p>", "hello"),
        ("你好，世界", "<p>你好，世界</p>", "你好，世界"),
        ("so _that_ is **it**", "<p>so <em>that</em> is <strong>it</strong></p>", "so that is it"),
        ("snake_case_name", "<p>snake_case_name</p>", "snake_case_name"),
        ("~~gone~~", "<p><s>gone</s></p>", "gone"),
        ("two\nlines", "<p>two<br>\nlines</p>", "two\nlines"),
        ("# Title\n\ntext", "<h1>Title</h1>\n<p>text</p>", "Title\n\ntext"),
        ("```py\nx = 1\n```", FENCED, "x = 1"),
        ("use `a < b`", "<p>use <code>a &lt; b</code></p>", "use a < b"),
        ("> so\n> said", "<blockquote>\n<p>so<br>\nsaid</p>\n</blockquote>", "> so\n> said"),
        ("- a\n  - b", None, "• a\n  • b"),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>', "3. a\n4. b"),
        ("a | b\n--|--\n1 | 2", None, "a | b\n1 | 2"),
        ("---", "<hr>", "———"),
        ("[a](http://x.y)", f"<p>{link('http://x.y', 'a')}</p>", "a (http://x.y)"),
        ("<http://x.y>", f"<p>{link('http://x.y')}</p>", "http://x.y"),
        ("see http://x.y/a_b.", f"<p>see {link('http://x.y/a_b')}.</p>", "see http://x.y/a_b."),
        ("(https://x.y)", f"<p>({link('https://x.y')})</p>", "(https://x.y)"),
        ("`http://x.y`", "<p><code>http://x.y</code></p>", "http://x.y"),
        ("<a@b.cd>", f"<p>{link('mailto:a@b.cd', 'a@b.cd')}</p>", "mailto:a@b.cd"),
        ("||it was him||", "<p>it was him</p>", "it was him"),
        ("a || b || c and x||y||z", None, "a || b || c and x||y||z"),
        ("- [x] done\n- [ ] to do", None, "• ☑ done\n• ☐ to do"),
        ("[x]() ![y]()", "<p>x y</p>", "x y"),
        ("[x](http://a@b.c)", "<p>[x](http://a@b.c)</p>", "[x](http://a@b.c)"),
        ("[note]: for later", "<p>[note]: for later</p>", "[note]: for later"),
    ],
)
def test_markdown_in_html_and_in_words(markdown: str, html: str | None, plain: str) -> None:
    assert render(markdown, "plain").text == plain
    if html:
        assert render(markdown, "html").text.strip() == html


def test_a_table_s_alignment_needs_no_style() -> None:
    html = render("| a |\n|--:|\n| 1 |", "html").text
    assert '<td align="right">1</td>' in html
    assert "style" not in html


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](java\tscript:alert(1))",
        "[x](data:text/html,<script>alert(1)</script>)",
        "[x](vbscript:x)",
        "![x](javascript:alert(1))",
        "<javascript:alert(1)>",
        "[x](//evil.example)",
        "[x](/page/me)",
        '[x](http://x.y "\\"><script>alert(1)</script>")',
        '```"><script>alert(1)</script>\nx\n```',
        "[x]\n\n[x]: javascript:alert(1)",
        "https://x.y/<script>",
        '![" onerror="x](http://x.y/)',
        '![a](http://x.y/"onload="x)',
    ],
)
def test_nothing_runs(hostile: str) -> None:
    seen = Seen()
    seen.feed(render(hostile, "html").text)
    assert seen.tags <= {"p", "a", "pre", "code"}
    assert all(href.startswith(("http://x.y", "https://x.y")) for href in seen.links)
    assert seen.attributes <= {"href", "rel", "title", "class"}


@pytest.mark.parametrize(
    ("image", "html", "markdown"),
    [
        ("![cat](http://x.y/c.png)", link("http://x.y/c.png", "cat"), "[cat](http://x.y/c.png)"),
        ("![](http://x.y/c.png)", link("http://x.y/c.png"), "[](http://x.y/c.png)"),
        ("[![cat](http://x.y/c)](http://z.y)", link("http://z.y", "cat"), None),
        ("![a][r]\n\n[r]: http://x.y/b", link("http://x.y/b", "a"), None),
        ("`![a](http://x.y)`", "<code>![a](http://x.y)</code>", "`![a](http://x.y)`"),
        ("```rust\nvec![1]\n```", "vec![1]", "```rust\nvec![1]\n```"),
        ("    vec![1]\n\n![b](http://x.y)", "vec![1]", "    vec![1]\n\n[b](http://x.y)"),
    ],
)
def test_images_are_never_loaded(image: str, html: str, markdown: str | None) -> None:
    shown = render(image, "html").text
    assert html in shown
    assert "<img" not in shown
    if markdown:
        assert render(image, "markdown").text == markdown


@pytest.mark.parametrize(
    "deep",
    [">" * 10_000 + " end", "- " * 10_000 + "end", "\n".join(" " * i + "- x" for i in range(900))],
    ids=["quotes", "bullets", "lists"],
)
def test_deep_nesting_is_flattened_and_nothing_is_lost(deep: str) -> None:
    html, plain = render(deep, "html").text, render(deep, "plain").text
    assert max(html.count("<blockquote>"), html.count("<ul>")) <= 20
    for word in ("end", "x"):
        assert plain.count(word) >= deep.count(word)


@pytest.mark.parametrize(
    "long",
    [
        "word " * 200_000,
        "![" * 50_000,
        "[" * 10_000 + "x" + "]" * 10_000,
        "*a **a " * 7_000,
        "a\n" * 500_000,
        "`a" * 25_000,
        "a|b\n-|-\n" + "a|b\n" * 20_000,
        "https://" * 6_000,
        "[a]: http://x\n" * 3_000 + "[a]" * 1_000,
        "e" + "\u0301" * 10_000,
        "<" * 50_000,
        "||a " * 12_000,
        "> - " * 12_000,
        "@" * 50_000,
        "**`a`" * 10_000,
    ],
    ids=lambda text: str(text)[:12],
)
@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_work_is_bounded(long: str, dialect: Dialect) -> None:
    began = time.thread_time()
    render(long, dialect)
    assert time.thread_time() - began < 2


def test_what_is_too_long_to_parse_is_shown_as_written() -> None:
    shown = render("*a* <b>\nc\n\nd" + "!" * 60_000, "html").text
    assert shown.startswith("<p>*a* &lt;b&gt;<br>\nc</p>\n<p>d!")


@pytest.mark.parametrize(
    ("markdown", "shown"),
    [
        ("", "…"),
        ("Hello", "Hello …"),
        ("# The roof\n\nIt **leaks** since", "The roof It …"),
        ("- `a * b * c`", "• a * b * c …"),
        ("1\\. x", "1. x …"),
        ("abcdefghijklmnopqrstuvw", "abcdefghijklmno …"),
    ],
)
def test_first_words_are_words(markdown: str, shown: str) -> None:
    assert render(first_words(markdown, 15), "plain").text == shown


@given(ANY, st.integers(1, 40))
@settings(deadline=None)
def test_first_words_of_any_text_are_a_short_paragraph(markdown: str, max_chars: int) -> None:
    words = first_words(markdown, max_chars)
    html = render(words, "html").text
    assert "\n" not in words
    assert re.fullmatch(r"<p>([^<]|<a [^>]*>|</a>)*</p>\n?", html)
    assert len(render(words, "plain").text) <= max_chars + 2


def test_terminals_get_no_escapes() -> None:
    hostile = "a\x1b[2J\x07 \x1b]8;;http://x\x1b\\b \x9b31m\tc"
    assert render(hostile, "plain").text == "a[2J ]8;;http://x\\b 31m\tc"


PIECES = [*"ab \n\n*_`~#>-+1.|[]()!<&:\\\"'", "http://x.y", "```", "é😀"]
MARKDOWN = st.lists(st.sampled_from(PIECES)).map("".join)


@given(MARKDOWN | st.text())
def test_any_text_is_only_tags_that_are_allowed(markdown: str) -> None:
    seen = Seen()
    seen.feed(render(markdown, "html").text)
    assert seen.attributes <= {"href", "rel", "title", "class", "start", "align"}
    assert not seen.tags & {"img", "script", "style", "iframe", "form", "input"}
    assert all(href.startswith(("http://", "https://", "mailto:")) for href in seen.links)


@given(MARKDOWN)
def test_words_are_kept(markdown: str) -> None:
    for dialect in ("html", "plain"):
        assert len(re.findall("[ab]", render(markdown, dialect).text)) >= letters(markdown)


def letters(markdown: str) -> int:
    """Letters that no dialect hides: link titles, fence languages and targets may go."""
    hides = any(mark in markdown for mark in ("```", "~~~", "](", "]:", "&", "["))
    return 0 if hides else len(re.findall("[ab]", markdown))


@given(st.lists(MARKDOWN, max_size=6))
def test_a_growing_text_ends_as_the_whole(pieces: list[str]) -> None:
    growing, text = Growing(), ""
    for piece in pieces:
        text += piece
        growing.blocks(text)
    if "[" not in text:  # a link's target may come later
        assert words_of("".join(growing.blocks(text))) == words_of(render(text, "html").text)


def test_only_the_end_of_a_growing_text_changes() -> None:
    growing = Growing()
    text = "".join(f"paragraph **{number}**\n\n" for number in range(50))
    first = growing.blocks(text)
    second = growing.blocks(text + "1. one\n\n2")
    third = growing.blocks(text + "1. one\n\n2. two")
    assert first == second[:50] == third[:50]
    assert third[50:] == [
        "<ol>\n<li>\n<p>one</p>\n</li>\n<li>\n<p>two</p>\n</li>\n</ol>\n",
    ]


def test_a_growing_text_may_be_replaced() -> None:
    growing = Growing()
    growing.blocks("a\n\nb\n\nc\n\nd")
    assert growing.blocks("other") == ["<p>other</p>\n"]


class Seen(HTMLParser):
    """The tags, attributes and links of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [value or "" for name, value in attrs if name == "href"]


def words_of(html: str) -> str:
    return "".join(re.sub("<[^>]+>", "", html).split())
