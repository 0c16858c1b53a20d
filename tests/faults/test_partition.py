"""Two bots, one database, one Telegram account: the one that answers is frozen or killed, again and
again, while people write. Who wakes up later answers nobody, and everybody has one answer.

A frozen process (SIGSTOP) is what a partition looks like to the other: no beat comes, and it goes
on later as if nothing had been. It is frozen outside a transaction, for only a file server ends
the locks of a machine that is gone; `test_two_machines.py` has one.
"""

import asyncio
import os
import random
import signal
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.pair import Bot, Pair, is_locked, make_bot, pair_of

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
ROUNDS = 20 if LONG else 2
TTL_S = 3.0


async def killed(pair: Pair) -> None:
    """kill -9; the other goes on, and the first comes back as its standby."""
    active, other = await pair.sides()
    await asyncio.sleep(pair.chance.uniform(0, 1))
    await active.process.kill()
    await pair.take_over(other)
    await pair.said_by(other)
    await active.start((await pair.terms())[-1][0])


async def frozen(pair: Pair, *, held: bool) -> None:
    """Frozen and woken. `held`: frozen while it waits for the platform in each chat, so that it is
    certain what it would do next: nothing."""
    active, other = await pair.sides()
    if held:
        await pair.hold(active)
    else:
        await asyncio.sleep(pair.chance.uniform(0, 1))
    await _freeze(pair, active)
    pair.let_go()
    await pair.take_over(other)
    await pair.said_by(other)
    before, term = len(pair.said(active)), (await pair.terms())[-1][0]
    active.signal(signal.SIGCONT)
    has_noticed = await pair.until_noticed(active, term)
    late = pair.said(active)[before:]
    if has_noticed:
        assert not (held and late)
        await pair.compare(active, term)


async def _freeze(pair: Pair, bot: Bot) -> None:
    while True:
        bot.signal(signal.SIGSTOP)
        if not await _stays_locked(pair.file):
            return
        bot.signal(signal.SIGCONT)
        await asyncio.sleep(pair.chance.uniform(0.01, 0.1))


async def _stays_locked(file: Path) -> bool:
    """Whether locks stay; a standby's look at the file takes some for a moment."""
    for _ in range(20):
        if not is_locked(file):
            return False
        await asyncio.sleep(0.02)
    return True


@pytest.mark.timeout(900 if LONG else 400)
@pytest.mark.parametrize("seed", [1])
async def test_two_bots_answer_once(
    tmp_path: Path, seed: int, record_property: Callable[[str, object], None]
) -> None:
    file = tmp_path / "shared.db"
    async with pair_of(
        lambda venue: [make_bot(tmp_path, name, venue, file, TTL_S) for name in ("ann", "bob")],
        file,
        random.Random(seed),
    ) as pair:
        async with pair.written_to():
            for number in range(ROUNDS):
                match number % 4:
                    case 0 | 2:
                        await frozen(pair, held=number % 4 == 0)
                    case _:
                        await killed(pair)
        assert [person.answers for person in pair.people] == [each.wrote for each in pair.people]
        epochs = [epoch for epoch, _, _ in await pair.terms()]
        assert epochs == list(range(1, len(epochs) + 1))
        assert len(epochs) > ROUNDS
        for bot in reversed(pair.bots):
            assert await bot.stop() == 0
    record_property("take-over, seconds", [round(each, 2) for each in pair.seconds])
    shares = [each / TTL_S for each in pair.seconds]
    print(
        f"{ROUNDS} rounds, {pair.messages} messages, {pair.compared} sleepers' commits compared; "
        f"take-over in {statistics.median(shares):.2f} × TTL, {max(shares):.2f} at most"
    )
