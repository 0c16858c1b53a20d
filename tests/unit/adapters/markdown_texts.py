"""Markdown of every kind, well written and not, and what its readers must find in a rendering."""

import re
from collections import Counter
from collections.abc import Sequence
from urllib.parse import unquote

from hypothesis import strategies as st

from adapters.dialects import JOINER
from adapters.markup import render

Texts = st.SearchStrategy[str]


def one_of_lines(lines: str) -> Texts:
    """One of the lines, as it is written."""
    return st.sampled_from(lines.strip("\n").split("\n"))


def one_of_words(words: str) -> Texts:
    """One of the words."""
    return st.sampled_from(words.split())


WORDS = one_of_words("alpha beta snake_case_name 你好 مرحبا עברית 👩‍👧 é 2*3 a<b AT&T x")
CALLS = one_of_words(
    r"""
    @bob @room @channel @here @everyone a@b.cd @@bob @**bob** **@**bob \@bob &#64;bob @*channel*
    <!channel> <!here|x> <@U123ABC> <#C123> <!subteam^S1|team> &lt;!channel&gt; \<!here>
    `@room` `<!channel>` /start #tag
    """
)
HTML = one_of_lines(
    """
<b>bold</b>
<script>x()</script>
<img src=x>
<!-- note -->
</p>
<br>
<pre>
</code>
<a href='tg://user?id=1'>u</a>
&amp;
&nbsp;
&#0;
&copy
&lt;i&gt;
"""
)
LINKS = one_of_lines(
    """
[go](http://x.y)
[`code`](https://x.y/a_b)
[**b** c](http://x.y/?a=1&b=2)
<http://x.y>
https://x.y/@bob
[](http://x.y)
![cat](http://x.y/c.png)
![](https://x.y/(a))
[js](javascript:x)
[tg](tg://user?id=1)
[m](mailto:a@b.cd)
<a@b.cd>
[@bob](http://x.y)
[p](https://matrix.to/#/@u:x.y)
https://matrix.to/#/@u:x.y
![p](https://MATRIX.to/#/@u:x)
[![i](http://x.y/i)](http://z.y)
[x](http://)
[a|b](http://x.y/a|b)
[x]
[x]()
![
](
"""
)
MARKUP = st.sampled_from(
    [*"*_~`|\\[]!<>&#", "**", "__", "***", "~~", "``", "```", "||", "- ", "1. "]
) | st.sampled_from(
    ["\n", "\n\n", "\n    ", "\t", "\x00", "\x1b[2J", "\u200b", "\u202e", "\x0c"],
)


def _marked(mark: str, inner: Sequence[str]) -> str:
    return mark + " ".join(inner) + mark[::-1]


SPANS = st.builds(
    _marked,
    one_of_words("* ** _ __ *** ~~ ` `` || **_ ||**"),
    st.lists(WORDS | CALLS | LINKS, min_size=1, max_size=3),
)
PARTS = st.lists(WORDS | WORDS | SPANS | CALLS | HTML | LINKS | MARKUP, min_size=1, max_size=7)
LINES = PARTS.map(" ".join) | PARTS.map("".join)
CODE = one_of_lines("x = 1\n  a < b && c\n\n```\n<!channel>\n@room\n# no\n| a |")


def _fenced(mark: str, info: str, code: Sequence[str], closed: bool) -> str:
    return "\n".join([mark + info, *code, mark if closed else ""])


FENCES = st.builds(
    _fenced,
    st.sampled_from(["```", "~~~", "````"]),
    st.sampled_from(["", "py", "c++", 'x"><b>', "py title=1", "<script>", "@room"]),
    st.lists(CODE, max_size=4),
    st.booleans(),
)


def _table(rows: Sequence[Sequence[str]], width: int) -> str:
    lines = [" | ".join([*row, *["-"] * width][:width]) for row in rows]
    return "\n".join([lines[0], "|".join(["--", ":-:", "--:", "---"][:width]), *lines[1:]])


TABLES = st.builds(
    _table,
    st.lists(st.lists(WORDS | SPANS | CALLS | LINKS, max_size=4), min_size=1, max_size=4),
    st.integers(1, 4),
)


def _after(mark: str, line: str) -> str:
    return f"{mark} {line}"


def _underlined(line: str, rule: str) -> str:
    return f"{line}\n{rule}"


def _indented(text: str, first: str, further: str) -> str:
    return first + text.replace("\n", f"\n{further}")


def _listed(blocks: Sequence[str], gap: str, mark: str) -> str:
    return gap.join(_indented(block, mark, " " * len(mark.partition("[")[0])) for block in blocks)


def _quoted(blocks: Sequence[str], gap: str) -> str:
    return _indented(gap.join(blocks), "> ", "> ")


def _joined(blocks: Sequence[str], gap: str) -> str:
    return gap.join(blocks)


GAPS = st.sampled_from(["\n", "\n\n"])


def _nested(blocks: Texts) -> Texts:
    inside = st.lists(blocks, min_size=1, max_size=3)
    marks = st.sampled_from(["- ", "- [x] ", "7. "])
    return st.builds(_listed, inside, GAPS, marks) | st.builds(_quoted, inside, GAPS)


BLOCKS: Texts = st.recursive(
    st.one_of(
        LINES,
        LINES,
        st.builds(_after, st.sampled_from(["#", "##", "######"]), LINES),
        st.builds(_underlined, LINES, st.sampled_from(["===", "---"])),
        FENCES,
        TABLES,
        one_of_lines("---\n***\n    indented\n[x]: http://x.y/ref\n- [ ] open\n1986\\. So"),
    ),
    _nested,
    max_leaves=5,
)
MARKDOWN: Texts = st.one_of(
    st.builds(_joined, st.lists(BLOCKS, max_size=5), GAPS),
    st.lists(MARKUP | WORDS | HTML, max_size=30).map("".join),
    st.text(max_size=60),
)


def seen_words(text: str) -> list[str]:
    """The words of what a reader sees, addresses readable, without invisible joiners."""
    return re.findall(r"[^\W_]+", unquote(text.replace(JOINER, "").replace("mailto:", "")))


def assert_words_are_kept(markdown: str, visible: str) -> None:
    """All words of the plain rendering are seen; in their order, where no table is told by rows."""
    expected, found = seen_words(render(markdown, "plain").text), "".join(seen_words(visible))
    if "|" in markdown:
        lost = [word for word, count in Counter(expected).items() if found.count(word) < count]
        assert not lost, lost
    at = 0
    for word in expected if "|" not in markdown else []:
        at = found.find(word, at) + len(word)
        assert at >= len(word), f"lost or in another order: {word}"


def utf16(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2
