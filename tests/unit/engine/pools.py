"""A pool of two small models in real workers."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

from engine.client import Patience
from engine.frames import Load
from engine.gguf import ModelError
from engine.handover import Handover
from engine.plan import Plan
from engine.pool import Pool
from engine.seats import Seats, Sharing
from engine.weight import weigh
from tests.contract.engine_fixtures import demo_model

PLAN = Plan(context_tokens=512, sequences=2, threads=1, park_bytes=0)
STORY = "Tell me a very long story about a fox."
QUICK = Patience(first_pause_s=0.0, longest_pause_s=0.0)
OLD, NEW = (Load(str(demo_model().path), "", name, PLAN) for name in ("old", "new"))
BOTH_BYTES = weigh(OLD).total_bytes + weigh(NEW).total_bytes


@asynccontextmanager
async def pool_of(
    others: Mapping[str, Load] | None = None,
    sharing: Sharing | None = None,
    handover: Handover | None = None,
) -> AsyncGenerator[Pool]:
    """A pool that answers with OLD and finds NEW and `others`; they read nothing unless told to."""
    loads = {"old": OLD, "new": NEW, **(others or {})}

    def find(name: str) -> Load:
        if name not in loads:
            raise ModelError(f"there is no {name}")
        return loads[name]

    seats = Seats(sharing or Sharing(), QUICK)
    async with Pool(OLD, find, seats, handover=handover or Handover(longest_s=0.0)) as pool:
        yield pool


async def names(pool: Pool) -> tuple[str, ...]:
    return tuple(status.model for status in await pool.loaded())
