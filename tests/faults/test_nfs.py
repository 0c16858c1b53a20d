"""Our storage on a NAS that is one: kernel NFS and CIFS in user-mode Linux, and what befalls it.

`nas_trials.py` runs in the guest and tells what happened; here it is judged.
"""

import os

import pytest

from tests.faults.conftest import GUEST_S, Trial

LONG = bool(os.environ.get("PARLEY_LONG_FAULTS"))
FELT = ("unplugged", "unexported", "full", "read-only")
MINUTE = "unplugged for a minute"
CIFS = ("restarted", "full", "read-only")
ANEW = ("restarted", "restored", "replaced")
STOPPED = ("restarted", "stopped")

pytestmark = pytest.mark.skipif(not LONG, reason="a long fault trial: make faults")


@pytest.mark.timeout(GUEST_S + 100)
def test_what_mounts_are_good_for(trial: Trial) -> None:
    found = trial("nas_trials", "verdicts")

    reasons = {name: (each["kind"], each["reason"]) for name, each in found.items()}
    assert reasons == {
        "disk": ("local", "a disk of this machine"),
        "nfs 4.1": ("network", "NFS 4.1"),
        "nfs 3": ("network", "NFS 3: a lock may outlive who held it"),
        "nfs soft": ("unsafe", "a soft NFS mount gives up writes when the server is slow"),
        "cifs": ("unsafe", "without nobrl every commit on CIFS fails as locked"),
        "cifs nobrl": ("network", "CIFS without server locks: one bot alone may use it"),
    }
    assert found["disk"]["pragmas"] == ["wal", "2", "normal"]
    for name in ("nfs 4.1", "nfs 3", "cifs nobrl"):
        assert found[name]["refusal"] == ""
        assert found[name]["pragmas"] == ["truncate", "2", "normal"]
        assert found[name]["pragmas of a file with a log"] == ["truncate", "2", "normal"]
        assert "a write-ahead log lies beside the database" in found[name]["refusal of a log"]
    for name in ("nfs soft", "cifs"):
        assert found[name]["reason"] in found[name]["refusal"]
        assert "mount -t" in found[name]["advice"]
    assert found["cifs"]["commit"] == "SQLITE_BUSY"


@pytest.mark.timeout(GUEST_S + 100)
@pytest.mark.parametrize(
    ("share", "troubles"), [("4.1", (*ANEW, *FELT)), ("3", STOPPED), ("cifs", CIFS)]
)
def test_a_nas_in_trouble_is_not_felt(trial: Trial, share: str, troubles: tuple[str, ...]) -> None:
    found = trial("nas_trials", "local-first", share, *troubles)

    for name in troubles:
        told = f"{name}: {found[name]}"
        assert found[name]["acknowledged"] > 0, told
        assert found[name]["refused"] == 0, told
        assert found[name]["missing"] == [], told
        assert found[name]["differing"] == [], told
        assert found[name]["damage"] == [], told
    for name in set(troubles) & set(FELT):
        told = f"{name}: {found[name]}"
        assert found[name]["state"] == "degraded", told
        assert found[name]["reason"], told
        assert found[name]["waited"] > 0, told


@pytest.mark.timeout(GUEST_S + 100)
@pytest.mark.parametrize(
    ("share", "troubles"),
    [("4.1", ("restarted", "restored", *FELT)), ("3", STOPPED), ("cifs", (*CIFS, MINUTE))],
)
def test_what_the_nas_acknowledged_it_keeps(
    trial: Trial, share: str, troubles: tuple[str, ...]
) -> None:
    found = trial("nas_trials", "direct", share, *troubles)

    for name in troubles:
        told = f"{name}: {found[name]}"
        assert found[name]["acknowledged"] > 0, told
        assert found[name]["missing"] == [], told
        assert found[name]["damage"] == [], told


@pytest.mark.timeout(GUEST_S + 100)
@pytest.mark.parametrize(("share", "trouble"), [("4.1", "unplugged"), ("cifs", MINUTE)])
def test_a_bot_answers_while_its_nas_is_unplugged(trial: Trial, share: str, trouble: str) -> None:
    found = trial("nas_trials", "bot", share, trouble)[trouble]

    assert found["during"] > 0
    assert found["turns"] == found["answered"]
    assert found["damage"] == []
