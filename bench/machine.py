"""What the figures were measured on, without a name or a path of it."""

import importlib.metadata
import platform
from pathlib import Path

from engine.gguf import read_header
from engine.plan import usable_cores


def describe(model: Path) -> dict[str, str]:
    """The machine, the library and the model, in words."""
    header = read_header(model)
    return box() | {
        "llama-cpp-python": importlib.metadata.version("llama-cpp-python"),
        "model": f"{header.name}, {header.shape.file_bytes >> 20} MiB",
    }


def box() -> dict[str, str]:
    """The machine alone."""
    return {
        "processor": _field(Path("/proc/cpuinfo"), "model name") or platform.machine(),
        "vector instructions": _vectors(),
        "cores": str(usable_cores()),
        "memory": f"{_memory_bytes() >> 20:,} MiB",
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
    }


def _vectors() -> str:
    flags = _field(Path("/proc/cpuinfo"), "flags").split()
    known = ("avx512_bf16", "avx512_vnni", "avx512f", "avx2", "avx")
    return ", ".join(flag for flag in known if flag in flags) or "not known"


def _memory_bytes() -> int:
    return int((_field(Path("/proc/meminfo"), "MemTotal") or "0 kB").split()[0]) << 10


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""
