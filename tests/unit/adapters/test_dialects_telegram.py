"""Telegram's HTML for any Markdown, read by a strict parser of the Bot API's rules."""

import html
import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings

from adapters.base import Limits
from adapters.dialects import JOINER
from adapters.markup import render
from adapters.split import split
from tests.unit.adapters.markdown_texts import MARKDOWN, assert_words_are_kept, utf16

NARROW = Limits(600, "telegram", "utf16")
SIMPLE = {"b", "i", "u", "s", "tg-spoiler"}
TAG = re.compile(r'<(/?)([a-z-]+)(?: ([a-z]+)="([^"<>]*)")?>')
ENTITY = re.compile(r"&(?:lt|gt|amp|quot|#\d+|#x[0-9a-f]+);")


@dataclass
class Entity:
    tag: str
    attribute: str
    value: str
    start: int


@dataclass
class Message:
    """What Telegram makes of a text: what is seen, and where nobody is called."""

    text: str = ""
    links: list[str] = field(default_factory=list[str])
    quiet: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    @property
    def calls(self) -> list[str]:
        """The mentions that Telegram finds."""
        text = self.text
        for start, end in self.quiet:
            text = text[:start] + " " * (end - start) + text[end:]
        return re.findall(r"(?<!\w)@\w+", text)


def parse(text: str) -> Message:
    """Raises AssertionError for what the Bot API refuses, or drops in silence."""
    message, stack, at = Message(), list[Entity](), 0
    while at < len(text):
        tag = TAG.match(text, at)
        if tag and tag[1]:
            _close(tag[2], message, stack)
            at = tag.end()
        elif tag:
            entity = Entity(tag[2], tag[3] or "", html.unescape(tag[4] or ""), len(message.text))
            _check(entity, stack, text[:at])
            stack.append(entity)
            at = tag.end()
        else:
            entity_reference = ENTITY.match(text, at)
            assert entity_reference or text[at] not in "<>&", f"unescaped at {at}: {text[at:][:20]}"
            shown = entity_reference[0] if entity_reference else text[at]
            message.text += html.unescape(shown)
            at += len(shown)
    assert not stack, "an entity is not closed"
    return message


def _check(entity: Entity, stack: list[Entity], before: str) -> None:
    around = {outer.tag for outer in stack}
    assert entity.tag not in around, f"{entity.tag} in itself"
    match entity.tag:
        case "code" if entity.attribute:
            assert before.endswith("<pre>")
            assert entity.attribute == "class"
            assert re.fullmatch(r"language-[\w+#.-]+", entity.value)
        case "code":
            assert around <= {"blockquote"}, f"code in {around}"
        case "pre":
            assert not around, f"pre in {around}"
        case "a":
            assert entity.attribute == "href"
            assert re.match(r"https?://[^\s/?#]", entity.value), entity.value
            assert not around & {"pre", "code"}
        case "blockquote":
            assert not around
        case tag:
            assert tag in SIMPLE, tag
            assert not around & {"pre", "code"}
    assert not entity.attribute or entity.tag in ("a", "code")


def _close(tag: str, message: Message, stack: list[Entity]) -> None:
    assert stack, f"</{tag}> closes nothing"
    assert stack[-1].tag == tag, f"</{tag}> closes {stack[-1].tag}"
    entity = stack.pop()
    assert message.text[entity.start :].strip(), f"an empty {tag}"
    if tag in ("pre", "code", "a"):
        message.quiet.append((entity.start, len(message.text)))
    if tag == "a":
        message.links.append(entity.value)
        message.text += f" ({entity.value})"  # a reader can see it: the client asks before it opens
        message.quiet.append((entity.start, len(message.text)))


