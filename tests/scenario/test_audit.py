"""What is written down of what happens, and how it is looked at."""

import json
import os
from dataclasses import replace
from pathlib import Path

import httpx

from engine.scripted import ScriptedEngine
from tests.clients.process import bot_process
from tests.scenario.bots import running_bot, settings_in
from tests.scenario.test_admin import TEXTS, entries, house, tell
from tests.scenario.test_command_line import SCRIPTED, parley
from tests.unit.bot.events import ANN, message


async def test_calls_of_the_api_are_written_down(tmp_path: Path) -> None:
    settings = {"engine__kind": "scripted", "web__port": "0", "api__tokens": '{"cron": "abc"}'}
    async with bot_process(tmp_path, **settings) as bot:
        url = bot.link.partition("/?")[0]
        async with httpx.AsyncClient(
            timeout=60, base_url=url, headers={"user-agent": "probe/1"}
        ) as client:
            for _ in range(2):
                wrong = await client.post("/api/v1/chat", json={"message": "hi"})
                assert wrong.status_code == 401
            token = {"authorization": "Bearer abc"}
            right = await client.post("/api/v1/chat", json={"message": "hi"}, headers=token)
            assert right.status_code == 200
            assert (await client.get("/healthz")).status_code == 200
        code, out, _ = await parley(tmp_path, "audit", "show", "--json", "--limit", "2", **SCRIPTED)
        right_row, wrong_row = json.loads(out)
        assert (code, right_row["actor"], wrong_row["actor"]) == (0, "api:cron", "")
        assert [row["outcome"] for row in (right_row, wrong_row)] == ["200", "401"]
        assert right_row["target"] == "/api/v1/chat"
        assert right_row["origin"] == {
            "platform": "api",
            "address": "127.0.0.1",
            "agent": "probe/1",
        }
        code, out, _ = await parley(tmp_path, "audit", "verify", **SCRIPTED)
        assert (code, "nothing was changed" in out) == (0, True)
    code, out, _ = await parley(tmp_path, "audit", "export", **SCRIPTED)
    actions = [json.loads(line)["action"] for line in out.splitlines()]
    assert actions == ["configuration", "http POST", "http POST"]


async def test_what_the_machine_is_asked_for_is_written_down(tmp_path: Path) -> None:
    me = f"console:local:{os.getuid()}"
    await parley(tmp_path, "db", "export", me, **SCRIPTED)
    await parley(tmp_path, "db", "search", "word", **SCRIPTED)
    await parley(tmp_path, "db", "erase", me, "--yes", **SCRIPTED)
    _, out, _ = await parley(tmp_path, "audit", "show", "--json", **SCRIPTED)
    rows = [(row["actor"], row["action"], row["target"]) for row in json.loads(out)]
    assert rows == [(me, "db erase", me), (me, "db search", ""), (me, "db export", me)]
    anchor = tmp_path / "parley-data" / "parley.audit-anchor"
    anchor.write_text(anchor.read_text().replace("3", "4"))
    code, _, err = await parley(tmp_path, "audit", "verify", **SCRIPTED)
    assert (code, "no anchor of this audit" in err) == (1, True)


async def test_who_is_not_let_in_is_written_down(tmp_path: Path) -> None:
    async with running_bot(house(tmp_path)) as bot:
        await bot.platform.receive([message("hello")])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 1)
        assert await tell(bot, "pair AAAAA-BBBBB", ANN) == TEXTS.wrong_code
        found = await entries(bot)
        ann = "fake:bot:ann"
        assert found == [(ann, "ask", ann, "denied"), (ann, "pair", "", "denied")]


async def test_what_one_does_with_ones_own_is_written_down_without_what_was_said(
    tmp_path: Path,
) -> None:
    async with running_bot(settings_in(tmp_path)) as bot:
        await bot.platform.receive([message("my canary")])
        await bot.platform.until(lambda: len(bot.platform.shown("ann")) == 1)
        await tell(bot, "export", ANN)
        await tell(bot, "forget", ANN)
        latest = await bot.running.desk.audit.latest(2)
        assert [each.action for each in latest] == ["forget", "export"]
        assert json.loads(latest[0].origin) == {"platform": "fake", "room": "ann"}
        assert "canary" not in str(await bot.running.desk.audit.latest(99))


async def test_a_change_of_the_configuration_names_the_keys_only(tmp_path: Path) -> None:
    for persona in ("Be brief.", "Be brief.", "Be a secret pirate."):
        settings = settings_in(tmp_path, bot={"persona": persona})
        async with running_bot(settings) as bot:
            last = (await bot.running.desk.audit.latest(9))[0]
    assert json.loads(last.detail) == {"changed": ["bot.persona"]}
    assert last.id == 2


async def test_a_start_with_another_model_is_written_down(tmp_path: Path) -> None:
    for sha256 in ("1f", "1f", "2e"):
        engine = ScriptedEngine()
        engine.state = replace(engine.state, model="ada", sha256=sha256)
        async with running_bot(settings_in(tmp_path), engine=engine) as bot:
            found = [e for e in await bot.running.desk.audit.latest(9) if e.action == "model"]
    assert [(entry.target, json.loads(entry.detail)) for entry in found] == [
        ("ada", {"sha256": "2e", "before": {"model": "ada", "sha256": "1f"}}),
        ("ada", {"sha256": "1f", "before": {}}),
    ]
