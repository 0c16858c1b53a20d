"""In the guest: a NAS (kernel NFS server, Samba) with its disk, and clients of it.

The server is in the guest's first network namespace. Each client machine's mounts are in a
namespace of its own, under a host name of its own, so that the kernel is another client for each:
`clients` is what the server says of that. A line joins each to the server, which can be pulled or
slowed down. Everything fails loudly.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

from tests.rigs.uml.samba import Samba

BASE = Path(os.environ.get("PARLEY_BASE", "/mnt"))
EXPORT = BASE / "export"
"""The NAS's own disk, as the NAS sees it."""
OWN = BASE / "own"
"""The client machines' own disk."""
OUTCOME = BASE / "out" / "outcome.json"

_SERVER, _NETWORK = "10.99.0.1", "10.99.0"
_GRACE_S = 10  # the kernel takes no shorter lease
_MODULES = (
    "veth", "bridge", "sch_netem", "sunrpc", "nfsd", "nfs", "nfsv3", "nfsv4", "lockd", "cifs",
    "hmac", "md5", "sha256_generic", "sha512_generic", "cmac", "ccm", "gcm", "aes_generic", "ecb",
    "nls_utf8",
)  # fmt: skip


class Nas:
    """The NAS and the line to it. Made before anything is mounted."""

    def __init__(self) -> None:
        self.do = Shell().do
        self._load_modules()
        for disk, place in (("/dev/ubda", EXPORT), ("/dev/ubdb", OWN)):
            place.mkdir()
            self.do(f"mkfs.ext4 -q -F {disk} && mount -t ext4 {disk} {place}")
        self.do("hostname nas && ip link add lan type bridge && ip link set lan up")
        self.do(f"ip addr add {_SERVER}/24 dev lan")
        self._joined = 0
        self._samba: Samba | None = None
        self.client = self.join("client")

    def join(self, name: str) -> "Client":
        """Another machine, with a line to this one."""
        self._joined += 1
        client = Client(name, f"{_NETWORK}.{self._joined + 1}", self.do)
        client.connect()
        return client

    @property
    def clients(self) -> list[str]:
        """The names of those whom the server knows by NFS 4, each as a client of its own."""
        told = (path.read_text("utf-8") for path in Path("/proc/fs/nfsd/clients").glob("*/info"))
        names = (re.search(r'^name: "Linux NFSv4\.\d (\S+)"', text, re.MULTILINE) for text in told)
        return sorted(name[1] for name in names if name)

    def serve_nfs(self) -> None:
        """Start the NFS server and export its disk."""
        for name in ("sm", "sm.bak", "v4recovery", "nfsdcld", "rpc_pipefs"):
            Path("/var/lib/nfs", name).mkdir()
        for name in ("etab", "rmtab", "state"):
            Path("/var/lib/nfs", name).touch()
        Path("/run/rpcbind").mkdir()
        self.do("mount -t rpc_pipefs none /var/lib/nfs/rpc_pipefs")
        self.do("mount -t nfsd nfsd /proc/fs/nfsd")
        self.do("sysctl -q -w fs.nfs.nlm_timeout=3 fs.nfs.nlm_grace_period=1")
        # Server and client tell one portmapper of their lock daemons: so both have one port.
        self.do("sysctl -q -w fs.nfs.nlm_tcpport=4045 fs.nfs.nlm_udpport=4045")
        self.do("rpcbind -w && rpc.statd --no-notify && nfsdcld")
        self.do(f"echo {_GRACE_S} > /proc/fs/nfsd/nfsv4leasetime")
        self.do(f"echo {_GRACE_S} > /proc/fs/nfsd/nfsv4gracetime")
        self.export()
        self.start()
        self.do("rpc.mountd --no-udp && echo Y > /proc/fs/nfsd/v4_end_grace")

    def serve_cifs(self) -> None:
        """Start Samba on the same disk."""
        self._samba = Samba(BASE / "samba", _SERVER, EXPORT, self.do)
        self._samba.serve()

    def start(self) -> None:
        """Start the server again: Samba where there is one."""
        if self._samba:
            self._samba.start()
        else:
            self.do(f"rpc.nfsd -H {_SERVER} 8")

    def stop(self) -> None:
        if self._samba:
            self._samba.stop()
        else:
            self.do("rpc.nfsd 0")

    def restart(self) -> None:
        self.stop()
        self.start()

    def share(self, access: str) -> None:
        """Let the clients read and write (`rw`), or only read (`ro`)."""
        if self._samba:
            self._samba.share(access)
        else:
            self.export(access)

    def export(self, access: str = "rw") -> None:
        options = f"{access},sync,no_subtree_check,no_root_squash,insecure,fsid=0"
        self.do(f"exportfs -i -o {options} '*:{EXPORT}' && exportfs -f")

    def unexport(self) -> None:
        self.do(f"exportfs -u '*:{EXPORT}' && exportfs -f")

    def fill(self) -> None:
        """Leave no room on the NAS's disk."""
        self.do(f"dd if=/dev/zero of={EXPORT}/filler bs=64k 2>/dev/null || true")

    def free(self) -> None:
        (EXPORT / "filler").unlink()

    def replace(self, name: str) -> None:
        """Give a file another inode under its client; no write of its comes in between."""
        self.client.unplug()
        _give_another_inode(name)
        self.client.plug()

    def restore(self, name: str) -> None:
        """The same while the server is stopped: to its client the handle it has is stale then."""
        self.stop()
        _give_another_inode(name)
        self.start()

    def _load_modules(self) -> None:
        """Modules lie where no system looks for them; the kernel is told how to find more."""
        home = BASE / "modules"
        (home / "lib").mkdir(parents=True)
        (home / "lib/modules").symlink_to("/usr/lib/uml/modules")
        loader = BASE / "modprobe"
        loader.write_text(f'#!/bin/sh\nexec modprobe -d {home} "$@"\n', "utf-8")
        loader.chmod(0o755)
        Path("/proc/sys/kernel/modprobe").write_text(str(loader), "utf-8")
        for name in _MODULES:
            self.do(f"modprobe -d {home} {name} 2>/dev/null || true")


