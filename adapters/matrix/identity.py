"""The bot's cross-signing identity: made once, kept in secret storage, never replaced by itself.

A master key signs a self-signing key, which signs the bot's devices (client-server API,
"Cross-signing"); people whose clients exclude unsigned devices (MSC4153) can then talk to it. The
private keys are in the account's secret storage under the recovery key, which is the
configuration's, or the file that the first start wrote.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Any

import structlog

from adapters.base import AuthFailed, Rejected
from adapters.matrix.base58 import KEY_BYTES, from_recovery_key, to_recovery_key
from adapters.matrix.errors import NeedsAuthentication, SessionEnded
from adapters.matrix.http import Homeserver
from adapters.matrix.login import Session, write_secret
from adapters.matrix.secrets import SecretStorage, WrongKey, default_key, fits
from adapters.matrix.signing import SigningKey, is_signed

log = structlog.get_logger(__name__)

USAGES = ("master", "self_signing", "user_signing")
PASSWORD_STAGE = "m.login.password"  # noqa: S105
LOCKED = (
    "The account has a cross-signing identity that the bot can't unlock, so its device stays "
    "unsigned: set matrix.recovery_key to the account's recovery key."
)
NO_SECRETS = (
    "The account's cross-signing keys are not in its secret storage, so the bot's device stays "
    "unsigned: sign it from a client that has them, or reset the account's identity there."
)
BAD_KEY = (
    "matrix.recovery_key is no recovery key (48 characters in groups of four): the bot's device "
    "stays unsigned until it is right."
)


class Unsigned(Exception):
    """The device can't be signed; the message says why and what to do, in one sentence."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The three keys, by usage."""

    keys: Mapping[str, SigningKey]

    @classmethod
    def new(cls) -> "Identity":
        """Fresh keys."""
        return cls({usage: SigningKey(token_bytes(KEY_BYTES)) for usage in USAGES})

    def public_keys(self, user_id: str) -> dict[str, Any]:
        """The body of `keys/device_signing/upload`, the master's signature on the others."""
        body = {f"{usage}_key": self._key_object(usage, user_id) for usage in self.keys}
        master = self.keys["master"]
        for name, key in body.items():
            if name != "master_key":
                signature = {f"ed25519:{master.public}": master.sign(key)}
                key["signatures"] = {user_id: signature}
        return body

    def _key_object(self, usage: str, user_id: str) -> dict[str, Any]:
        public = self.keys[usage].public
        return {"user_id": user_id, "usage": [usage], "keys": {f"ed25519:{public}": public}}


