"""llama.cpp's own tools, built from the source that our library was built from.

llama-cpp-python's sdist vendors llama.cpp with its tools, so `pip download` and cmake are all it
takes. The build stays under `.cache/peer`; it takes some minutes the first time.
"""

import importlib.metadata
import os
import subprocess
import sys
import tarfile
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "peer"
FLAGS = ("-DLLAMA_CURL=OFF", "-DLLAMA_BUILD_TESTS=OFF", "-DLLAMA_BUILD_EXAMPLES=OFF")


def peer(tool: str) -> Path:
    """The path of a built tool, such as `llama-batched-bench`."""
    binary = CACHE / "build" / "bin" / tool
    if not binary.is_file():
        build = CACHE / "build"
        _run("cmake", "-S", str(_source()), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release", *FLAGS)
        _run("cmake", "--build", str(build), "--target", tool, "-j", str(os.cpu_count() or 1))
    return binary


def _source() -> Path:
    """The vendored llama.cpp of the installed llama-cpp-python."""
    version = importlib.metadata.version("llama-cpp-python")
    source = CACHE / f"llama_cpp_python-{version}"
    if not source.is_dir():
        requirement = f"llama-cpp-python=={version}"
        options = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
        _run(sys.executable, "-m", "pip", "download", *options, "--dest", str(CACHE), requirement)
        with tarfile.open(CACHE / f"llama_cpp_python-{version}.tar.gz") as archive:
            archive.extractall(CACHE, filter="data")
    return source / "vendor" / "llama.cpp"


def _run(*command: str) -> None:
    """Run a build step at low priority. Raises `CalledProcessError`."""
    subprocess.run(["nice", "-n", "19", *command], check=True, stdout=sys.stderr)
