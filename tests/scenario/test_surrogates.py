"""Half a character in what somebody sends stops no platform. Synapse itself refuses such JSON."""

from pathlib import Path

import pytest

from tests.scenario.stage import staged
from tests.venues.registry import VENUES


@pytest.mark.parametrize("name", ["web", "telegram", "slack"])
async def test_half_a_character_stops_nobody(name: str, tmp_path: Path) -> None:
    async with VENUES[name]() as venue, staged(venue, tmp_path) as stage:
        ann = await stage.alone("ann")
        await ann.say("half \ud83d of it")
        await ann.sees("echo: half � of it")
        await ann.send("and a file", "\ud800.txt", "text/plain", b"the roof leaks")
        await venue.until(lambda: len(stage.engine.requests) == 2)
        if "files" in venue.features:
            assert "the roof leaks" in stage.engine.requests[1].messages[-1].content
        await ann.say("still there?")
        await venue.until(lambda: ann.texts[-1] == "echo: still there?")
