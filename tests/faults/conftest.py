"""What the trials in user-mode Linux share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.rigs.uml.machine import NoBoot, lacking, run, said

Trial = Callable[..., dict[str, Any]]
GUEST_S = 2400.0


@pytest.fixture
def trial(tmp_path: Path) -> Trial:
    """Runs a program of this directory in a guest of its own; skips where there can be none."""
    if why := lacking():
        pytest.skip(why)

    def in_guest(program: str, *arguments: str) -> dict[str, Any]:
        try:
            found = run(f"tests.faults.{program}", *arguments, out=tmp_path, timeout_s=GUEST_S)
        except NoBoot as error:
            pytest.skip(str(error))
        for name, outcome in found.items():
            print(f"{' '.join([program, *arguments[:2]])}, {name}: {outcome}")
        print(f"the guest is done, {said(tmp_path)}")
        return found

    return in_guest