class Identities:
    """Makes the account's identity, or restores it, and signs the session's device with it."""

    def __init__(
        self, server: Homeserver, session: Session, password: str, recovery_key: str, store: Path
    ) -> None:
        self._server = server
        self._session = session
        self._password = password
        self._configured = recovery_key
        self._file = store / "recovery-key"

    async def ensure(self) -> str:
        """Have the device signed; empty, or one sentence that says why it stays unsigned.

        Its keys must be on the server. Raises `RateLimited`, `Transient`, `Ambiguous` and
        `SessionEnded`.
        """
        try:
            published = await self._published()
            identity = await self._identity(published)
            await self._sign_device(published, identity)
        except SessionEnded:
            raise
        except (Unsigned, AuthFailed, Rejected) as error:
            log.warning("the bot's device is not signed", why=str(error))
            return str(error)
        return ""

    async def _published(self) -> dict[str, Any]:
        """The account's public keys and devices, as the server gives them to everybody."""
        every: list[str] = []
        body = {"device_keys": {self._session.user_id: every}}
        return await self._server.post("v3", "keys", "query", body=body)

    async def _identity(self, published: Mapping[str, Any]) -> Identity:
        storage = await self._storage(exists=bool(self._key(published, "master")))
        identity = await _read(storage)
        if master := self._key(published, "master"):
            if identity is None:
                raise Unsigned(NO_SECRETS)
            if identity.keys["master"].public != master:
                raise Unsigned(LOCKED)
            return identity
        if identity is None:
            identity = await self._make(storage)
        await self._upload(identity)
        return identity

    async def _storage(self, *, exists: bool) -> SecretStorage:
        """The account's secret storage, unlocked; a new one only where there is no identity."""
        server, user_id = self._server, self._session.user_id
        keys = self._recovery_keys()
        described = await default_key(server, user_id)
        if described:
            key_id, description = described
            for key in keys:
                if fits(key, description):
                    return SecretStorage(server, user_id, key_id, key)
            raise Unsigned(LOCKED)
        if exists:
            raise Unsigned(NO_SECRETS)
        key = keys[0] if keys else self._new_recovery_key()
        return await SecretStorage.make(server, user_id, key)

    def _recovery_keys(self) -> Sequence[bytes]:
        try:
            if self._configured:
                return [from_recovery_key(self._configured)]
        except ValueError as error:
            raise Unsigned(BAD_KEY) from error
        try:
            return [from_recovery_key(self._file.read_text())]
        except (OSError, ValueError):
            return []

    def _new_recovery_key(self) -> bytes:
        key = token_bytes(KEY_BYTES)
        write_secret(self._file, to_recovery_key(key) + "\n")
        log.warning("a recovery key was written; keep a copy elsewhere", path=str(self._file))
        return key

    async def _make(self, storage: SecretStorage) -> Identity:
        """New keys, in secret storage before anybody sees them: none is ever lost."""
        identity = Identity.new()
        for usage, key in identity.keys.items():
            await storage.write(f"m.cross_signing.{usage}", key.private.encode())
        return identity

    async def _upload(self, identity: Identity) -> None:
        body = identity.public_keys(self._session.user_id)
        path = ("v3", "keys", "device_signing", "upload")
        try:
            await self._server.post(*path, body=body)
        except NeedsAuthentication as error:
            if [PASSWORD_STAGE] not in error.flows:
                raise Unsigned(_other_authentication(error)) from error
            await self._server.post(*path, body=body | {"auth": self._auth(error.session)})
        log.info("a cross-signing identity was made", user=self._session.user_id)

    def _auth(self, session: str) -> dict[str, Any]:
        return {
            "type": PASSWORD_STAGE,
            "identifier": {"type": "m.id.user", "user": self._session.user_id},
            "password": self._password,
            "session": session,
        }

    async def _sign_device(self, published: Mapping[str, Any], identity: Identity) -> None:
        user_id, device_id = self._session.user_id, self._session.device_id
        device = published.get("device_keys", {}).get(user_id, {}).get(device_id)
        if not isinstance(device, dict):
            raise Unsigned("The homeserver does not know the keys of the bot's device.")
        key = identity.keys["self_signing"]
        signed: dict[str, Any] = {k: v for k, v in device.items() if k != "unsigned"}  # type: ignore[reportUnknownVariableType] # JSON
        if is_signed(signed, user_id, key.public):
            return
        signed["signatures"] = {user_id: {f"ed25519:{key.public}": key.sign(signed)}}
        body = {user_id: {device_id: signed}}
        await self._server.post("v3", "keys", "signatures", "upload", body=body)
        log.info("the bot's device is signed", device=device_id)

    def _key(self, published: Mapping[str, Any], usage: str) -> str:
        key = published.get(f"{usage}_keys", {}).get(self._session.user_id, {})
        return next(iter(key.get("keys", {}).values()), "")


async def _read(storage: SecretStorage) -> Identity | None:
    """The identity in secret storage; None if there is none or not all of it."""
    keys: dict[str, SigningKey] = {}
    try:
        for usage in USAGES:
            secret = await storage.read(f"m.cross_signing.{usage}")
            if secret is not None:
                keys[usage] = SigningKey.from_base64(secret.decode())
    except (WrongKey, ValueError) as error:
        raise Unsigned(LOCKED) from error
    return Identity(keys) if {"master", "self_signing"} <= keys.keys() else None


def _other_authentication(error: NeedsAuthentication) -> str:
    ways = " or ".join("+".join(flow) for flow in error.flows) or "another way"
    return (
        "The homeserver lets nobody publish cross-signing keys by password, it asks for "
        f"{ways}: approve it in a browser as the bot, then start Parley again."
    )
