"""PURE. What a mount is good for: local, network or unsafe, why, and how to mount it instead.

What is known of each file system and option was measured; `docs/storage.md` says how. Unknown
means unsafe: a database that opens on such a mount has proved nothing.
"""

from dataclasses import dataclass
from typing import Literal

from storage.mounts import Mount
from storage.pragmas import DIRECT, LOCAL, OTHER, Pragmas

Kind = Literal["local", "network", "unsafe"]

LOCAL_KINDS = frozenset(
    {"bcachefs", "btrfs", "ext2", "ext3", "ext4", "f2fs", "jfs", "overlay", "tmpfs", "xfs", "zfs"}
)
NFS_KINDS = frozenset({"nfs", "nfs4"})
CIFS_KINDS = frozenset({"cifs", "smb3"})
AUTOFS = "autofs"
"""Stands where something is mounted as soon as it is asked for, autofs(5)."""
OTHER_KINDS = frozenset({"9p", "ceph", "glusterfs", "virtiofs"})

NFS_LINE = "mount -t nfs -o hard,vers=4.1 {source} {point}, and export it with sync"
CIFS_LINE = "mount -t cifs -o nobrl,cache=strict,… {source} {point}, for one bot alone"
DISK_LINE = "mount -o remount,rw,barrier=1 {point}"

