"""What can be set, section by section: each key with its default, bounds and description.

Where the values come from, and what is told of a wrong one, is the business of `config`; the tables
in `docs/configuration.md` are made from here. The platforms' sections are `platform_sections`'s.
"""

from datetime import time
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr


def is_loopback(host: str) -> bool:
    """Whether a host is this machine itself."""
    return host in ("localhost", "::1") or host.startswith("127.")


class Section(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Bot(Section):
    """How the assistant behaves."""

    name: str = Field(
        default="Parley", min_length=1, max_length=40, description="What people call it."
    )
    language: Literal["en", "zh"] = Field(
        default="en", description="For people whose platform names no language."
    )
    persona: str = Field(
        default="You are {name}, the assistant of a team. Answer briefly and truthfully, in the "
        "language you are asked in. Say so when you do not know.",
        description="The system prompt; `{name}` is the bot's name.",
    )
    window_turns: int = Field(default=10, ge=0, le=200, description="Turns the model sees.")
    by_thread: bool = Field(
        default=True, description="Whether a thread is a conversation of its own."
    )
    max_message_chars: int = Field(
        default=16_000, ge=100, description="Longer messages are refused."
    )
    max_waiting: int = Field(
        default=50, ge=1, description="Messages that may wait in one conversation."
    )
    cache_hours: float = Field(
        default=24,
        gt=0,
        le=24 * 365,
        description="How long an answer is given again in a room that keeps answers.",
    )
    cache_entries: int = Field(
        default=1_000, ge=1, le=100_000, description="Answers kept in all rooms; the oldest go."
    )
    patience_s: float = Field(
        default=600,
        gt=0,
        description="How long a message waits for a busy engine before it is refused.",
    )
    drain_s: float = Field(default=15, ge=0, description="How long answers may finish at shutdown.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="At `debug`, message texts are logged too."
    )
    log_format: Literal["auto", "json", "pretty"] = Field(
        default="auto", description="`auto`: pretty on a terminal, JSON lines elsewhere."
    )


class Storage(Section):
    """Where conversations live."""

    path: Path = Field(default=Path("parley-data/parley.db"), description="The SQLite file.")
    mode: Literal["auto", "local", "local-first", "direct"] = Field(
        default="auto",
        description="`local`: on this machine; `local-first`: on a NAS, written here first; "
        "`direct`: on a NAS, written there at once; `auto`: `local-first` where it was so before, "
        "else `local`.",
    )
    local_dir: Path = Field(
        default=Path("parley-data"),
        description="A directory on this machine's disk, for what stands here for a file on a NAS.",
    )
    standby: bool = Field(
        default=False,
        description="Whether a second bot shares the database and takes over when the first is "
        "gone; both say so. The database is then written `direct`.",
    )
    lease_s: float = Field(
        default=30,
        ge=3,
        le=3600,
        description="With a standby: the seconds without a sign after which a bot counts as gone.",
    )
    label: str = Field(
        default="", max_length=80, description="This bot's name to a standby; else the machine's."
    )
    accept_risk: str = Field(
        default="",
        description="The words with which an unsafe file system was refused: it is used then.",
    )
    key: SecretStr = Field(
        default=SecretStr(""),
        description="What conversations are encrypted with: 64 hexadecimal digits, as `openssl rand"
        " -hex 32` prints them. After a change of the key the former one on the next line.",
    )
    key_file: Path | None = Field(
        default=None,
        description="Instead of `key`: a file with it; `parley db rekey --generate` makes one.",
    )
    key_command: tuple[str, ...] = Field(
        default=(),
        description="Instead of `key`: a program that prints it, and its arguments.",
    )
    key_days: int = Field(
        default=90, ge=0, description="After so many days a new key is recommended; 0: never."
    )
    encryption: Literal["auto", "off"] = Field(
        default="auto",
        description="`auto`: encrypted if there is a key, and a reminder if not; `off`: stored"
        " readable, without a reminder.",
    )
    backup_dir: Path | None = Field(
        default=None,
        description="Where a backup is kept every day, best on another disk; none: no backups.",
    )
    backup_at: time = Field(
        default=time(3, 30), description="When, by this machine's clock, as `03:30`."
    )
    retention_days: int = Field(
        default=0,
        ge=0,
        le=36_500,
        description="How long conversations are kept, unless “admin retention” says otherwise; "
        "0: for ever.",
    )
    audit_days: int = Field(
        default=180, ge=180, description="How long the audit stays in the database at least."
    )
    audit_key: Path | None = Field(
        default=None,
        description="The file with the key of the audit's chain; made beside the database if none.",
    )
    anchor: Path | None = Field(
        default=None,
        description="Where the audit's head is copied to; best a file on another disk.",
    )
    anchor_s: float = Field(
        default=5, gt=0, le=3600, description="How long the copy may lag behind, in seconds."
    )


class Engine(Section):
    """What answers."""

    kind: Literal["llama", "remote", "scripted"] = Field(
        default="llama", description="`llama`: in this box; `remote`: an OpenAI-compatible server."
    )
    model: str = Field(
        default="demo",
        description="A name from `parley models list`, a GGUF file, or a remote name.",
    )
    models_dir: Path = Field(
        default=Path("parley-data/models"), description="Where models are kept."
    )
    context_tokens: int = Field(default=4096, ge=256, description="Context of one conversation.")
    sequences: int = Field(default=8, ge=1, le=64, description="Conversations computed at once.")
    max_waiting: int = Field(
        default=256,
        ge=1,
        description="Requests that may wait for the engine; one person's fill three quarters.",
    )
    threads: int = Field(default=0, ge=0, description="0: one a core.")
    lookup: bool = Field(
        default=True,
        description="Whether to try what stands in the context as what comes next, while it pays.",
    )
    draft_model: str = Field(
        default="",
        description="A smaller model of the same family that drafts answers, while it pays; "
        "a name from `parley models list`.",
    )
    calibrate: bool = Field(
        default=True,
        description="Whether to measure once, for some seconds, how this machine computes best.",
    )
    exact: bool = Field(
        default=True,
        description="Whether an answer must be the same however its prompt was computed; `false`: "
        "ways that round otherwise are tried too, quicker for long prompts.",
    )
    token_interval_s: float = Field(
        default=0.15,
        gt=0,
        description="Seconds between two words of an answer that a short prompt beside it may "
        "take; a long one takes as long as a word does.",
    )
    cache_type: Literal["auto", "f16", "q8_0"] = Field(
        default="auto",
        description="How the cache stores a number; `q8_0` takes about half; `auto`: `f16`, or "
        "`q8_0` where that was measured to be faster.",
    )
    park_bytes: int = Field(
        default=256 << 20,
        ge=0,
        description="Memory for conversations that wait without a sequence; 0: none is kept.",
    )
    spill_dir: Path | None = Field(
        default=None,
        description="A directory on a disk of this machine, nobody else's, for conversations that "
        "`park_bytes` has no room for; what is written there is encrypted and gone after the run.",
    )
    spill_bytes: int = Field(
        default=4 << 30, gt=0, description="Room in `spill_dir` for each model in memory."
    )
    embedding_model: str = Field(
        default="",
        description="For `/v1/embeddings`, a name from `parley models list`; empty: there is none.",
    )
    memory_bytes: int = Field(
        default=0, ge=0, description="For all models together; 0: what is available."
    )
    idle_s: float = Field(
        default=600,
        gt=0,
        description="How long a model beside the one that answers stays in memory unused.",
    )
    base_url: str = Field(default="", description="Of a remote server, up to and with `/v1`.")
    api_key: SecretStr = Field(default=SecretStr(""), description="For a remote server.")
    scripted_delay_s: float = Field(
        default=0, ge=0, description="Of `scripted`: seconds before each token."
    )
    deadline_s: float = Field(default=600, gt=0, description="The longest an answer may take.")
    temperature: float = Field(
        default=0.7,
        ge=0,
        le=5,
        description="How freely words are drawn; 0 always takes the likeliest.",
    )
    top_p: float = Field(
        default=0.95,
        gt=0,
        le=1,
        description="Draw from the likeliest words that make up this share.",
    )
    top_k: int = Field(default=40, ge=0, description="Draw from so many words at most; 0: all.")
    min_p: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="Drop words less likely than this share of the likeliest.",
    )
    repeat_penalty: float = Field(default=1.05, gt=0, le=2, description="Above 1: repeat less.")
    max_tokens: int = Field(default=512, ge=1, description="The longest answer.")

    @property
    def elsewhere(self) -> str:
        """The host whose model answers, if that is not this machine; else empty."""
        host = urlsplit(self.base_url).hostname or ""
        return "" if self.kind != "remote" or is_loopback(host) else host


