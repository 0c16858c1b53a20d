"""Who sits at a browser: the link's token, the browser's cookie, and a cookie for each person.

The printed link carries a token that never changes for one installation; the first visit turns it
into an `HttpOnly; SameSite=Strict` cookie, so that no other page of the browser can use it. Whoever
joins gets a secret of their own in another cookie; only its digest is kept.
"""

import asyncio
import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

from starlette.requests import HTTPConnection
from starlette.responses import Response

from adapters.web.refusal import Refused
from adapters.web.store import Member, PageStore
from adapters.web.wire import MAX_NAME_CHARS

BROWSER_COOKIE = "parley_browser"
PERSON_COOKIE = "parley_person_"
COOKIE_AGE_S = 400 * 24 * 3600
"""The longest that browsers keep a cookie (RFC 6265bis, section 5.5)."""

_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


class People:
    """Everybody of the page, and how they show that they are who they say."""

    def __init__(self, store: PageStore, token: str, bot_name: str) -> None:
        self._store = store
        self._token = token
        self._bot_name = bot_name
        self._joining = asyncio.Lock()  # two at once may want one name
        self._cookie = hmac.new(token.encode(), b"browser", hashlib.sha256).hexdigest()

    def has_token(self, given: str) -> bool:
        """Whether this is the printed link's token."""
        return hmac.compare_digest(given.encode(), self._token.encode())

    def admit(self, response: Response) -> None:
        """Let this browser in from now on."""
        _set_cookie(response, BROWSER_COOKIE, self._cookie)

    def is_admitted(self, connection: HTTPConnection) -> bool:
        """Whether this browser came by the link once."""
        given = connection.cookies.get(BROWSER_COOKIE, "")
        return hmac.compare_digest(given.encode(), self._cookie.encode())

    async def of_browser(self, cookies: Mapping[str, str]) -> list[Member]:
        """Those who joined from this browser."""
        ids = [name.removeprefix(PERSON_COOKIE) for name in cookies if _is_person(name)]
        found = [await self.identify(cookies, member_id) for member_id in ids]
        return [member for member in found if member]

    async def identify(self, cookies: Mapping[str, str], member_id: str) -> Member | None:
        """The member, if the browser holds their secret."""
        member = await self._store.member(member_id)
        secret = cookies.get(PERSON_COOKIE + member_id, "")
        if member and hmac.compare_digest(_digest(secret), member.secret_sha256):
            return member
        return None

    async def join(self, name: str, language: str, response: Response) -> Member:
        """Somebody new. Raises `Refused`."""
        secret = secrets.token_urlsafe(24)
        async with self._joining:
            name = await self._fit(name)
            member = Member(uuid4().hex, name, _digest(secret), language[:35], datetime.now(UTC))
            await self._store.join(member)
        _set_cookie(response, PERSON_COOKIE + member.id, secret)
        return member

    async def _fit(self, name: str) -> str:
        name = " ".join(name.split())
        if not name:
            raise Refused("name_empty")
        if len(name) > MAX_NAME_CHARS:
            raise Refused("name_long", MAX_NAME_CHARS)
        if _UNFIT.search(name):
            raise Refused("name_invisible")
        taken = {member.name.casefold() for member in await self._store.members()}
        if name.casefold() in taken | {self._bot_name.casefold()}:
            raise Refused("name_taken", name)
        return name


def _is_person(cookie: str) -> bool:
    return cookie.startswith(PERSON_COOKIE)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _set_cookie(response: Response, name: str, value: str) -> None:
    response.set_cookie(name, value, max_age=COOKIE_AGE_S, httponly=True, samesite="strict")
