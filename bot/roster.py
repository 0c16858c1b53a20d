"""Who may ask, as it is now: in memory, and on disk before it counts.

Fifty people and a few dozen rooms fit into a few dictionaries, so that an event is judged without a
query. Only what changes is written, with its audit entry in the same commit.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from adapters.base import Address, MessageEvent
from bot import access
from bot.access import Role
from bot.change import NOTHING, Change
from bot.codec import person_key
from bot.codes import Codes, digest
from bot.quotas import Quotas
from bot.sections import Access
from storage.clock import Clock, utc_now
from storage.records import AuditEntry, Place, RoomState, Standing
from storage.roster import RosterStore, hinting
from storage.statement import Step

HINT_PAUSE = timedelta(days=1)


def place_of(address: Address) -> Place:
    """The room of an address."""
    return Place(address.platform, address.account, address.room)


@dataclass(slots=True)
class Roster:
    """Roles, rooms, hints and settings; codes and quotas beside them.

    `settings` are the configuration's. What changes something returns a `Change`, which counts once
    it was committed: with `make`, or along with a reply.
    """

    store: RosterStore
    settings: Access
    now: Clock = utc_now
    codes: Codes = field(init=False)
    quotas: Quotas = field(init=False)
    _roles: dict[str, str] = field(default_factory=dict[str, str])
    _rooms: dict[Place, RoomState] = field(default_factory=dict[Place, RoomState])
    _settings: dict[str, str] = field(default_factory=dict[str, str])
    _hints: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _threads: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.codes = Codes(self.store, self.now, timedelta(minutes=self.settings.code_minutes))
        self.quotas = Quotas(self.store, self.settings, self.now)

    async def load(self) -> None:
        """Read everything."""
        standing = await self.store.standing()
        today = self.now().date()
        days = (today, today + timedelta(days=1))
        spent = {day: await self.store.spent(day.isoformat()) for day in days}
        self.quotas.load(standing.quotas, spent)
        self._take(standing)

    def _take(self, standing: Standing) -> None:
        self._roles = dict(standing.roles)
        self._rooms = {room.place: room for room in standing.rooms}
        self._settings = dict(standing.settings)
        self._hints = dict(standing.hints)

    async def make(self, change: Change) -> None:
        """Commit a change that no reply takes along."""
        await self.store.commit(change.steps)
        change.apply()

    # people

    def role(self, event: MessageEvent) -> Role:
        """The role of an event's sender."""
        address, sender = event.address, event.sender.id
        return self._role(person_key(address, sender), address.platform, sender, self._roles)

    def role_of(self, person: str) -> Role:
        """The role of a person by their key."""
        platform, _, person_id = person.split(":", 2)
        return self._role(person, platform, person_id, self._roles)

    def role_with(self, person: str, role: Role) -> Role:
        """The role of a person once they are given this one: an owner by configuration stays it."""
        platform, _, person_id = person.split(":", 2)
        return self._role(person, platform, person_id, {person: role.name.lower()})

    def _role(self, person: str, platform: str, person_id: str, given: Mapping[str, str]) -> Role:
        return access.role_of(
            person,
            platform,
            person_id,
            given=given,
            owners=self.settings.owners,
            opened=self.settings.open,
        )

    def given(self) -> dict[str, str]:
        """Every role that was given, by person."""
        return dict(self._roles)

    def administrators(self, platform: str, account: str) -> frozenset[str]:
        """The ids of those who administer the bot on a platform."""
        prefix = f"{platform}:{account}:"
        found = {
            key.removeprefix(prefix)
            for key in self._roles
            if key.startswith(prefix) and self.role_of(key) >= Role.ADMIN
        }
        named = {
            owner.removeprefix(prefix).removeprefix(f"{platform}:")
            for owner in self.settings.owners
            if owner.startswith(f"{platform}:")
        }
        return frozenset(found | named)

    def is_last_owner(self, person: str) -> bool:
        """Whether nobody else owns the bot, by the configuration or a role that was given."""
        others = [key for key, role in self._roles.items() if role == "owner" and key != person]
        return self.role_of(person) is Role.OWNER and not (others or self.settings.owners)

    def set_role(self, person: str, role: Role | None, entry: AuditEntry) -> Change:
        """Give somebody a role, or take what they were given."""
        name = role.name.lower() if role is not None else None
        return Change(
            (self.store.giving(person, name, entry),), partial(_put, self._roles, person, name)
        )

    def forget(self, person: str) -> None:
        """What was erased on disk is gone from memory too."""
        if self._roles.get(person) != "blocked":
            self._roles.pop(person, None)
        self.quotas.forget(person)
        self._hints.pop(person, None)

    async def pair(self, person: str, code: str) -> tuple[Role, Change] | None:
        """The role of somebody who gives a code, and what makes it theirs; None: it is wrong.

        A code never takes anything away, and one that gives nothing stays good. To be called while
        `codes.turn` is held. Raises `TooManyCodes`.
        """
        name = await self.codes.read(person, code)
        if name is None:
            return None
        role, before = access.GIVEN[name], self.role_of(person)
        if role <= before:
            return before, Change()
        step = self.store.pairing_off(digest(code), person, name)
        return role, Change((step,), partial(_put, self._roles, person, name))

    # rooms

    def room(self, address: Address) -> RoomState:
        """What is known of a room."""
        place = place_of(address)
        return self._rooms.get(place, RoomState(place))

    def rooms(self) -> list[RoomState]:
        """All rooms, by platform and name."""
        return sorted(self._rooms.values(), key=lambda room: (room.place.platform, room.title))

    def is_allowed(self, address: Address) -> bool:
        """Whether the bot answers in a room."""
        platform = address.platform
        if platform in access.OPEN_PLATFORMS or platform in self.settings.open:
            return True
        return self.room(address).allowed

    def put_room(self, room: RoomState, *entries: AuditEntry) -> Change:
        """Keep what is known of a room now."""
        step = self.store.placing(room, entries)
        return Change((step,), partial(self._rooms.__setitem__, room.place, room))

    def meet_room(self, address: Address, title: str) -> Change:
        """Know a room from now on; nothing changes for one that is known."""
        place = place_of(address)
        return NOTHING if place in self._rooms else self.put_room(RoomState(place, title))

    def foresee(self, present: Place, former_room: str) -> None:
        """A room is about to move: what is said under its new id is allowed as under the old."""
        self._go_on(self._rooms.get(replace(present, room=former_room)), present)

    async def move_room(self, former: Place, present: Place, row: int, entry: AuditEntry) -> None:
        """A room goes on under another id."""
        await self.store.move_room(former, present, [row], entry)
        self._go_on(self._rooms.pop(former, None), present)

    def _go_on(self, former: RoomState | None, present: Place) -> None:
        """A move takes nothing from a room that was allowed before anybody moved there."""
        if former is not None:
            allowed = former.allowed or self._rooms.get(present, RoomState(present)).allowed
            self._rooms[present] = replace(former, place=present, allowed=allowed)

    async def knows_thread(self, session: str) -> bool:
        """Whether the bot is in a thread already."""
        if session not in self._threads and await self.store.has_turns(session):
            self._threads.add(session)
        return session in self._threads

    # hints

    def hint_due(self, about: str) -> bool:
        """Whether a person or a room may be told again that it is not let in.

        A clock that was set back makes nobody wait longer than a day.
        """
        last = self._hints.get(about)
        return last is None or abs(self.now() - last) >= HINT_PAUSE

    def hint(self, about: str) -> Step:
        """A person or a room is being told; the step belongs into the commit of the telling."""
        self._hints[about] = self.now()
        return hinting(about, self._hints[about])

    # what stands between a person and an answer

    def obstacle(self, person: str) -> str | None:
        """Why somebody is not answered now, by its name in `Texts`; administrators always are."""
        role = self.role_of(person)
        if role >= Role.ADMIN:
            return None
        if self.paused:
            return "resting"
        return "quota_spent" if self.quotas.are_spent(person, role) else None

    # settings

    @property
    def persona(self) -> str | None:
        """The system prompt that administrators set, if they did."""
        return self._settings.get("persona")

    @property
    def paused(self) -> bool:
        """Whether the bot rests."""
        return "paused" in self._settings

    def setting(self, key: str) -> str | None:
        """A setting, if it was set."""
        return self._settings.get(key)

    def settings_below(self, prefix: str) -> dict[str, str]:
        """What was set under keys that begin so, by the rest of the key."""
        return {
            key.removeprefix(prefix): value
            for key, value in self._settings.items()
            if key.startswith(prefix)
        }

    def set(self, key: str, value: str | None, entry: AuditEntry) -> Change:
        """Change a setting, or take it back."""
        step = self.store.setting_to(key, value, entry)
        return Change((step,), partial(_put, self._settings, key, value))


def _put(values: dict[str, str], key: str, value: str | None) -> None:
    if value is None:
        values.pop(key, None)
    else:
        values[key] = value
