"""How answers look while they grow and when they stand, on every platform."""

from collections.abc import Mapping

import pytest

from bot.lane import WRITING
from tests.scenario.stage import Someone, Stage
from tests.venues.base import Shown


async def test_typing(stage: Stage) -> None:
    """While an answer is computed, a sign says so."""
    stage.need("typing")
    ann = await stage.alone("ann")
    stage.engine.hold()
    await ann.say("hello")
    await stage.venue.until(lambda: stage.venue.typed(ann.place))
    stage.engine.release()
    await ann.sees("echo: hello")


async def test_growing(stage: Stage) -> None:
    """An answer grows while it is written, and is one message."""
    ann = await stage.alone("ann")
    words = " ".join(f"word{number}" for number in range(40))
    stage.engine.enqueue(words)
    stage.engine.token_delay_s = 0.1
    seen: set[str] = set()

    def is_there() -> bool:
        seen.update(ann.texts)
        return ann.texts == [words]

    await ann.say("count")
    await stage.venue.until(is_there)
    assert [text for text in seen if text.endswith(WRITING.strip()) and "word1" in text]


async def test_long_answer(stage: Stage) -> None:
    """A long answer comes in parts, in order, with nothing lost."""
    ann = await stage.alone("ann")
    lines = [f"line-{number}-{'x' * 300}" for number in range(60)]
    stage.engine.enqueue("\n\n".join(lines))
    await ann.say("at length")
    await stage.venue.until(
        lambda: [line for text in ann.texts for line in text.split("\n") if line] == lines
    )
    assert (len(ann.shown) == 1) == (stage.venue.name == "web")


async def whole(stage: Stage, person: Someone, last: str) -> Shown:
    """The one answer that stands there when it is complete; `last` stands at its end."""

    def is_complete() -> bool:
        texts = person.texts
        return len(texts) == 1 and last in texts[0] and not texts[0].endswith(WRITING.strip())

    await stage.venue.until(is_complete)
    return person.shown[0]


HTML = ("<h1>Title</h1>", "<strong>bold</strong>", "<code>code</code>", "<li>one", "<pre><code")


FORMATTED: Mapping[str, tuple[str, ...]] = {
    "web": HTML,
    "matrix": HTML,
    "telegram": ("<b>Title</b>", "<b>bold</b>", "<code>code</code>", "• one", "<pre><code class="),
    "slack": ("# Title", "**bold**", "`code`", "- one", "```python"),  # a block of Markdown
}


async def test_markup(stage: Stage) -> None:
    """Markdown shows as the platform's own formatting."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(
        "# Title\n\nSome **bold** and `code`.\n\n- one\n- two\n\n```python\nx = 1\n```"
    )
    await ann.say("show me")
    answer = await whole(stage, ann, "x = 1")
    for mark in FORMATTED[stage.venue.name]:
        assert mark in answer.raw
    if stage.venue.name != "web":  # its texts are the source of what it shows
        for mark in ("**", "`", "# "):
            assert mark not in answer.text
        for text in ("Title", "bold", "code", "one", "two", "x = 1"):
            assert text in answer.text


LAID_OUT: Mapping[str, tuple[str, ...]] = {
    "web": ("<li>one\n<ul>\n<li>inner</li>", "<th>what</th>", "<td>bread</td>\n<td>12</td>"),
    "matrix": ("<li>one\n<ul>\n<li>inner</li>", "<th>what</th>", "<td>bread</td>\n<td>12</td>"),
    "telegram": ("• one\n   • inner", "what  │ count\n", "bread │ 12"),
    "slack": ("- one\n  - inner", "| what | count |\n| --- | --- |", "| bread | 12 |"),
}


async def test_layout(stage: Stage) -> None:
    """Nested lists and tables keep their shape."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(
        "- one\n  - inner\n- two\n\n| what | count |\n|---|---|\n| soup | 3 |\n| bread | 12 |"
    )
    await ann.say("show me")
    answer = await whole(stage, ann, "12")
    for part in LAID_OUT[stage.venue.name]:
        assert part in answer.raw
    assert stage.venue.name == "web" or "|---" not in answer.text


@pytest.mark.parametrize(
    "text", ["<!channel> wake up", "<b>x</b> & <script>alert(1)</script>", "a < b > c"]
)
async def test_markup_is_inert(stage: Stage, text: str) -> None:
    """What the model writes is text: it pings nobody and injects nothing."""
    ann = await stage.alone("ann")
    stage.engine.enqueue(text)
    await ann.say("try")
    await ann.sees(text)


async def ask_at_length(stage: Stage, person: Someone, **how: bool) -> None:
    """Ask what takes long to answer, and wait until its answer grows."""
    stage.engine.enqueue(" ".join(["more"] * 2000))
    stage.engine.token_delay_s = 0.05
    await person.say("go on", **how)
    await stage.venue.until(lambda: any(text.startswith("more more") for text in person.texts))


async def see_it_stopped(stage: Stage, person: Someone) -> None:
    """It ends, and what was shown stays."""
    await stage.venue.until(lambda: any("Stopped." in text for text in person.texts))
    assert stage.engine.cancelled
    [stopped] = [text for text in person.texts if "Stopped." in text]
    assert stopped.startswith("more more")


async def test_stop(stage: Stage) -> None:
    """`stop` ends an answer that is being written; what was shown stays."""
    ann = await stage.alone("ann")
    await ask_at_length(stage, ann)
    await ann.command("stop")
    await see_it_stopped(stage, ann)


async def test_stop_button(stage: Stage) -> None:
    """So does Stop, pressed below it."""
    stage.need("stop button")
    ann, _ = await stage.room("ann", "bob")
    await ask_at_length(stage, ann, mention=True)
    await ann.press(ann.shown[0].id, "stop")
    await see_it_stopped(stage, ann)


async def test_buttons(stage: Stage) -> None:
    """Below an answer, Retry writes it anew."""
    stage.need("buttons")
    ann = await stage.alone("ann")
    stage.engine.enqueue("a poor answer", "a better answer")
    await ann.say("try")
    [answer] = await ann.sees("a poor answer")
    await ann.press(answer.id, "retry")
    [again] = await ann.sees("a better answer")
    assert again.id == answer.id
