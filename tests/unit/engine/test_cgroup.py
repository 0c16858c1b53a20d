"""What control groups leave, told from the kernel's files as they stand on several systems."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.cgroup import NO_LIMIT, cpus_granted, memory_left_bytes
from engine.plan import available_bytes

GB = 1 << 30
V1_NO_LIMIT = 0x7FFFFFFFFFFFF000
CONTAINER = {
    "proc/self/cgroup": "0::/\n",
    "sys/fs/cgroup/memory.max": f"{6 * GB}\n",
    "sys/fs/cgroup/memory.current": f"{3 * GB}\n",
    "sys/fs/cgroup/memory.stat": f"anon {GB}\nfile {2 * GB}\n"
    f"inactive_file {GB}\nactive_file {GB}\n",
    "sys/fs/cgroup/cpu.max": "150000 100000\n",
}
SERVICE = {
    "proc/self/cgroup": "0::/system.slice/parley.service\n",
    "sys/fs/cgroup/cpu.stat": "usage_usec 1\n",
    "sys/fs/cgroup/system.slice/memory.max": "max\n",
    "sys/fs/cgroup/system.slice/memory.current": f"{7 * GB}\n",
    "sys/fs/cgroup/system.slice/cpu.max": "max 100000\n",
    "sys/fs/cgroup/system.slice/parley.service/memory.max": f"{4 * GB}\n",
    "sys/fs/cgroup/system.slice/parley.service/memory.current": f"{GB}\n",
    "sys/fs/cgroup/system.slice/parley.service/memory.stat": "inactive_file 0\nactive_file 0\n",
    "sys/fs/cgroup/system.slice/parley.service/cpu.max": "300000 100000\n",
}
SLICE = SERVICE | {
    "sys/fs/cgroup/system.slice/memory.max": f"{8 * GB}\n",
    "sys/fs/cgroup/system.slice/cpu.max": "200000 100000\n",
}
OLD_NAS = {
    "proc/self/cgroup": "5:cpuacct,cpu:/docker/0a\n4:memory:/docker/0a\n1:name=systemd:/\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{2 * GB}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{2 * GB}\n",
    "sys/fs/cgroup/memory/memory.stat": f"active_file 0\ninactive_file 0\nhierarchical_limit 1\n"
    f"total_active_file {GB}\ntotal_inactive_file 5\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "50000\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
}
FREE = {
    "proc/self/cgroup": "4:memory:/user\n3:cpu:/user\n0::/user\n",
    "sys/fs/cgroup/memory/user/memory.limit_in_bytes": f"{V1_NO_LIMIT}\n",
    "sys/fs/cgroup/memory/user/memory.usage_in_bytes": f"{GB}\n",
    "sys/fs/cgroup/cpu/user/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/user/cpu.cfs_period_us": "100000\n",
}
OUTSIDE = CONTAINER | {"proc/self/cgroup": "0::/../../other\n"}


def laid_out(root: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "left", "cpus"),
    [
        pytest.param(CONTAINER, 5 * GB, 2, id="what is kept of files counts as left"),
        pytest.param(SERVICE, 3 * GB, 3, id="the limit is on its own group"),
        pytest.param(SLICE, GB, 2, id="a group above has less"),
        pytest.param(OLD_NAS, GB + 5, 1, id="version 1, the path is the host's"),
        pytest.param(OUTSIDE, 5 * GB, 2, id="the path leads out of what is to be seen"),
        pytest.param({}, NO_LIMIT, NO_LIMIT, id="no control groups"),
    ],
)
def test_the_least_that_any_group_leaves(
    tmp_path: Path, files: Mapping[str, str], left: int, cpus: int
):
    root = laid_out(tmp_path, files)
    assert memory_left_bytes(root) == left
    assert cpus_granted(root) == cpus


def test_a_limit_that_is_none_is_larger_than_any_machine(tmp_path: Path):
    root = laid_out(tmp_path, FREE)
    assert memory_left_bytes(root) > 1 << 50
    assert cpus_granted(root) == NO_LIMIT


@pytest.mark.parametrize(("megabytes", "expected"), [(9 << 10, 5 * GB), (2 << 10, 2 * GB)])
def test_what_is_available_is_the_lesser_of_machine_and_groups(
    tmp_path: Path, megabytes: int, expected: int
):
    meminfo = f"MemTotal: 1 kB\nMemFree: 5 kB\nMemAvailable:   {megabytes << 10} kB\n"
    root = laid_out(tmp_path, CONTAINER | {"proc/meminfo": meminfo})
    assert available_bytes(root) == expected


def test_an_overdrawn_group_leaves_nothing(tmp_path: Path):
    over = CONTAINER | {"sys/fs/cgroup/memory.current": f"{9 * GB}\n"}
    assert memory_left_bytes(laid_out(tmp_path, over)) == 0
