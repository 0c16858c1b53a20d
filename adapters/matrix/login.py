"""The bot's session on the homeserver: signed in once by password, kept in a file of mode 0600.

A device id is never used again without the keys that belong to it: a lost crypto store means a new
device, for other people's clients keep what they know of the old one's keys.
"""

import json
import os
import secrets
import string
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from adapters.base import AdapterError, AuthFailed
from adapters.matrix.errors import Refused
from adapters.matrix.http import Homeserver

WRONG_PASSWORD = (
    "The homeserver refuses matrix.user and matrix.password. Check both; the password is the one "  # noqa: S105
    "that the account signs in with."
)
NO_PASSWORDS = (
    "The homeserver lets nobody sign in with a password. Make an account for the bot where "
    "password login is allowed."
)  # fmt: skip
DEVICE_ID_CHARS = 10


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in device."""

    user_id: str
    device_id: str
    access_token: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who signs in, and what people see as the device's name."""

    user: str
    password: str
    device_name: str


class SessionFile:
    """Where the session is kept."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "session.json"

    def load(self) -> Session | None:
        """The kept session; None if there is none that can be read."""
        try:
            kept: Any = json.loads(self._path.read_text())
            return Session(**{key: str(value) for key, value in kept.items()})
        except (OSError, ValueError, TypeError, AttributeError):
            return None

    def save(self, session: Session) -> None:
        """Keep it, whole or not at all."""
        write_secret(self._path, json.dumps(asdict(session)))

    def forget(self) -> None:
        """The next start signs in anew."""
        self._path.unlink(missing_ok=True)


def write_secret(path: Path, text: str) -> None:
    """Write a file of mode 0600, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def new_device_id() -> str:
    """An id that no device had."""
    return "".join(secrets.choice(string.ascii_uppercase) for _ in range(DEVICE_ID_CHARS))


async def sign_in(server: Homeserver, who: Credentials, device_id: str) -> Session:
    """Sign in by password. Raises `AuthFailed` with what to do when that is refused."""
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": who.user},
        "password": who.password,
        "device_id": device_id,
        "initial_device_display_name": who.device_name,
    }
    server.token = ""
    try:
        answer = await server.post("v3", "login", body=body)
    except Refused as error:
        sentence = NO_PASSWORDS if error.code == "M_UNKNOWN" else WRONG_PASSWORD
        raise AuthFailed(sentence if error.code in _LOGIN_CODES else str(error)) from error
    session = Session(str(answer["user_id"]), str(answer["device_id"]), str(answer["access_token"]))
    server.token = session.access_token
    return session


_LOGIN_CODES = ("M_FORBIDDEN", "M_INVALID_PARAM", "M_UNKNOWN", "M_INVALID_USERNAME")


async def sign_out(server: Homeserver, session: Session) -> None:
    """End a session whose keys are lost, so that nobody encrypts for it; as far as possible."""
    server.token = session.access_token
    with suppress(AdapterError):
        await server.post("v3", "logout", body={})
    server.token = ""