class Web(Section):
    """The page, and the port that it shares with the HTTP API."""

    enabled: bool = Field(default=True, description="Whether to listen at all.")
    host: str = Field(default="127.0.0.1", description="The address to listen on.")
    port: int = Field(default=8420, ge=0, le=65535, description="0: any free one.")
    allowed_hosts: tuple[str, ...] = Field(
        default=(), description="Names, besides loopback's, under which the page may be asked for."
    )

    @property
    def is_for_this_machine(self) -> bool:
        """Whether nobody else is meant to reach the port, by a proxy either."""
        return is_loopback(self.host) and not self.allowed_hosts


class Api(Section):
    """The HTTP API."""

    tokens: dict[str, SecretStr] = Field(
        default_factory=dict[str, SecretStr],
        description="Bearer tokens by the name they are counted under. "
        "Without any, the API is open on loopback and shut elsewhere.",
    )


class Access(Section):
    """Who may do what."""

    owners: tuple[str, ...] = Field(
        default=(), description="`platform:id` of those who own the bot."
    )
    open: tuple[str, ...] = Field(
        default=(),
        description="Platforms where everybody is a member and every room is allowed; "
        "the page, the terminal and the API always are, for they have keys of their own.",
    )
    code_minutes: int = Field(
        default=30, ge=1, le=1440, description="How long a pairing code is good for."
    )
    messages_per_day: int = Field(
        default=0, ge=0, description="Of one person; 0: as many as they like."
    )
    compute_s_per_day: int = Field(
        default=0, ge=0, description="Seconds of the engine's time for one person; 0: no bound."
    )
    guest_messages_per_day: int = Field(default=20, ge=0, description="Of one guest; 0: no bound.")
