"""Two machines, one database on a real NFS 4.1 server: one is cut off, and comes back.

`nas_return.py` runs in the guest and tells what happened; here it is judged.
"""

import os

import pytest

from tests.faults.conftest import GUEST_S, Trial

pytestmark = pytest.mark.skipif(
    not os.environ.get("PARLEY_LONG_FAULTS"), reason="a long fault trial: make faults"
)


@pytest.mark.timeout(GUEST_S + 100)
def test_a_machine_that_comes_back_undoes_nothing(trial: Trial) -> None:
    found = trial("nas_return")

    assert found["clients"] == ["ann", "bob"]
    assert found["fault"]
    assert found["journal, bytes"] == 0
    assert found["found"] == found["wrote"]
    assert found["late"] == []
    assert found["damage"] == []
