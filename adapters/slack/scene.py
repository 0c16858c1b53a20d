"""PURE. Who the bot is and what it knows of the workspace, as the readers of payloads need it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from adapters.base import Address, Person
from adapters.slack.fields import Json, text
from adapters.slack.ids import PLATFORM, is_direct, visitor
from adapters.slack.text import readable


@dataclass(frozen=True, slots=True)
class Me:
    """The bot: its ids as a user and as a bot, its team's, and both their names."""

    user: str
    bot: str
    team: str
    name: str = ""
    team_name: str = ""


class Known(Protocol):
    """What was found out about ids; each answers at once, with little where little is known."""

    def person(self, user: str) -> Person:
        """Somebody by the user's id, of whichever workspace."""
        ...

    def team(self, user: str) -> str:
        """The workspace somebody belongs to; empty if unknown."""
        ...

    def room(self, channel: str) -> str:
        """What people call a channel; empty if unknown."""
        ...

    def thread(self, message: str) -> str | None:
        """The thread that one of the bot's messages stands in."""
        ...

    def last_thread(self, channel: str, user: str) -> str | None:
        """The thread in which somebody wrote to the bot last."""
        ...


@dataclass(frozen=True, slots=True)
class Scene:
    """The workspace as the bot's `account` sees it.

    `shared`: what is read comes from a channel that another workspace shares (Slack Connect).
    """

    account: str
    me: Me
    known: Known
    shared: bool = False

    def person(self, user: str, team: str = "") -> Person:
        """Somebody; who is not known to be of the bot's own workspace is none of its people.

        `team` is what the payload says. Elsewhere than in a shared channel nobody else can be.
        """
        person = self.known.person(user)
        team = team or self.known.team(user) or ("" if self.shared else self.me.team)
        return person if team == self.me.team else replace(person, id=visitor(team, user))

    def author(self, message: Json) -> Person:
        """Who wrote a message. Of a file's message Slack leaves the team out."""
        team = text(message.get("user_team")) or text(message.get("team"))
        return self.person(text(message.get("user")), team)

    def address(self, channel: str, thread: str | None) -> Address:
        """A place to answer in."""
        return Address(PLATFORM, self.account, channel, thread, direct=is_direct(channel))

    def read(self, raw: str) -> str:
        """A text as its author saw it, without mentions of the bot."""
        return readable(raw, self.me.user, self._name())

    def _name(self) -> Callable[[str], str]:
        def name_of(id_: str) -> str:
            if id_[:1] in ("C", "G", "D"):
                return self.known.room(id_) or id_
            return self.known.person(id_).name

        return name_of
