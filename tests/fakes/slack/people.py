"""Who is in the workspace."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody."""

    id: str
    name: str
    locale: str = "en-US"
    team: str = "T1"

    def json(self) -> dict[str, Any]:
        """As `users.info` shows it."""
        return {
            "id": self.id,
            "team_id": self.team,
            "name": self.name,
            "real_name": self.name,
            "profile": {"display_name": self.name, "real_name": self.name},
            "locale": self.locale,
            "is_bot": False,
        }


ALL_SCOPES = frozenset(
    {
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "mpim:history",
        "mpim:read",
        "reactions:read",
        "users:read",
    }
)


@dataclass(slots=True)
class App:
    """The app and its bot. `scopes` are what it was installed with."""

    id: str = "A1"
    team: str = "T1"
    user: str = "U0BOT"
    bot: str = "B0BOT"
    name: str = "parley"
    bot_token: str = "xoxb-1-for-tests-only"
    app_token: str = "xapp-1-for-tests-only"
    signing_secret: str = "signing-secret-for-tests-only"
    scopes: set[str] = field(default_factory=lambda: set(ALL_SCOPES))
    revoked: str = ""
    """The code that every call gets, if the token is worth nothing any more."""
