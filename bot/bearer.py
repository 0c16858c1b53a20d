"""Who calls the HTTP API: the name of a bearer token, or whoever sits at this machine.

Without tokens the API is open on a loopback listener (the demo's) and shut on any other, and so it
is behind a proxy, where everybody comes from this machine.
"""

import hmac
from collections.abc import Mapping

from pydantic import SecretStr
from starlette.requests import Request

LOCAL = "local"
CALLER = "parley.caller"
"""Where a request's scope says who it was from, once that is known."""


class Unauthorized(Exception):
    """No token, or one that is not known."""


class Bearer:
    """The known tokens, by the name that their use is counted under."""

    def __init__(self, tokens: Mapping[str, SecretStr], *, is_local: bool) -> None:
        self._tokens = dict(tokens)
        self._open = is_local and not tokens

    def caller(self, request: Request) -> str:
        """The caller's name, kept in the request's scope too. Raises `Unauthorized`."""
        name = request.scope[CALLER] = self._known(request)
        return name

    def _known(self, request: Request) -> str:
        if self._open:
            return LOCAL
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            for name, token in self._tokens.items():
                if hmac.compare_digest(token.get_secret_value().encode(), given.strip().encode()):
                    return name
        raise Unauthorized
