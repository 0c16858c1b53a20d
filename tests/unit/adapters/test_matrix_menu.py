"""The command menu on Matrix: as state events, and as commands chosen from it."""

from typing import Any

import pytest

from adapters.base import Kind
from adapters.capabilities import CommandHint, Menu
from adapters.matrix.menu import KIND, descriptions, may_set, state_key
from adapters.matrix.words import ARGUMENTS, CALL
from tests.rigs.synapse import permissive
from tests.unit.adapters.matrix_bot import account, person, room_of, until

BOT = "@parley:example.org"
MENU = Menu(
    everyone={
        "en": [CommandHint("stop", "", "end the answer"), CommandHint("pair", "CODE", "be let in")],
        "zh": [CommandHint("stop", "", "停止"), CommandHint("pair", "CODE", "加入")],
    },
    for_administrators={},
    administrators=frozenset(),
)


def test_descriptions() -> None:
    stop, pair = descriptions(MENU)
    assert stop == {
        "command": "parley stop",
        "description": {
            "m.text": [{"body": "end the answer", "lang": "en"}, {"body": "停止", "lang": "zh"}]
        },
    }
    [parameter] = pair["parameters"]
    assert parameter["optional"]
    assert pair["fi.mau.tail_parameter"] == parameter["key"]


def test_state_key() -> None:
    """`printf 'parley stop@parley:example.org' | openssl sha256 -binary | base64`"""
    assert state_key("parley stop", BOT) == "UeCYJFncAnubt/fMTPt9ASCk+ZPdixrvPM5cQPXYVWQ="


def test_a_creator_needs_no_power() -> None:
    content = {"room_version": "12", "additional_creators": [BOT]}
    assert may_set([{"type": "m.room.create", "content": content}], BOT)


@pytest.mark.parametrize(
    ("power", "expected"),
    [
        (None, False),
        ({}, False),
        ({"users": {BOT: 50}}, True),
        ({"users": {BOT: 50}, "state_default": 60}, False),
        ({"users": {BOT: 50}, "state_default": 60, "events": {KIND: 50}}, True),
        ({"users_default": 100}, True),
        ({"users": {BOT: "50"}}, False),
        ({"users": 3}, False),
    ],
)
def test_power(power: dict[str, Any] | None, expected: bool) -> None:
    state: list[dict[str, Any]] = [{"type": "m.room.member", "content": {}}]
    if power is not None:
        state.append({"type": "m.room.power_levels", "content": power})
    assert may_set(state, BOT) is expected


async def test_a_command_is_suggested_and_chosen() -> None:
    async with (
        account(permissive) as bot,
        person(bot.server, "ann") as ann,
        bot.running() as adapter,
    ):
        await adapter.offer(MENU)
        room = await room_of(ann, bot.user, preset="trusted_private_chat")
        await until(lambda: len(ann.timeline.commands(room, bot.user)) == 2)
        chosen = {
            "msgtype": "m.text",
            "body": "/parley pair ABC 1",
            "m.mentions": {"user_ids": [bot.user]},
            CALL: {"command": "parley pair", "arguments": {ARGUMENTS: "ABC 1"}},
        }
        await ann.send(room, chosen)
        await until(lambda: bool(bot.inbox.of(Kind.COMMAND)))
        [command] = bot.inbox.of(Kind.COMMAND)
        assert command.text == "pair ABC 1"
