"""Files: fetched from the homeserver's media and stored there, sealed where the room is encrypted.

Sealed files are AES-CTR with their key in the event (client-server API, "Sending encrypted
attachments"); the hash of what was fetched is checked before anything is read.
"""

import json
import mimetypes
from typing import Any, cast

from nio.crypto import decrypt_attachment, encrypt_attachment
from nio.exceptions import EncryptionError

from adapters.base import Attachment, Rejected
from adapters.matrix.errors import Refused
from adapters.matrix.http import Homeserver

SEALED_MIME = "application/octet-stream"


async def fetch(server: Homeserver, file: Attachment, max_bytes: int) -> bytes:
    """A file's content. Raises `Rejected` when it is larger, gone or damaged."""
    source: dict[str, Any] = json.loads(file.id)
    sealed: dict[str, Any] = source.get("file") or {}
    place, media = _address(str(sealed.get("url") or source.get("url")))
    try:
        content = await server.download(place, media, max_bytes)
    except Refused as error:
        raise Rejected("The file is gone.") from error
    return _opened(content, sealed) if sealed else content


async def store(server: Homeserver, name: str, content: bytes, *, seal: bool) -> dict[str, Any]:
    """Store a file; the member of its event that says where it is."""
    if not seal:
        return {"url": await server.upload(content, mime_of(name), name)}
    sealed, keys = cast("Any", encrypt_attachment)(content)
    return {"file": {**keys, "url": await server.upload(sealed, SEALED_MIME, "")}}


def mime_of(name: str) -> str:
    """A file's type by its name."""
    return mimetypes.guess_type(name)[0] or SEALED_MIME


def _address(url: str) -> tuple[str, str]:
    place, _, media = url.removeprefix("mxc://").partition("/")
    if not url.startswith("mxc://") or not place or not media:
        raise Rejected("The file has no address.")
    return place, media


def _opened(content: bytes, sealed: dict[str, Any]) -> bytes:
    try:
        key, sha256 = sealed["key"]["k"], sealed["hashes"]["sha256"]
        return decrypt_attachment(content, key, sha256, sealed["iv"])
    except (KeyError, TypeError, ValueError, EncryptionError) as error:
        raise Rejected("The file can't be opened: it is damaged, or its key is.") from error
