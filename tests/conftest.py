"""No test leaves this machine: a connection to any other address fails the test that makes it.

And no property fails because the machine was busy: how long an example took is not what they test.
"""

import ipaddress
import os
import sys
from typing import Any

import hypothesis


def _is_here(address: Any) -> bool:
    if not isinstance(address, tuple):
        return True  # a Unix socket's path
    host = str(address[0])  # type: ignore[reportUnknownArgumentType]
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return host == "localhost"


def _stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not _is_here(arguments[1]):
        raise PermissionError(f"a test may not connect to {arguments[1]}")


sys.addaudithook(_stay_here)

# As for a worker (`engine.child`): threads that wait sleep, and what else runs does not stop them.
os.environ.setdefault("GOMP_SPINCOUNT", "1000")

hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
