"""The words in an image, for the child process: Pillow decodes it, tesseract reads it if installed.

An image's header tells its size before anything is decoded; a small file can claim billions of
pixels.
"""

import subprocess
from io import BytesIO

from PIL import Image, UnidentifiedImageError

from bot.reading.limits import Limits, Read, bounded

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
LONGEST_SIDE = 4_000
"""Pixels; more do not make words easier to read."""
LANGUAGES = ("eng", "chi_sim", "deu", "fra", "spa")
"""Read where they are installed; each takes time."""


def read_image(content: bytes, limits: Limits) -> Read:
    """The words that tesseract finds, if it is there."""
    Image.MAX_IMAGE_PIXELS = None  # what follows is stricter, and does not print warnings
    try:
        with Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > limits.max_pixels:
                return Read(reason="file_unreadable")
            page = _page(image)
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
        return Read(reason="file_unreadable")
    words = _words(page, limits)
    return Read(bounded(words, limits.max_chars)) if words else Read(reason="image_without_words")


def _page(image: Image.Image) -> bytes:
    """The first frame in grey, on white, of a size to be read."""
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if "A" in image.getbands() or "transparency" in image.info:
        paper = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(paper, image.convert("RGBA"))
    page = BytesIO()
    image.convert("L").save(page, "PNG")
    return page.getvalue()


def _words(page: bytes, limits: Limits) -> str:
    """What tesseract prints, without empty lines; empty if it is not installed or fails."""
    try:
        installed = _tesseract(["--list-langs"], b"", limits).split()
        languages = "+".join(name for name in LANGUAGES if name in installed) or "eng"
        text = _tesseract(["stdin", "stdout", "-l", languages], page, limits)
    except (OSError, subprocess.SubprocessError):
        return ""
    return "\n".join(line.rstrip() for line in text.split("\n") if line.strip())


def _tesseract(arguments: list[str], given: bytes, limits: Limits) -> str:
    done = subprocess.run(  # noqa: S603
        ["tesseract", *arguments],  # noqa: S607
        input=given,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=limits.timeout_s,
        check=True,
    )
    return done.stdout[: limits.max_chars * 4].decode("utf-8", "replace")