@pytest.mark.parametrize(
    ("markdown", "entities"),
    [
        ("hello", "hello"),
        ("**b** *i* ~~s~~ `c`", "<b>b</b> <i>i</i> <s>s</s> <code>c</code>"),
        ("***both***", "<i><b>both</b></i>"),
        ("**a `b` c**", "<b>a </b><code>b</code><b> c</b>"),
        ("# Head **x**\n\ntext", "<b>Head x</b>\n\ntext"),
        ("||it was him||", "<tg-spoiler>it was him</tg-spoiler>"),
        ("a || b || c", "a || b || c"),
        ("a < b & c > d", "a &lt; b &amp; c &gt; d"),
        ("```py\nx < 1\n```", '<pre><code class="language-py">x &lt; 1</code></pre>'),
        ("```\nx\n```", "<pre>x</pre>"),
        ("- a\n- b\n  - c\n    1. d", "• a\n• b\n   • c\n      1. d"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("- [x] done\n- [ ] open", "☑ done\n☐ open"),
        ("> a\n> > b", "<blockquote>a\n\n&gt; b</blockquote>"),
        ("> a\n> ```\n> x\n> ```", "<blockquote>a</blockquote>\n\n<pre>x</pre>"),
        ("a|b\n-|-:\n你|1", "<pre>a  │ b\n───┼──\n你 │ 1</pre>"),
        ("a\n\n---\n\nb", "a\n\n———\n\nb"),
        ("[go `now`](http://x.y/?a&b)", '<a href="http://x.y/?a&amp;b">go now</a>'),
        ("![cat](http://x.y/c)", '<a href="http://x.y/c">cat</a>'),
        ("[mail](mailto:a@b.cd)", "mail (a@b.cd)"),
        ("<a@b.cd>", "a@b.cd"),
        ("[x](tg://user?id=1)", "[x](tg://user?id=1)"),
        ("hi @bob, a@b.cd", f"hi @{JOINER}bob, a@b.cd"),
        ("`@bob`", "<code>@bob</code>"),
        ("/start", "/start"),
    ],
)
def test_markdown_in_entities(markdown: str, entities: str) -> None:
    assert render(markdown, "telegram").text == entities
    parse(entities)


def test_a_wide_table_is_told_row_by_row() -> None:
    head = "| name | " + "long " * 12 + "|\n|--|--|\n"
    shown = render(head + "| a | [x](http://x.y) |\n| b | 2 |", "telegram").text
    long = ("long " * 12).strip()
    first = f'<b>name</b>: a\n<b>{long}</b>: <a href="http://x.y">x</a>'
    assert shown == f"{first}\n\n<b>name</b>: b\n<b>{long}</b>: 2"


@pytest.mark.parametrize(
    "refused",
    [
        *("<b></b>", "<b>x", "x</b>", "<b><i>x</b></i>", "a < b", "a & b", "<p>x</p>", "<b> </b>"),
        *("<u><code>x</code></u>", "<pre><b>x</b></pre>", "<b><b>x</b></b>", '<b class="x">y</b>'),
        "<blockquote><blockquote>x</blockquote></blockquote>",
        '<a href="tg://user?id=1">x</a>',
    ],
)
def test_the_checker_refuses(refused: str) -> None:
    with pytest.raises(AssertionError):
        parse(refused)


def test_the_checker_finds_mentions() -> None:
    assert parse("hi @bob <code>@x</code>").calls == ["@bob"]


@given(MARKDOWN)
@settings(max_examples=150, deadline=None)
def test_any_markdown_is_accepted_and_calls_nobody(markdown: str) -> None:
    message = parse(render(markdown, "telegram").text)
    assert_words_are_kept(markdown, message.text)
    assert not message.calls
    assert message.text.strip() or not render(markdown, "plain").text.strip()


@given(MARKDOWN)
@settings(max_examples=50, deadline=None)
def test_every_part_is_accepted_and_fits(markdown: str) -> None:
    for part in split(markdown * 3, NARROW):
        shown = render(part, "telegram").text
        assert utf16(shown) <= NARROW.max_chars
        parse(shown)
