"""The program that runs in the guest: two machines with one database on a real NFS server.

`python -m tests.faults.nas_pair ROUNDS SEED`. Each machine is a client of its own (`uml/nas.py`)
and has a whole bot; again and again the line between the NAS and the one that answers is pulled,
while people write. The platform stays in its reach, so that it could say something. What came of it
is written for the test that booted the guest (`test_two_machines.py`), which judges it.
"""

import asyncio
import json
import random
import sys
from dataclasses import dataclass, field
from time import monotonic, perf_counter, sleep
from typing import Any

from tests.faults.nas_traffic import damage
from tests.faults.pair import PATIENCE_S, Bot, Pair, is_locked, make_bot, pair_of
from tests.rigs.uml.nas import EXPORT, OUTCOME, OWN, Client, Nas
from tests.venues.telegram import TelegramVenue

NAME = "parley.db"
TTL_S = 5.0
MACHINES = ("ann", "bob")
REST_S = 1.0
FAR_MS = 30
"""So far away that a commit takes longer than pulling the line."""


@dataclass(frozen=True, slots=True)
class Rounds:
    """The trial: what is pulled, and what was said by a bot that had lost its lease.

    `locked` are the rounds that left the server with a lock of the machine that was cut off.
    """

    pair: Pair
    machines: dict[str, Client]
    late: list[str] = field(default_factory=list[str])
    locked: list[int] = field(default_factory=list[int])

    async def cut(self, number: int) -> None:
        """Pulled, in turn: while the bot waits for the platform in each chat, so that it has much
        to say and nothing to commit; in a transaction; anywhere."""
        active, other = await self.pair.sides()
        machine = self.machines[active.name]
        match number % 3:
            case 0:
                await self.pair.hold(active)
                await asyncio.to_thread(machine.unplug)
            case 1:
                await asyncio.to_thread(machine.delay, FAR_MS)
                await asyncio.to_thread(_cut_in_commit, machine)
            case _:
                await asyncio.sleep(self.pair.chance.uniform(0, REST_S))
                await asyncio.to_thread(machine.unplug)
        self.pair.let_go()
        before = len(self.pair.venue.server.calls)
        if is_locked(EXPORT / NAME, for_readers=True):
            self.locked.append(number)
        await self.pair.take_over(other)
        await self.pair.said_by(other)
        term = (await self.pair.terms())[-1][0]
        await asyncio.to_thread(machine.delay, 0)
        await asyncio.to_thread(machine.plug)
        if await self.pair.until_noticed(active, term):
            self.late.extend(self._said_after(active, other, before))
            await self.pair.compare(active, term)

    def _said_after(self, active: Bot, other: Bot, start: int) -> list[str]:
        """What one said once the other had begun to."""
        calls = self.pair.venue.server.calls[start:]
        first = calls.index(next(call for call in calls if call in self.pair.said(other)))
        return [str(call) for call in self.pair.said(active) if call in calls[first:]]


def _cut_in_commit(machine: Client) -> None:
    """Pull the line once somebody is about to write, who needs several round trips for that."""
    deadline = monotonic() + PATIENCE_S
    while not is_locked(EXPORT / NAME, for_readers=True):
        assert monotonic() < deadline
        sleep(0.005)
    machine.unplug()


async def main(rounds: int, seed: int) -> dict[str, Any]:
    """So many cuts."""
    nas = Nas()
    nas.serve_nfs()
    machines = {name: nas.join(name) for name in MACHINES}
    files = {name: machine.mount("4.1") / NAME for name, machine in machines.items()}

    def bots(venue: TelegramVenue) -> list[Bot]:
        return [make_bot(OWN, name, venue, files[name], TTL_S) for name in MACHINES]

    async with pair_of(bots, EXPORT / NAME, random.Random(seed)) as pair:
        clients, trial = nas.clients, Rounds(pair, machines)
        async with pair.written_to():
            for number in range(rounds):
                began = perf_counter()
                await trial.cut(number)
                took_s = perf_counter() - began
                print(f"{took_s:.1f} s {number}: taken after {pair.seconds[-1]:.1f} s", flush=True)
        found = {
            "clients": clients,
            "epochs": [epoch for epoch, _, _ in await pair.terms()],
            "wrote": [person.wrote for person in pair.people],
            "answers": [person.answers for person in pair.people],
            "late": trial.late,
            "locked": trial.locked,
            "compared": pair.compared,
            "take-over, s": [round(each, 2) for each in pair.seconds],
            "ttl_s": TTL_S,
        }
        stopped = [await bot.stop() for bot in reversed(pair.bots)]
    return found | {"stopped": stopped, "damage": damage(EXPORT / NAME)}


if __name__ == "__main__":
    OUTCOME.write_text(json.dumps(asyncio.run(main(*map(int, sys.argv[1:]))), indent=1), "utf-8")
