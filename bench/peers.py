"""llama.cpp's own tools, built from the source that our library was built from.

llama-cpp-python's sdist vendors llama.cpp with its tools, so `pip download` and cmake are all it
takes; the server's page, which it would download, is left out. The build stays under `.cache/peer`
and takes about ten minutes on two cores the first time:

    python -m bench.peers
"""

import importlib.metadata
import os
import subprocess
import sys
import tarfile
from pathlib import Path

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "peer"
TOOLS = ("llama-batched-bench", "llama-server")
OFF = ("CURL", "OPENSSL", "BUILD_TESTS", "BUILD_EXAMPLES", "BUILD_UI", "USE_PREBUILT_UI")
FLAGS = ("-DCMAKE_BUILD_TYPE=Release", *(f"-DLLAMA_{name}=OFF" for name in OFF))


def peer(tool: str) -> Path:
    """The path of a built tool, one of `TOOLS`; built if it is not there."""
    if not _binary(tool).is_file():
        build = CACHE / "build"
        _run("cmake", "-S", str(_source()), "-B", str(build), "-DLLAMA_BUILD_SERVER=ON", *FLAGS)
        _run("cmake", "--build", str(build), "--target", *TOOLS, "-j", str(os.cpu_count() or 1))
    return _binary(tool)


def built() -> bool:
    """Whether all tools are there."""
    return all(_binary(tool).is_file() for tool in TOOLS)


def _binary(tool: str) -> Path:
    return CACHE / "build" / "bin" / tool


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


if __name__ == "__main__":
    for name in TOOLS:
        print(peer(name).name, "is built")
