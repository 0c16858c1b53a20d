"""Files that people attach, read by real children: what is found, and what harms nobody."""

import asyncio
import os
import shutil
import struct
import zlib
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import psutil
import pytest
from PIL import Image, ImageDraw

from bot.reading import LIMITS, Limits, Read, read_attachment
from bot.texts import texts_for

UNREADABLE = Read(reason="file_unreadable")
GOES_ON = "\n[… the file goes on]"


def pdf(*pages: str) -> bytes:
    """A PDF of one line of text a page, as PDF 32000-1 §7.5 lays it out."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        stream = f"BT /F1 12 Tf 72 700 Td ({text}) Tj ET"
        fonts = "/Resources << /Font << /F1 3 0 R >> >> /MediaBox [0 0 612 792]"
        objects.append(f"<< /Type /Page /Parent 2 0 R {fonts} /Contents {5 + 2 * number} 0 R >>")
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    return _assembled(objects)


def _assembled(objects: list[str]) -> bytes:
    body, offsets = b"%PDF-1.4\n", list[int]()
    for number, text in enumerate(objects, start=1):
        offsets.append(len(body))
        body += f"{number} 0 obj\n{text}\nendobj\n".encode()
    size = len(objects) + 1
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    xref = f"xref\n0 {size}\n0000000000 65535 f \n{table}"
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{len(body)}\n%%EOF\n"
    return body + (xref + trailer).encode()


def image(kind: str, text: str = "") -> bytes:
    picture = Image.new("RGB", (600, 120), "white")
    ImageDraw.Draw(picture).text((20, 30), text, fill="black", font_size=48)
    content = BytesIO()
    picture.save(content, kind)
    return content.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header says how large it would be."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


async def read(content: bytes, limits: Limits = LIMITS) -> Read:
    return await read_attachment("file", "", content, limits)


async def test_a_pdf_is_read_page_by_page() -> None:
    assert await read(pdf("The roof leaks", "Call the plumber")) == Read(
        "The roof leaks\n\nCall the plumber"
    )


async def test_a_long_pdf_says_that_it_goes_on() -> None:
    pages = pdf(*(f"page {number}" for number in range(30)))
    assert await read(pages, replace(LIMITS, max_pages=2)) == Read(f"page 0\n\npage 1{GOES_ON}")
    cut = await read(pages, replace(LIMITS, max_chars=20))
    assert cut == Read(f"page 0\n\npage 1\n\npage{GOES_ON}")


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.4\n",
        b"%PDF-1.7\n" + bytes(range(256)) * 50,
        pdf("The roof leaks")[:150],
        pdf(""),
        b"%PDF-1.4\n" + b"[" * 100_000,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff" + bytes(1000),
        b"GIF89a" + bytes(range(256)),
        image("PNG")[:100],
    ],
    ids=lambda content: bytes(content[:6]).hex() + str(len(content)),
)
async def test_what_is_broken_has_no_words(content: bytes) -> None:
    assert await read(content) == UNREADABLE


async def test_an_image_that_claims_billions_of_pixels_is_not_decoded() -> None:
    assert await read(png_that_claims(50_000, 50_000)) == UNREADABLE
    frugal = replace(LIMITS, max_pixels=600 * 120 - 1)
    assert await read(image("PNG"), frugal) == UNREADABLE


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_without_a_reader_of_images_there_are_no_words(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert await read(image(kind, "Hello")) == Read(reason="image_without_words")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF"])
async def test_a_program_reads_images(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(
        tmp_path,
        'if [ "$1" = --list-langs ]; then echo eng; exit; fi',
        'test "$(head -c 4 | tail -c 3)" = PNG && echo "a picture in $4" && echo && echo "of $#"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert await read(image(kind)) == Read("a picture in eng\nof 4")


async def test_a_program_that_hangs_is_ended_with_all_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nap = f"{os.getpid()}.25"
    install(tmp_path, f"exec sleep {nap}")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    for timeout_s in (4, 16, 64):  # a busy machine takes long to come to the program
        reading = asyncio.create_task(read(image("PNG"), replace(LIMITS, timeout_s=timeout_s)))
        while not (began := nap in running()) and not reading.done():
            await asyncio.sleep(0.05)
        assert await reading == UNREADABLE
        assert nap not in running()
        if began:
            return
    pytest.fail("the program was never begun")


def running() -> str:
    """The command lines of all processes."""
    found = psutil.process_iter(["cmdline"])
    lines: list[list[str]] = [process.info["cmdline"] or [] for process in found]
    return "\n".join(" ".join(line) for line in lines)


def install(folder: Path, *lines: str) -> None:
    """A program named `tesseract`."""
    program = folder / "tesseract"
    program.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    program.chmod(0o755)


@pytest.mark.skipif(not shutil.which("tesseract"), reason="tesseract is not installed")
async def test_tesseract_reads_a_picture() -> None:
    assert "Hello" in (await read(image("PNG", "Hello roof"))).text


async def test_the_child_has_no_secrets_and_little_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_TELEGRAM__TOKEN", "123:secret")
    install(
        tmp_path,
        'if [ "$1" = --list-langs ]; then echo eng; exit; fi',
        'cat > /dev/null; echo "token=$PARLEY_TELEGRAM__TOKEN"',
        'echo "core=$(ulimit -c) cpu=$(ulimit -t) files=$(ulimit -n) memory=$(ulimit -v)"',
    )
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    found = await read(image("PNG"), replace(LIMITS, cpu_s=7, memory_bytes=512_000 * 1024))
    assert found == Read("token=\ncore=0 cpu=7 files=64 memory=512000")


@pytest.mark.parametrize(
    "limits",
    [replace(LIMITS, timeout_s=0.01), replace(LIMITS, memory_bytes=5_000_000)],
    ids=["no time", "no memory"],
)
async def test_a_child_that_can_t_go_on_is_a_reason(limits: Limits) -> None:
    assert await read(pdf("The roof leaks"), limits) == UNREADABLE


async def test_a_child_that_says_too_much_holds_up_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = tmp_path / "bot" / "reading"
    reading.mkdir(parents=True)
    for package in (reading.parent, reading):
        (package / "__init__.py").touch()
    (reading / "child.py").write_text(  # it has its pipe enlarged, to say as much at once
        "import fcntl, os\n"
        "fcntl.fcntl(1, fcntl.F_SETPIPE_SZ, 1 << 20)\n"
        "while True:\n"
        "    os.write(1, bytes(1 << 20))\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with asyncio.timeout(60):
        assert await read(pdf("The roof leaks"), replace(LIMITS, max_chars=100)) == UNREADABLE


async def test_many_files_at_once_are_all_read() -> None:
    found = await asyncio.gather(*(read(pdf(f"file {number}")) for number in range(5)))
    assert found == [Read(f"file {number}") for number in range(5)]


async def test_a_file_beyond_the_limit_is_not_looked_at() -> None:
    assert await read(pdf("x"), Limits(max_bytes=10)) == Read(reason="file_too_large")


@pytest.mark.parametrize(
    ("mime", "content"),
    [("", b"PK\x03\x04" + bytes(100)), ("", b"\x7fELF" + bytes(60)), ("audio/ogg", b"OggS what")],
)
async def test_other_kinds_are_refused(mime: str, content: bytes) -> None:
    assert await read_attachment("notes.txt", mime, content) == Read(reason="file_kind")


def test_every_reason_has_a_text() -> None:
    for reason in ("file_too_large", "file_kind", "file_unreadable", "image_without_words"):
        assert getattr(texts_for("en"), reason)
