"""One large file over HTTPS, resumed where an earlier attempt broke off."""

import ipaddress
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import httpx

from engine.gguf import ModelError

Progress = Callable[[int, int | None], None]
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
        yield response


def _write(response: httpx.Response, part: Path, tag: Path, progress: Progress | None) -> None:
    resumed = response.status_code == 206
    tag.write_text(response.headers.get("ETag") or response.headers.get("Last-Modified", ""))
    done = part.stat().st_size if resumed else 0
    length = response.headers.get("Content-Length")
    total = done + int(length) if length and length.isdigit() else None
    with part.open("ab" if resumed else "wb") as file:
        for chunk in response.iter_raw():
            file.write(chunk)
            done += len(chunk)
            if progress:
                progress(done, total)
    if total is not None and done != total:
        raise httpx.RemoteProtocolError(f"{done} of {total} bytes came")
