"""Who may ask, as it is now: in memory, and on disk before it counts.

Fifty people and a few dozen rooms fit into a few dictionaries, so that an event is judged without a
query. Only what changes is written, with its audit entry in the same commit.
"""

import hashlib
import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta

from adapters.base import Address, MessageEvent
from bot import access
from bot.access import Role
from bot.codec import person_key
from bot.config import Access
from engine.base import Usage
from storage.records import AuditEntry, Place, Quota, RoomState, Spent, Standing
from storage.roster import RosterStore, hinting, spending_of
from storage.statement import Step

ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Letters and digits that nobody mistakes for others; eight of them are 39.6 bits, ten 49.5."""
CODE_CHARS = 10
WRONG_CODES = 5
"""Wrong codes that a person may try in an hour."""
HINT_PAUSE = timedelta(days=1)

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def place_of(address: Address) -> Place:
    """The room of an address."""
    return Place(address.platform, address.account, address.room)


def spent_on(usage: Usage | None) -> Spent:
    """What an answer takes of a day."""
    seconds = usage.prefill_s + usage.decode_s if usage else 0.0
    return Spent(1, round(seconds * 1000))


@dataclass(slots=True)
class Roster:
    """Roles, rooms, quotas and settings. `settings` are the configuration's."""

    store: RosterStore
    settings: Access
    now: Now = utc_now
    _roles: dict[str, str] = field(default_factory=dict[str, str])
    _rooms: dict[Place, RoomState] = field(default_factory=dict[Place, RoomState])
    _quotas: dict[str, Quota] = field(default_factory=dict[str, Quota])
    _settings: dict[str, str] = field(default_factory=dict[str, str])
    _hints: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _day: date = date.min
    _spent: dict[str, Spent] = field(default_factory=dict[str, Spent])
    _wrong: dict[str, list[datetime]] = field(default_factory=dict[str, list[datetime]])
    _threads: set[str] = field(default_factory=set[str])

    async def load(self) -> None:
        """Read everything."""
        self._take(await self.store.standing())
        self._day = self.now().date()
        self._spent = await self.store.spent(self._day.isoformat())
        tomorrow = self._day + timedelta(days=1)
        if ahead := await self.store.spent(tomorrow.isoformat()):  # the clock was set back
            self._day, self._spent = tomorrow, ahead

    def _take(self, standing: Standing) -> None:
        self._roles = dict(standing.roles)
        self._rooms = {room.place: room for room in standing.rooms}
        self._quotas = dict(standing.quotas)
        self._settings = dict(standing.settings)
        self._hints = dict(standing.hints)

    # people

    def role(self, event: MessageEvent) -> Role:
        """The role of an event's sender."""
        address, sender = event.address, event.sender.id
        return self.role_of(person_key(address, sender), address.platform, sender)

    def role_of(self, person: str, platform: str = "", person_id: str = "") -> Role:
        """The role of a person by their key."""
        if not platform:
            platform, _, person_id = person.split(":", 2)
        return access.role_of(
            person,
            platform,
            person_id,
            given=self._roles,
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

    async def set_role(self, person: str, role: Role | None, entry: AuditEntry) -> None:
        """Give somebody a role, or take what they were given."""
        name = role.name.lower() if role is not None else None
        await self.store.set_role(person, name, entry)
        if name:
            self._roles[person] = name
        else:
            self._roles.pop(person, None)

    def forget(self, person: str) -> None:
        """What was erased on disk is gone from memory too."""
        if self._roles.get(person) != "blocked":
            self._roles.pop(person, None)
        self._quotas.pop(person, None)
        self._spent.pop(person, None)
        self._hints.pop(person, None)

    async def new_code(self, role: Role, actor: str) -> str:
        """A code for one person to pair with; only its digest is kept."""
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
        expires_at = self.now() + timedelta(minutes=self.settings.code_minutes)
        name = role.name.lower()
        entry = AuditEntry(actor, "user code", "", json.dumps({"role": name}))
        await self.store.add_code(_digest(code), name, expires_at, entry)
        return f"{code[:5]}-{code[5:]}"

    async def pair(self, person: str, code: str) -> Role | None:
        """The role of somebody after they gave a code; None: it is wrong. Raises `TooManyCodes`.

        A code never takes anything away, and one that gives nothing stays good.
        """
        now = self.now()
        recent = [at for at in self._wrong.get(person, []) if now - at < timedelta(hours=1)]
        if len(recent) >= WRONG_CODES:
            raise TooManyCodes
        before = self.role_of(person)
        has = [name for name, role in access.GIVEN.items() if role <= before]
        name = await self.store.use_code(_digest(code), person, has)
        if name is None:
            self._wrong[person] = [*recent, now]
            return None
        self._wrong.pop(person, None)
        if name not in has:
            self._roles[person] = name
        return self.role_of(person)

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

    async def put_room(self, room: RoomState, *entries: AuditEntry) -> None:
        """Keep what is known of a room now."""
        await self.store.put_room(room, entries)
        self._rooms[room.place] = room

    async def meet_room(self, address: Address, title: str) -> None:
        """Know a room from now on; nothing changes for one that is known."""
        if place_of(address) not in self._rooms:
            await self.put_room(RoomState(place_of(address), title))

    def foresee(self, present: Place, former_room: str) -> None:
        """A room is about to move: what is said under its new id is allowed as under the old."""
        state = self._rooms.get(replace(present, room=former_room))
        if state is not None:
            self._rooms[present] = replace(state, place=present)

    async def move_room(self, former: Place, present: Place, row: int, entry: AuditEntry) -> None:
        """A room goes on under another id."""
        await self.store.move_room(former, present, [row], entry)
        state = self._rooms.pop(former, None)
        if state is not None:
            self._rooms[present] = replace(state, place=present)

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

    # quotas

    def bounds(self, person: str, role: Role) -> Quota:
        """What somebody may take of a day; 0 for no bound."""
        own = self._quotas.get(person, Quota())
        settings = self.settings
        messages = (
            settings.guest_messages_per_day if role is Role.GUEST else settings.messages_per_day
        )
        return Quota(
            messages if own.messages is None else own.messages,
            settings.compute_s_per_day if own.seconds is None else own.seconds,
        )

    def obstacle(self, person: str) -> str | None:
        """Why somebody is not answered now, by its name in `Texts`; administrators always are."""
        role = self.role_of(person)
        if role >= Role.ADMIN:
            return None
        if self.paused:
            return "resting"
        self._turn_day()
        spent, bounds = self.spent(person), self.bounds(person, role)
        is_spent = (bounds.messages and spent.messages >= bounds.messages) or (
            bounds.seconds and spent.compute_ms >= bounds.seconds * 1000
        )
        return "quota_spent" if is_spent else None

    def hours_left(self) -> int:
        """Hours until the next day opens all quotas."""
        self._turn_day()
        tomorrow = datetime.combine(self._day + timedelta(days=1), datetime.min.time(), UTC)
        return max(1, round((tomorrow - self.now()).total_seconds() / 3600))

    def charge(self, person: str, taken: Spent) -> Step:
        """What counts an answer, in the commit of its turn; once that is done, say `charged`."""
        self._turn_day()
        return spending_of(person, self._day.isoformat(), taken)

    def charged(self, person: str, taken: Spent) -> None:
        """An answer was counted."""
        before = self.spent(person)
        messages = before.messages + taken.messages
        self._spent[person] = Spent(messages, before.compute_ms + taken.compute_ms)

    def spent(self, person: str) -> Spent:
        """What somebody took of this day."""
        return self._spent.get(person, Spent())

    def today(self) -> dict[str, Spent]:
        """What everybody took of this day."""
        self._turn_day()
        return dict(self._spent)

    async def set_quota(self, person: str, bounds: Quota | None, entry: AuditEntry) -> None:
        """Give somebody bounds of their own, or take them."""
        await self.store.set_quota(person, bounds, entry)
        if bounds is None:
            self._quotas.pop(person, None)
        else:
            self._quotas[person] = bounds

    def _turn_day(self) -> None:
        """A new day opens all quotas; a clock that is set back reopens none.

        Set back by days, it was wrong before: what was taken counts for the present day.
        """
        day = self.now().date()
        if day > self._day:
            self._day, self._spent = day, {}
        elif self._day - day > timedelta(days=1):
            self._day = day

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

    async def set(self, key: str, value: str | None, entry: AuditEntry) -> None:
        """Change a setting, or take it back."""
        await self.store.set_setting(key, value, entry)
        if value is None:
            self._settings.pop(key, None)
        else:
            self._settings[key] = value


class TooManyCodes(Exception):
    """Somebody tried too many wrong codes."""


def _digest(code: str) -> str:
    plain = code.upper().replace("-", "").replace(" ", "")
    return hashlib.sha256(plain.encode()).hexdigest()
