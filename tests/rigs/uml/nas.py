"""In the guest: a NAS (kernel NFS server, Samba) with its disk, and one client of it.

The server is in the guest's first network namespace, the client's mounts are in another; a pair of
virtual cards joins them, which can be pulled or slowed down. Everything fails loudly.
"""

import os
import shutil
import subprocess
import time
from pathlib import Path

BASE = Path(os.environ.get("PARLEY_BASE", "/mnt"))
EXPORT = BASE / "export"
"""The NAS's own disk, as the NAS sees it."""
OWN = BASE / "own"
"""The client machine's own disk."""
OUTCOME = BASE / "out" / "outcome.json"

_SERVER, _CLIENT = "10.99.0.1", "10.99.0.2"
_GRACE_S = 10  # the kernel takes no shorter lease
_MODULES = (
    "veth", "sch_netem", "sunrpc", "nfsd", "nfs", "nfsv3", "nfsv4", "lockd", "cifs", "hmac",
    "md5", "sha256_generic", "sha512_generic", "cmac", "ccm", "gcm", "aes_generic", "ecb",
    "nls_utf8",
)  # fmt: skip
_SMB = """[global]
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
interfaces = {server}/24
disable netbios = yes
smb ports = 445
load printers = no
strict sync = yes
[nas]
path = {export}
read only = no
guest ok = yes
force user = root
"""


class Nas:
    """The NAS and the line to it."""

    def __init__(self) -> None:
        _load_modules()
        for disk, place in (("/dev/ubda", EXPORT), ("/dev/ubdb", OWN)):
            place.mkdir()
            do(f"mkfs.ext4 -q -F {disk} && mount -t ext4 {disk} {place}")
        do("hostname nas")
        do("ip netns add client && ip -n client link set lo up")
        do("ip link add nas0 type veth peer name eth0 netns client")
        do(f"ip addr add {_SERVER}/24 dev nas0 && ip link set nas0 up")
        do(f"ip -n client addr add {_CLIENT}/24 dev eth0 && ip -n client link set eth0 up")

    def serve_nfs(self) -> None:
        """Start the NFS server and export its disk."""
        for name in ("sm", "sm.bak", "v4recovery", "nfsdcld", "rpc_pipefs"):
            Path("/var/lib/nfs", name).mkdir()
        for name in ("etab", "rmtab", "state"):
            Path("/var/lib/nfs", name).touch()
        Path("/run/rpcbind").mkdir()
        do("mount -t rpc_pipefs none /var/lib/nfs/rpc_pipefs && mount -t nfsd nfsd /proc/fs/nfsd")
        do("sysctl -q -w fs.nfs.nlm_timeout=3 fs.nfs.nlm_grace_period=1")
        do(
            "sysctl -q -w fs.nfs.nlm_tcpport=4045 fs.nfs.nlm_udpport=4045"
        )  # the portmapper's file is both's
        do("rpcbind -w && rpc.statd --no-notify && nfsdcld")
        do(f"echo {_GRACE_S} > /proc/fs/nfsd/nfsv4leasetime")
        do(f"echo {_GRACE_S} > /proc/fs/nfsd/nfsv4gracetime")
        self.export()
        self.start()
        do("rpc.mountd --no-udp && echo Y > /proc/fs/nfsd/v4_end_grace")

    def serve_cifs(self) -> None:
        """Start Samba on the same disk."""
        own = BASE / "samba"
        (own / "rpc").mkdir(parents=True)
        Path("/run/samba").mkdir(exist_ok=True)
        Path("/var/log/samba").mkdir(exist_ok=True)
        settings = own / "smb.conf"
        settings.write_text(_SMB.format(own=own, server=_SERVER, export=EXPORT), "utf-8")
        do(f"smbd -s {settings} -D")

    def mount(self, version: str, options: str = "hard") -> Path:
        """A mount of the share by its client, of NFS 3 or 4.1."""
        place = _place(f"nfs-{version}")
        if version == "3":
            _client(
                "mount -t tmpfs none /run && mkdir /run/rpcbind && rpcbind -w"
                " && rpc.statd --no-notify",
                apart=True,
            )
            _client(f"mount -t nfs -o vers=3,proto=tcp,{options} {_SERVER}:{EXPORT} {place}")
        else:
            _client(f"mount -t nfs4 -o vers={version},{options} {_SERVER}:/ {place}")
        return place

    def mount_cifs(self, options: str) -> Path:
        """A mount by CIFS; Samba may need a moment to listen."""
        place = _place("cifs-" + options.replace("=", "-").replace(",", "-"))
        until = time.monotonic() + 30
        while True:
            try:
                _client(f"mount -t cifs -o guest,vers=3.1.1,{options} //{_SERVER}/nas {place}")
            except subprocess.CalledProcessError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
            else:
                return place

    def delay(self, round_trip_ms: float) -> None:
        """Let whatever goes between client and server take so long, there and back."""
        do(f"tc qdisc replace dev nas0 root netem delay {round_trip_ms}ms")

    def unplug(self) -> None:
        do("ip link set nas0 down")

    def plug(self) -> None:
        do("ip link set nas0 up")

    def start(self) -> None:
        do(f"rpc.nfsd -H {_SERVER} 8")

    def stop(self) -> None:
        do("rpc.nfsd 0")

    def restart(self) -> None:
        self.stop()
        self.start()

    def export(self, access: str = "rw") -> None:
        options = f"{access},sync,no_subtree_check,no_root_squash,insecure,fsid=0"
        do(f"exportfs -i -o {options} '*:{EXPORT}' && exportfs -f")

    def unexport(self) -> None:
        do(f"exportfs -u '*:{EXPORT}' && exportfs -f")

    def fill(self) -> None:
        """Leave no room on the NAS's disk."""
        do(f"dd if=/dev/zero of={EXPORT}/filler bs=64k 2>/dev/null || true")

    def free(self) -> None:
        (EXPORT / "filler").unlink()

    def replace(self, name: str) -> None:
        """Give a file another inode, as a restore on the NAS does; no write comes in between."""
        self.unplug()
        shutil.copy2(EXPORT / name, EXPORT / "copied")
        (EXPORT / "copied").replace(EXPORT / name)
        self.plug()


def do(command: str) -> None:
    """Run a line of shell. Raises `CalledProcessError`; what it says goes to the console."""
    subprocess.run(["sh", "-c", command], check=True)


def _client(command: str, *, apart: bool = False) -> None:
    """Run it on the client's side of the line; `apart` with mounts of its own."""
    way = ["nsenter", "--net=/run/netns/client"]
    way += ["unshare", "-m", "--propagation", "private"] if apart else []
    subprocess.run([*way, "sh", "-c", command], check=True)


def _place(name: str) -> Path:
    place = BASE / name
    place.mkdir()
    return place


def _load_modules() -> None:
    """Modules lie where no system looks for them; the kernel is told how to find more."""
    home = BASE / "modules"
    (home / "lib").mkdir(parents=True)
    (home / "lib/modules").symlink_to("/usr/lib/uml/modules")
    loader = BASE / "modprobe"
    loader.write_text(f'#!/bin/sh\nexec modprobe -d {home} "$@"\n', "utf-8")
    loader.chmod(0o755)
    Path("/proc/sys/kernel/modprobe").write_text(str(loader), "utf-8")
    for name in _MODULES:
        do(f"modprobe -d {home} {name} 2>/dev/null || true")
