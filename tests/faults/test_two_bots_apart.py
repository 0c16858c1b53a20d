"""Two bots on two machines, one database on a real NFS 4.1 server: who answers is cut off from it.

`nas_pair.py` runs in the guest and tells what happened; here it is judged. Not among the trials of
`make faults`: a round takes from ten seconds to minutes, as busy as the machine is.
"""

import os
import statistics

import pytest

from tests.faults.conftest import GUEST_S, Trial

pytestmark = pytest.mark.skipif(
    not os.environ.get("PARLEY_LONG_FAULTS"), reason="a long fault trial: make faults-two-bots"
)
ROUNDS = 20
SERVER_LEASE_S = 10.0
"""After so long the server ends the locks of a client that is gone; the rig's, not the usual."""


@pytest.mark.timeout(GUEST_S + 100)
def test_two_machines_answer_once(trial: Trial) -> None:
    found = trial("nas_pair", str(ROUNDS), "1")

    assert found["clients"] == ["ann", "bob"]
    assert found["answers"] == found["wrote"]
    assert found["late"] == []
    assert found["compared"] > 0
    assert len(found["locked"]) > 0
    epochs = found["epochs"]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) > ROUNDS
    assert found["damage"] == []
    assert found["stopped"] == [0, 0]
    aim_s = max(1.5 * found["ttl_s"], SERVER_LEASE_S + found["ttl_s"])
    took = found["take-over, s"]
    print(
        f"{ROUNDS} rounds, {sum(map(len, found['wrote']))} messages, {found['compared']} compared,"
        f" {len(found['locked'])} cut off with a lock; take-over in"
        f" {statistics.median(took):.1f} s, {max(took):.1f} at most, {aim_s:.0f} aimed at"
    )
