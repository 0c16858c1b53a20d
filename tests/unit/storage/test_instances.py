"""Which bot one is, and two of them at a file that both share."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from storage.instance import alone
from storage.lease import Lease
from storage.lookout import Lookout
from storage.opening import Place, Sharing, leasing, opened
from storage.records import Fenced, Unavailable
from storage.tenure import Standing

TTL_S = 30.0


def test_an_instance_stays_itself_and_is_alone(tmp_path: Path) -> None:
    here, there = tmp_path / "machine", tmp_path / "other"
    here.write_text("a machine\n")
    there.write_text("another\n")
    with alone(tmp_path / "i", here) as first, pytest.raises(Fenced):  # noqa: SIM117
        with alone(tmp_path / "i", here):
            pass
    with alone(tmp_path / "i", here) as again:
        assert again == first
    with alone(tmp_path / "i", there) as moved:
        assert moved != first
    with alone(tmp_path / "j", here) as other:
        assert other != first


@pytest.fixture
def places(tmp_path: Path) -> Iterator[tuple[tuple[Place, Lease], tuple[Place, Lease]]]:
    def place(name: str) -> Place:
        working = tmp_path / name / "p.working.db"
        return Place(tmp_path / "p.db", working, sharing=Sharing(TTL_S, name))

    with ExitStack() as stack:
        pairs: list[tuple[Place, Lease]] = []
        for name in ("a", "b"):
            lease = stack.enter_context(leasing(place(name)))
            assert lease
            pairs.append((place(name), lease))
        yield pairs[0], pairs[1]


async def test_places_share_a_file(
    places: tuple[tuple[Place, Lease], tuple[Place, Lease]],
) -> None:
    (place, lease), (other, its_lease) = places
    assert place.here != other.here
    async with Lookout(other.path, its_lease) as lookout:
        with pytest.raises(Unavailable, match="it is not there; mount its file system"):
            await lookout.look()
        async with opened(place, lease=lease) as store:
            assert (await store.condition()).epoch == 1
            await lookout.look()
            assert its_lease.standing is Standing.HELD
        await lookout.look()
        assert its_lease.is_to_be_taken
