"""In the guest: Samba, which shares the NAS's disk by CIFS."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_SETTINGS = """[global]
server role = standalone server
map to guest = Bad User
guest account = root
private dir = {own}
lock directory = {own}
state directory = {own}
cache directory = {own}
pid directory = {own}
ncalrpc dir = {own}/rpc
log file = {own}/log
bind interfaces only = yes
interfaces = {address}/24
disable netbios = yes
smb ports = 445
load printers = no
strict sync = yes
[nas]
path = {export}
read only = {read_only}
guest ok = yes
force user = root
"""


@dataclass(frozen=True, slots=True)
class Samba:
    """A server at `address` of the disk at `export`; what it keeps itself is in `own`. `do` is the
    shell of the guest."""

    own: Path
    address: str
    export: Path
    do: Callable[[str], None]

    def serve(self) -> None:
        """Start it for the first time."""
        (self.own / "rpc").mkdir(parents=True)
        Path("/run/samba").mkdir(exist_ok=True)
        Path("/var/log/samba").mkdir(exist_ok=True)
        self._allow("rw")
        self.start()

    def start(self) -> None:
        self.do(f"smbd -s {self._file} -D")

    def stop(self) -> None:
        """At once, as when the NAS loses its power."""
        self.do("pidof smbd | xargs -r kill -9; while pidof smbd >/dev/null; do sleep 0.1; done")

    def share(self, access: str) -> None:
        """Share it for `rw` or `ro`: it looks at that when somebody connects."""
        self.stop()
        self._allow(access)
        self.start()

    def _allow(self, access: str) -> None:
        read_only = "yes" if access == "ro" else "no"
        self._file.write_text(
            _SETTINGS.format(
                own=self.own, address=self.address, export=self.export, read_only=read_only
            ),
            "utf-8",
        )

    @property
    def _file(self) -> Path:
        return self.own / "smb.conf"
