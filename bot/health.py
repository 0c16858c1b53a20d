"""What an operator sees: metrics, and whether each part of the bot is up.

Every metric starts with `parley_` and is documented in `docs/metrics.md`, which is generated from
this file.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, get_args

from prometheus_client import CollectorRegistry, Counter, Enum, Gauge, Histogram

from engine.base import EngineStatus
from storage.condition import Condition, State
from storage.lease import Lease

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
COMMIT_SECONDS = (0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)
ROWS = (1, 2, 5, 10, 20, 50, 100, 256)


class Metrics:
    """The bot's metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.events = Counter(
            "parley_events",
            "Events received, by what became of them.",
            ["platform", "kind", "outcome"],
            registry=registry,
        )
        self.answers = Counter(
            "parley_answers",
            "Answers, by how they ended.",
            ["platform", "outcome"],
            registry=registry,
        )
        self.answer_seconds = Histogram(
            "parley_answer_seconds",
            "From a message's arrival to its answer's commit.",
            ["platform"],
            buckets=SECONDS,
            registry=registry,
        )
        self.first_word_seconds = Histogram(
            "parley_first_word_seconds",
            "From a message's arrival to its answer's first word.",
            ["platform"],
            buckets=SECONDS,
            registry=registry,
        )
        self.queue_seconds = Histogram(
            "parley_queue_seconds",
            "How long answers waited for the engine.",
            buckets=SECONDS,
            registry=registry,
        )
        self.tokens = Counter(
            "parley_tokens",
            "Tokens of prompts (reused, prefilled) and of answers (generated; drafted, taken).",
            ["source"],
            registry=registry,
        )
        self.slides = Counter(
            "parley_window_slides",
            "Answers after the window slid, by how their prefix came to be there.",
            ["how"],
            registry=registry,
        )
        self.cache_lookups = Counter(
            "parley_cache_lookups",
            "First questions in rooms that keep answers, by whether the answer was known.",
            ["outcome"],
            registry=registry,
        )
        self.standard_answers = Counter(
            "parley_standard_answers",
            "Answers that administrators wrote, by name.",
            ["name"],
            registry=registry,
        )
        self.sessions = Gauge("parley_sessions", "Sessions held in memory.", registry=registry)
        self.waiting = Gauge(
            "parley_waiting_messages", "Messages waiting in sessions.", registry=registry
        )
        self.delivered = Counter(
            "parley_delivered",
            "Messages brought to their platform.",
            ["platform"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "parley_dead_letters", "Messages given up.", ["platform"], registry=registry
        )
        self.platform_up = Gauge(
            "parley_platform_up",
            "Whether a chat platform is connected.",
            ["platform", "account"],
            registry=registry,
        )
        self.platform_last_event = Gauge(
            "parley_platform_last_event_timestamp_seconds",
            "When the last event came from a chat platform, 0 before the first.",
            ["platform", "account"],
            registry=registry,
        )
        self.commit_seconds = Histogram(
            "parley_commit_seconds",
            "Duration of a commit.",
            buckets=COMMIT_SECONDS,
            registry=registry,
        )
        self.commit_writes = Histogram(
            "parley_commit_writes", "Writes in one commit.", buckets=ROWS, registry=registry
        )
        self.engine_restarts = Gauge(
            "parley_engine_restarts",
            "Times the engine's process was started again.",
            registry=registry,
        )
        self.parked_bytes = Gauge(
            "parley_parked_bytes",
            "What conversations take that wait without a sequence, in memory and in files.",
            ["place"],
            registry=registry,
        )
        self.parked_files = Gauge(
            "parley_parked_files", "Conversations that wait in files.", registry=registry
        )
        self.parked_returns = Gauge(
            "parley_parked_returns",
            "Conversations that went on where they had been (restored), came back from a file for "
            "it (fetched), or had a file that was refused (lost), in this process of the engine's.",
            ["outcome"],
            registry=registry,
        )
        self.storage_state = Enum(
            "parley_storage_state",
            "A file here, copied to the NAS, NAS away, or a person needed.",
            states=get_args(State),
            registry=registry,
        )
        self.storage_waiting_rows = Gauge(
            "parley_storage_waiting_rows",
            "Changed rows that are on this machine only.",
            registry=registry,
        )
        self.lease_held = Gauge(
            "parley_lease_held",
            "Whether this bot may answer: it has the lease, or shares the database with nobody.",
            registry=registry,
        )
        self.lease_epoch = Gauge(
            "parley_lease_epoch",
            "How often the lease changed hands, 0 where nobody shares the database.",
            registry=registry,
        )
        self.lease_silent_seconds = Gauge(
            "parley_lease_silent_seconds",
            "How long a standby has seen no sign of the bot that has the lease, else 0.",
            registry=registry,
        )
        self.storage_waiting_seconds = Gauge(
            "parley_storage_waiting_seconds",
            "How long the oldest of them has waited for the NAS.",
            registry=registry,
        )
        self.backup_age = Gauge(
            "parley_backup_age_seconds",
            "Age of the last good backup, +Inf before the first; 0 without a backup directory.",
            registry=registry,
        )
        self.backup_failures = Counter(
            "parley_backup_failures",
            "Attempts to take, rotate or clean backups that failed.",
            registry=registry,
        )

        self.storage_key_age = Gauge(
            "parley_storage_key_age_seconds",
            "How long the key of the stored conversations is in force; 0: they are readable.",
            registry=registry,
        )

    def computed(self, status: EngineStatus) -> None:
        """Note how the engine is."""
        kept = status.kept
        self.engine_restarts.set(status.restarts)
        self.parked_bytes.labels("memory").set(kept.memory_bytes)
        self.parked_bytes.labels("file").set(kept.file_bytes)
        self.parked_files.set(kept.files)
        self.parked_returns.labels("restored").set(kept.restored)
        self.parked_returns.labels("fetched").set(kept.fetched)
        self.parked_returns.labels("lost").set(kept.lost)

    def stored(self, condition: Condition) -> None:
        """Note how storage is."""
        self.storage_state.state(condition.state)
        self.storage_waiting_rows.set(condition.waiting)
        self.storage_waiting_seconds.set(condition.waiting_s)

    def leased(self, lease: Lease | None) -> None:
        """Show how the lease is from now on."""
        if lease is None:
            self.lease_held.set(1)
            return
        self.lease_held.set_function(lambda: float(lease.is_held))
        self.lease_epoch.set_function(lambda: lease.newest)
        self.lease_silent_seconds.set_function(lambda: 0.0 if lease.is_held else lease.silent_s)

    def committed(self, writes: int, seconds: float) -> None:
        """Note a commit of storage's."""
        self.commit_seconds.observe(seconds)
        self.commit_writes.observe(writes)


@dataclass(frozen=True, slots=True)
class PartState:
    """One part of the bot: whether it works, and in a word or two why not.

    The bot is ready without a part that is not essential.
    """

    ready: bool
    detail: str
    essential: bool = True


def storage_part(condition: Condition, accepted_risk: str = "", reminder: str = "") -> PartState:
    """A storage that takes writes, in words; with a risk that was taken, and what is to be done."""
    detail = "takes writes"
    if condition.state in ("degraded", "refused"):
        detail = (
            f"{condition.state}: {condition.waiting} changed rows wait on this machine for"
            f" {condition.waiting_s:.0f} s; {condition.reason}"
        )
    if accepted_risk:
        detail += f"; at an accepted risk: {accepted_risk}"
    if reminder:
        detail += f"; {reminder}"
    return PartState(ready=condition.is_sound, detail=detail)


Role = Literal["primary", "standby"]


@dataclass(frozen=True, slots=True)
class Readiness:
    """All parts, by name; a standby is never ready, for another bot answers."""

    parts: dict[str, PartState]
    role: Role = "primary"

    @property
    def ready(self) -> bool:
        """Whether every essential part is."""
        return all(part.ready for part in self.parts.values() if part.essential)


ReadinessCheck = Callable[[], Awaitable[Readiness]]