@dataclass(frozen=True, slots=True)
class Client:
    """A machine that mounts what the NAS shares. `do` is the shell of the guest."""

    name: str
    address: str
    do: Callable[[str], None]

    def connect(self) -> None:
        """Lay the line to the NAS."""
        name, line = self.name, self._line
        self.do(f"ip netns add {name} && ip -n {name} link set lo up")
        self.do(f"ip link add {line} type veth peer name eth0 netns {name}")
        self.do(f"ip link set {line} master lan && ip link set {line} up")
        self.do(f"ip -n {name} addr add {self.address}/24 dev eth0")
        self.do(f"ip -n {name} link set eth0 up")

    def mount(self, version: str, options: str = "hard") -> Path:
        """A mount of the share, of NFS 3 or 4.1."""
        place = _place(f"{self.name}-nfs-{version}")
        if version == "3":
            self._here(
                "mount -t tmpfs none /run && mkdir /run/rpcbind && rpcbind -w"
                " && rpc.statd --no-notify",
                apart=True,
            )
            self._here(f"mount -t nfs -o vers=3,proto=tcp,{options} {_SERVER}:{EXPORT} {place}")
        else:
            mount = f"mount -t nfs4 -o vers={version},{options} {_SERVER}:/ {place}"
            self._here(f"hostname {self.name} && {mount}")
        return place

    def mount_cifs(self, options: str) -> Path:
        """A mount by CIFS; Samba may need a moment to listen."""
        place = _place(f"{self.name}-cifs-" + options.replace("=", "-").replace(",", "-"))
        until = time.monotonic() + 300
        while True:
            try:
                self._here(f"mount -t cifs -o guest,vers=3.1.1,{options} //{_SERVER}/nas {place}")
            except subprocess.CalledProcessError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return place

    def delay(self, round_trip_ms: float) -> None:
        """Let whatever goes to the NAS and back take so long."""
        self.do(f"tc qdisc replace dev {self._line} root netem delay {round_trip_ms}ms")

    def unplug(self) -> None:
        self.do(f"ip link set {self._line} down")

    def plug(self) -> None:
        self.do(f"ip link set {self._line} up")

    @property
    def _line(self) -> str:
        """The card at the NAS's end."""
        return f"to-{self.name}"

    def _here(self, command: str, *, apart: bool = False) -> None:
        """Run it on this machine. All see what is mounted, except `apart`."""
        way = f"nsenter --net=/run/netns/{self.name} unshare -u"
        way += " -m --propagation private" if apart else ""
        self.do(f"{way} sh -c '{command}'")


def _give_another_inode(name: str) -> None:
    shutil.copy2(EXPORT / name, EXPORT / "copied")
    (EXPORT / "copied").replace(EXPORT / name)


class Shell:
    """Runs lines in a process that was started before anything was mounted.

    A child of a process with a file open on the NAS closes that file when it starts a program, and
    so waits for a server that is stopped: it could never start it again.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(["sh"], stdin=PIPE, stdout=PIPE, text=True)

    def do(self, command: str) -> None:
        """Raises `CalledProcessError`; what the line says goes to the console."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"( {command} ) </dev/null >&2; echo $?\n")
        self._process.stdin.flush()
        if (status := self._process.stdout.readline().strip()) != "0":
            raise subprocess.CalledProcessError(int(status or 1), command)


def _place(name: str) -> Path:
    place = BASE / name
    place.mkdir()
    return place
