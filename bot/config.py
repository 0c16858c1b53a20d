"""Settings: `parley.toml`, then environment variables, then secret files, checked as one whole.

A key that is not known, or a value that can't be right, ends in a `ConfigError` which names the
key, the fault and the remedy.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

CONFIG_NAME = "parley.toml"
ENV_PREFIX = "PARLEY_"
CONFIG_VARIABLE = "PARLEY_CONFIG"


class ConfigError(Exception):
    """The configuration can't be used; the text says which key, why, and what would be right."""


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
        default=256, ge=1, description="Requests that may wait for the engine."
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
        is_loopback = self.host in ("localhost", "::1") or self.host.startswith("127.")
        return is_loopback and not self.allowed_hosts


class Telegram(Section):
    """The bot on Telegram; on when there is a token."""

    token: SecretStr = Field(default=SecretStr(""), description="From @BotFather.")
    base_url: str = Field(
        default="https://api.telegram.org", description="The Bot API server, or one of your own."
    )
    webhook_url: str = Field(
        default="",
        description="Where Telegram reaches this port by HTTPS; empty: long polling.",
    )
    webhook_secret: SecretStr = Field(
        default=SecretStr(""),
        description="What Telegram shows with every call: 1 to 256 of `A-Z a-z 0-9 _ -`.",
    )


class Slack(Section):
    """The bot in a Slack workspace; on when there is a bot token."""

    bot_token: SecretStr = Field(default=SecretStr(""), description="`xoxb-…`.")
    app_token: SecretStr = Field(
        default=SecretStr(""), description="`xapp-…`: with it, Socket Mode, which needs no address."
    )
    signing_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Without an app token: of the requests that Slack makes to this port.",
    )
    base_url: str = Field(default="https://slack.com/api/", description="The Web API.")
    workspace: str = Field(
        default="main",
        pattern=r"^[\w.-]+$",
        description="A name for the workspace; it is a part of its people's keys.",
    )


class Matrix(Section):
    """The bot on Matrix; on when there is a homeserver."""

    homeserver: str = Field(default="", description="Its address, as `https://matrix.example.org`.")
    user: str = Field(default="", pattern=r"^(@[^:]+:.+)?$", description="`@parley:example.org`.")
    password: SecretStr = Field(default=SecretStr(""), description="The account's password.")
    recovery_key: SecretStr = Field(
        default=SecretStr(""),
        description="Keeps the bot's identity when its keys are lost; the first start prints it.",
    )
    store_dir: Path = Field(
        default=Path("parley-data/matrix"),
        description="Where the bot's encryption keys are kept, on a local disk.",
    )
    messages_per_minute: int = Field(
        default=12,
        ge=1,
        description="What the homeserver lets the bot send; 12 is Synapse's own `rc_message`.",
    )
    device_name: str = Field(default="Parley", description="What people see as its session's name.")


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


class Settings(BaseSettings):
    """Everything that can be set."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    bot: Bot = Field(default_factory=lambda: Bot())
    storage: Storage = Field(default_factory=lambda: Storage())
    engine: Engine = Field(default_factory=lambda: Engine())
    telegram: Telegram = Field(default_factory=lambda: Telegram())
    slack: Slack = Field(default_factory=lambda: Slack())
    matrix: Matrix = Field(default_factory=lambda: Matrix())
    web: Web = Field(default_factory=lambda: Web())
    api: Api = Field(default_factory=lambda: Api())
    access: Access = Field(default_factory=lambda: Access())
    secrets_dir: Annotated[
        Path | None, Field(description="A directory with one file per secret, `engine__api_key`.")
    ] = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment over the file; what the file says arrives through `init_settings`."""
        return (env_settings, init_settings)

    @property
    def persona(self) -> str:
        """The system prompt with the bot's name in it."""
        return self.bot.persona.replace("{name}", self.bot.name)


def load(path: Path | None = None) -> Settings:
    """The settings from `path`, else `PARLEY_CONFIG`, else `parley.toml` here, else defaults."""
    environment = os.environ
    named = path or (Path(environment[CONFIG_VARIABLE]) if CONFIG_VARIABLE in environment else None)
    values = _read_toml(named)
    _reject_unknown_variables(environment)
    _add_secret_files(values, environment)
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(_explain(error, named or Path(CONFIG_NAME))) from error


def _read_toml(named: Path | None) -> dict[str, Any]:
    path = named or Path(CONFIG_NAME)
    if named is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}. Name another file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not valid TOML: {error}. Correct that place.") from error


def _add_secret_files(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    directory = environment.get(f"{ENV_PREFIX}SECRETS_DIR") or values.get("secrets_dir")
    if not directory:
        return
    root = Path(str(directory))
    if not root.is_dir():
        raise ConfigError(f"secrets_dir: {root} is no directory. Make it, or take the key away.")
    for file in sorted(entry for entry in root.iterdir() if entry.is_file()):
        table = values
        *tables, key = file.name.lower().split("__")
        for name in tables:
            table = table.setdefault(name, {})
        table[key] = file.read_text("utf-8").strip()


def _reject_unknown_variables(environment: Mapping[str, str]) -> None:
    for name in environment:
        if not name.startswith(ENV_PREFIX) or name == CONFIG_VARIABLE:
            continue
        section = name.removeprefix(ENV_PREFIX).partition("__")[0].lower()
        if section not in Settings.model_fields:
            hint = _nearest(section, list(Settings.model_fields))
            raise ConfigError(f"{name}: there is no section “{section}”.{hint}")


def _explain(error: ValidationError, path: Path) -> str:
    lines = [_explain_one(detail["loc"], detail["msg"], detail["type"], detail["input"], path)
             for detail in error.errors()]  # fmt: skip
    return "\n".join(lines)


def _explain_one(
    location: tuple[int | str, ...], message: str, kind: str, value: object, path: Path
) -> str:
    key = ".".join(map(str, location))
    if kind != "extra_forbidden":
        shown = "(a secret)" if _SECRETS.search(key) else repr(value)
        return f"{path}: {key} = {shown}: {message}."
    known = _keys_beside(location)
    return f"{path}: there is no key “{key}”.{_nearest(str(location[-1]), known)}"


_SECRETS = re.compile("key|token|secret|password")


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    if len(location) == 1:
        return list(Settings.model_fields)
    return list(_SECTIONS[str(location[0])].model_fields)


_SECTIONS: dict[str, type[Section]] = {
    "bot": Bot,
    "storage": Storage,
    "engine": Engine,
    "telegram": Telegram,
    "slack": Slack,
    "matrix": Matrix,
    "web": Web,
    "api": Api,
    "access": Access,
}


def _nearest(word: str, known: list[str]) -> str:
    match = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.5)
    return f" Did you mean “{match[0]}”?" if match else f" Known are: {', '.join(sorted(known))}."