_NFS_FAULTS = {
    "soft": "a soft NFS mount gives up writes when the server is slow",
    "softerr": "a soft NFS mount gives up writes when the server is slow",
    "nolock": "without NFS locks two programs can write at once",
    "local_lock=all": "without NFS locks two programs can write at once",
    "local_lock=posix": "without NFS locks two programs can write at once",
    "local_lock=flock": "without NFS locks two programs can write at once",
}
_CIFS_FAULTS = {
    "nostrictsync": "with nostrictsync a commit is not on the server's disk",
    "cache=loose": "with cache=loose stale pages are read",
}
_DISK_FAULTS = {
    "nobarrier": "without write barriers a power cut loses commits",
    "barrier=0": "without write barriers a power cut loses commits",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a file system is good for. `reason` are the words to accept a risk with.

    `advice` names the mount line to use; `pragmas` are for a file with several connections.
    """

    kind: Kind
    filesystem: str
    reason: str
    advice: str
    pragmas: Pragmas

    @property
    def standby(self) -> Literal["automatic", "manual", "none"]:
        """How a second bot may take over: of itself where a dead one's locks end, else when told.

        None without locks between machines.
        """
        if self.filesystem in CIFS_KINDS:
            return "none"
        is_sure = self.filesystem in LOCAL_KINDS or (
            self.filesystem in NFS_KINDS and not self.advice
        )
        return "automatic" if is_sure else "manual"

    @property
    def is_disk(self) -> bool:
        """Whether it is a disk of this machine, be it with objections."""
        return self.filesystem in LOCAL_KINDS

    @property
    def risk(self) -> str:
        """The reason of an unsafe one; empty for any other."""
        return self.reason if self.kind == "unsafe" else ""

    @property
    def local(self) -> bool:
        """Whether it is a disk of this machine, without objections."""
        return self.kind == "local"


def judge(mount: Mount | None) -> Verdict:
    """The verdict on a mount; None stands for one that is not known."""
    if mount is None:
        return _unknown("unknown", "the path", "the path")
    if mount.kind in LOCAL_KINDS:
        return _judge(mount, _DISK_FAULTS, "local", LOCAL, DISK_LINE)
    if mount.kind in NFS_KINDS:
        return _judge(mount, _NFS_FAULTS, "network", DIRECT, NFS_LINE)
    if mount.kind in CIFS_KINDS:
        return _judge(mount, _CIFS_FAULTS, "network", DIRECT, CIFS_LINE)
    if is_remote(mount.kind):
        return _judge(mount, {}, "network", OTHER, NFS_LINE)
    if mount.kind == AUTOFS:
        return refuse_absent(mount)
    return _unknown(mount.kind, mount.source, mount.point)


def is_remote(kind: str) -> bool:
    """Whether a file system of this kind is another machine's."""
    return kind in NFS_KINDS | CIFS_KINDS | OTHER_KINDS or kind.startswith("fuse")


def refuse_absent(mount: Mount) -> Verdict:
    """The verdict where a mount that the machine is meant to have is not there."""
    return Verdict(
        "unsafe", mount.kind, f"{mount.source} is not mounted", f"mount {mount.point}", OTHER
    )


def refuse_adrift(verdict: Verdict, was: Mount, noted: str) -> Verdict:
    """The verdict on a disk of this machine where a NAS was; in the file `noted` stands that."""
    return Verdict(
        "unsafe",
        verdict.filesystem,
        f"it was on {was.source} ({was.kind}), and is on a disk of this machine"
        f" ({verdict.filesystem}) now",
        f"mount {was.source} on {was.point}; or, if the database belongs on this disk now, delete"
        f" {noted}",
        verdict.pragmas,
    )


def refuse_disk(verdict: Verdict) -> Verdict:
    """The verdict on a disk of this machine where a NAS is expected."""
    return Verdict(
        "unsafe",
        verdict.filesystem,
        f"it is on a disk of this machine ({verdict.filesystem}), not on a NAS",
        "mount the NAS there; or, if the database belongs on this disk, move the working file away"
        ' and set storage.mode = "local"',
        verdict.pragmas,
    )


def refuse_log(verdict: Verdict, log: str) -> Verdict:
    """The verdict where a write-ahead log lies beside a database on a network mount."""
    return Verdict(
        "unsafe",
        verdict.filesystem,
        f"a write-ahead log lies beside the database on {verdict.filesystem}",
        f"move {log} and the database together to a local disk, run parley db check there, and"
        " copy the database back without the log",
        verdict.pragmas,
    )


def refuse_locks(verdict: Verdict, fault: str) -> Verdict:
    """The verdict where two processes did not exclude each other."""
    return Verdict(
        "unsafe", verdict.filesystem, fault, f"mount it with locks: {verdict.advice}", OTHER
    )


def _judge(
    mount: Mount, faults: dict[str, str], kind: Kind, pragmas: Pragmas, line: str
) -> Verdict:
    advice = line.format(source=mount.source, point=mount.point)
    if "ro" in mount.options:
        reason = "it is mounted read-only"
        return Verdict("unsafe", mount.kind, reason, f"mount -o remount,rw {mount.point}", pragmas)
    for option, reason in sorted(faults.items()):
        if option in mount.options:
            return Verdict("unsafe", mount.kind, reason, advice, pragmas)
    if mount.kind in CIFS_KINDS and "nobrl" not in mount.options:
        reason = "without nobrl every commit on CIFS fails as locked"
        return Verdict("unsafe", mount.kind, reason, advice, pragmas)
    return Verdict(
        kind, mount.kind, _remark(mount), advice if _is_improvable(mount) else "", pragmas
    )


def _remark(mount: Mount) -> str:
    """What is good to know though nothing is wrong."""
    version = mount.option("vers")
    if mount.kind in NFS_KINDS:
        if _is_improvable(mount):
            return f"NFS {version or 'of an unknown version'}: a lock may outlive who held it"
        return f"NFS {version}"
    if mount.kind == "tmpfs":
        return "a disk in memory: it is empty after a restart of the machine"
    if mount.kind == "overlay":
        return "a container's own layer: it goes with the container, so give it a volume"
    if mount.kind in LOCAL_KINDS:
        return "a disk of this machine"
    if mount.kind in CIFS_KINDS:
        return "CIFS without server locks: one bot alone may use it"
    return f"little is known of {mount.kind}: every commit syncs the directory too"


def _is_improvable(mount: Mount) -> bool:
    if mount.kind in NFS_KINDS:
        return mount.option("vers") not in {"4.1", "4.2"}
    return mount.kind not in LOCAL_KINDS | CIFS_KINDS


def _unknown(kind: str, source: str, point: str) -> Verdict:
    return Verdict(
        "unsafe",
        kind,
        f"the file system {kind} is not known to keep a database",
        f"put the database on a local disk (ext4, xfs, btrfs), or {_line(source, point)}",
        OTHER,
    )


def _line(source: str, point: str) -> str:
    return NFS_LINE.format(source=source, point=point)
