"""One large file over HTTPS, resumed where an earlier attempt broke off."""

import ipaddress
import shutil
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from engine.checksum import Progress
from engine.gguf import ModelError

TIMEOUT_S = 60.0
MAX_REDIRECTS = 5


def download(url: str, path: Path, progress: Progress | None) -> Path:
    """Fetch `url` into `path`, by way of `path`.part. Raises `ModelError`; the part stays.

    A part is continued only if the server still has the same file (its ETag or date is kept).
    """
    part = path.with_name(path.name + ".part")
    tag = path.with_name(path.name + ".tag")
    try:
        with _client() as client, _answer(client, url, part, tag) as response:
            _write(response, part, tag, progress)
    except httpx.HTTPError as exc:
        raise ModelError(
            f"The download of {url} broke off ({type(exc).__name__}); pull again to go on with it."
        ) from exc
    return part.replace(path)


def check_room(size_bytes: int, into: Path) -> None:
    """Raises `ModelError` where the disk of a directory has no room for so much: whatever else lies
    there, the conversations perhaps, would have none either."""
    free = shutil.disk_usage(into).free
    if size_bytes > free:
        raise ModelError(
            f"The model needs {size_bytes >> 20} MB and {into} has {free >> 20} MB free; make room "
            "and pull again."
        )


def _client() -> httpx.Client:
    return httpx.Client(
        timeout=TIMEOUT_S,
        follow_redirects=True,
        max_redirects=MAX_REDIRECTS,
        event_hooks={"request": [_check_scheme]},
    )


def _check_scheme(request: httpx.Request) -> None:
    """Every hop is encrypted, except on this machine."""
    if request.url.scheme == "https" or _is_loopback(request.url.host):
        return
    raise ModelError(f"The address {request.url} is not encrypted; use an https:// address.")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _answer(client: httpx.Client, url: str, part: Path, tag: Path) -> Generator[httpx.Response]:
    headers = {"Accept-Encoding": "identity"}
    known = tag.read_text() if tag.is_file() else ""
    if part.is_file() and part.stat().st_size and known:
        headers |= {"Range": f"bytes={part.stat().st_size}-", "If-Range": known}
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code == 416:
            part.unlink()
            raise ModelError(f"The file at {url} has changed meanwhile; pull again.")
        if not response.is_success:
            raise ModelError(
                f"The server answers {response.status_code} for {url}; check the address."
            )
        if response.status_code == 206 and not _goes_on(response, part):
            part.unlink(missing_ok=True)
            raise ModelError(
                f"The server sends another part of {url} than was asked for; pull again."
            )
        yield response


def _goes_on(response: httpx.Response, part: Path) -> bool:
    """Whether a partial answer begins where the part ends (RFC 9110, 14.4)."""
    sent = response.headers.get("Content-Range", "")
    return part.is_file() and sent.startswith(f"bytes {part.stat().st_size}-")


def _write(response: httpx.Response, part: Path, tag: Path, progress: Progress | None) -> None:
    resumed = response.status_code == 206
    if not resumed:
        part.unlink(missing_ok=True)  # its room is the new one's
    done = part.stat().st_size if resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length and length.isdigit() else None
    if total is not None:
        check_room(total - done, part.parent)
    with part.open("ab") as file:
        tag.write_text(response.headers.get("ETag") or response.headers.get("Last-Modified", ""))
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    if total is not None and done != total:
        raise httpx.RemoteProtocolError(f"{done} of {total} bytes came")
