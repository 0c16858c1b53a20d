"""What the database costs: on this disk, and on a real NFS mount in user-mode Linux.

    python -m bench.storage [--rows disk,groups] [--rounds 3] [--turns 1000000] [--report]

What a row measures goes into `bench/storage.json` in the place of what stood there for it;
`--report` writes the figures of that file into docs/storage.md, whatever was measured now.
"""

import argparse
import asyncio
import os
import random
import statistics
import sys
import tempfile
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from bench import results, search
from bench.machine import box
from bench.nas import disk
from bench.nas.page import Row, write
from bench.nas.way_in import Way, medians_ms
from bench.results import Measured
from bench.row import Aim, Figures
from storage.database import Database
from tests.rigs.nas import mounted
from tests.rigs.uml.machine import lacking, run

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench" / "storage.json"
GUEST_S = 1800.0
FAR_S = 0.005
EVERY = ("getattr", "create", "open", "read", "write", "truncate", "fsync", "fsyncdir", "unlink")
"""What asks the server, on the way that local-first is measured on: FUSE."""


async def _disk(_turns: int) -> Figures:
    return await disk.measure()


async def _groups(_turns: int) -> Figures:
    return await _in_guest("groups")


async def _way_in(_turns: int) -> Figures:
    """Local-first beside local here, where applier and bot have a processor each; direct in the
    guest, on real NFS."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as directory:
        here = Path(directory)
        with mounted(here / "nas") as nas:
            found = await medians_ms(
                [
                    Way("local", here, here / "home-local"),
                    Way("local-first", here / "nas", here / "home-local-first"),
                ],
                lambda: nas.delay(FAR_S, EVERY),
            )
    own = {
        "local, ms": found["local"],
        "local-first, adds ms": found["local-first"] - found["local"],
    }
    return own | await _in_guest("way-in")


async def _search(turns: int) -> Figures:
    """The same file, on this disk and on the NAS; it is kept for the next round."""
    out = ROOT / ".cache" / "bench" / f"{turns}-turns"
    out.mkdir(parents=True, exist_ok=True)
    file = out / "search.db"
    is_new = not file.exists()
    async with Database(file) as database:
        if is_new:
            await search.fill(database, search.Language(random.Random(1)), turns)
        here = await search.measure(database, search.Language(random.Random(1)), turns)
    disk_mb = (file.stat().st_size >> 20) * 3 // 2 + 256
    own = {
        "turns": float(turns),
        "file, GB": here.gigabytes,
        "this disk, p50 ms": statistics.median(here.times_s) * 1e3,
        "this disk, p95 ms": here.p95_s * 1e3,
    }
    return own | await _in_guest("search", str(turns), out=out, disk_mb=disk_mb)


async def _in_guest(*arguments: str, out: Path | None = None, disk_mb: int = 512) -> Figures:
    """What `bench.nas.guest` measures there."""
    place = nullcontext(str(out)) if out else tempfile.TemporaryDirectory(dir=".", prefix=".bench-")
    with place as directory:
        return await asyncio.to_thread(
            run,
            "bench.nas.guest",
            *arguments,
            out=Path(directory),
            timeout_s=GUEST_S,
            disk_mb=disk_mb,
            memory_mb=2048,
        )


ROWS = (
    Row("disk", "On this disk", (Aim("local-first, adds ms", 2.0),), _disk),
    Row(
        "groups",
        "Fifty sessions that write at once, NFS 4.1 +1 ms",
        (Aim("group over single commits", 8.0, at_least=True),),
        _groups,
    ),
    Row(
        "way-in",
        "From a message to its request at the model, the NAS 5 ms away",
        (Aim("local-first, adds ms", 2.0), Aim("NFS, direct, adds commits", 1.0)),
        _way_in,
        "Local and local-first are measured on this machine, with a FUSE file system\n"
        "(`tests/rigs/nas.py`) for a NAS: in the guest the applier would take its one processor\n"
        "from the bot. Direct is measured in the guest, beside local there.",
    ),
    Row(
        "search",
        "Search, for terms in at most a hundredth of the turns",
        (Aim("this disk, p95 ms", 50.0), Aim("NFS +1 ms, p95 ms", 200.0)),
        _search,
        "On this disk the file is in the system's cache. On NFS (`direct` mode; `local-first`\n"
        "searches on this disk) the first time is with all caches empty, the other figures are of\n"
        "the same questions asked again while nobody writes.",
    ),
)


async def _measured(row: Row, rounds: int, turns: int) -> Measured:
    at, load = datetime.now(UTC).date().isoformat(), os.getloadavg()[0]
    print(f"\n{row.title}", flush=True)
    done: list[Figures] = []
    for number in range(1, rounds + 1):
        done.append(await row.measure(turns))
        shown = ", ".join(f"{name} {value:.3g}" for name, value in done[-1].items())
        print(f"  round {number}: {shown}", flush=True)
    size = f" --turns {turns}" if row.name == "search" else ""
    command = f"python -m bench.storage --rows {row.name} --rounds {rounds}{size}"
    return Measured(at, load, command, tuple(done))


def main() -> int:
    """Measure what the arguments say."""
    names = [row.name for row in ROWS]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", default=",".join(names), help=f"of {', '.join(names)}")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--turns", type=int, default=1_000_000, help="how many are searched")
    parser.add_argument("--report", action="store_true", help="write docs/storage.md after it")
    options = parser.parse_args()
    wanted = [name for name in options.rows.split(",") if name]
    if unknown := [name for name in wanted if name not in names]:
        parser.error(f"there is no row {unknown[0]!r}; there are: {', '.join(names)}")
    if set(wanted) - {"disk"} and (why := lacking()):
        parser.error(f"{why}; --rows disk needs none of it")
    found = results.load(RESULTS)
    for row in ROWS:
        if row.name in wanted:
            found.machine = box()
            found.rows[row.name] = asyncio.run(_measured(row, options.rounds, options.turns))
            found.save(RESULTS)
    if options.report:
        write(found, ROWS, ROOT / "docs" / "storage.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
