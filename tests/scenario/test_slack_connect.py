"""People of other workspaces in a channel that a workspace shares (Slack Connect)."""

from pathlib import Path

from bot.access import Role
from storage.records import AuditEntry
from tests.scenario.stage import staged
from tests.venues.slack import SlackVenue


async def test_an_open_workspace_is_not_open_to_others(tmp_path: Path) -> None:
    async with SlackVenue() as venue, staged(venue, tmp_path) as stage:
        ann, eve = await stage.room("ann", "eve")
        guest = venue.world.share(venue.world.channels[ann.place.id], "eve", "T2")
        await eve.say("what do they plan?", mention=True)
        await ann.say("lunch?", mention=True)
        await ann.sees("echo: ann: lunch?")
        assert len(stage.engine.requests) == 1
        person = f"slack:main:outside/T2/{guest.id}"
        roster = stage.desk.roster
        await roster.make(roster.set_role(person, Role.GUEST, AuditEntry("ann", "role", person)))
        await eve.say("and for me?", mention=True)
        await ann.sees("echo: ann: lunch?", "echo: eve: and for me?")
