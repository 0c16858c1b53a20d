"""The text of a PDF, for the child process: pypdf reads what strangers made."""

from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import PyPdfError

from bot.reading.limits import Limits, Read, bounded


def read_pdf(content: bytes, limits: Limits) -> Read:
    """Pages up to the limits; a scan without a text layer has no words, nor has a locked file."""
    try:
        reader = PdfReader(BytesIO(content))
        if reader.is_encrypted and not reader.decrypt(""):
            return Read(reason="file_unreadable")
        text, goes_on = _text(reader, limits)
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return Read(reason="file_unreadable")
    if not text.strip():
        return Read(reason="file_unreadable")
    return Read(bounded(text, limits.max_chars, goes_on=goes_on))


def _text(reader: PdfReader, limits: Limits) -> tuple[str, bool]:
    """The pages' text, and whether there are more pages."""
    text = ""
    count = len(reader.pages)
    for number in range(min(count, limits.max_pages)):
        text += f"{reader.pages[number].extract_text().strip()}\n\n"
        if len(text) > limits.max_chars:
            return text, True
    return text.strip(), count > limits.max_pages
