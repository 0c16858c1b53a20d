"""Settings: `parley.toml`, then environment variables, then secret files, checked as one whole.

A key that is not known, or a value that can't be right, ends in a `ConfigError` which names the
key, the fault and the remedy.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bot.platform_sections import Matrix, Slack, Telegram
from bot.sections import Access, Api, Bot, Engine, Section, Storage, Web

CONFIG_NAME = "parley.toml"
ENV_PREFIX = "PARLEY_"
CONFIG_VARIABLE = "PARLEY_CONFIG"
PLATFORMS = ("telegram", "slack", "matrix", "web", "console", "api")
"""Whose people and rooms `access` may name."""


class ConfigError(Exception):
    """The configuration can't be used; the text says which key, why, and what would be right."""


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
        settings = Settings(**values)
    except ValidationError as error:
        raise ConfigError(_explain(error, named or Path(CONFIG_NAME), environment)) from error
    except SettingsError as error:
        raise ConfigError(_explain_json(error, environment)) from error
    _assert_platforms(settings.access, named or Path(CONFIG_NAME), environment)
    return settings


def _assert_platforms(access: Access, path: Path, environment: Mapping[str, str]) -> None:
    """Whoever misspells a platform would let nobody in, and not learn why."""
    for platform in access.open:
        if platform not in PLATFORMS:
            source = _source(("access", "open"), path, environment)
            meant = _nearest(platform, list(PLATFORMS))
            raise ConfigError(f"{source}: access.open: there is no platform “{platform}”.{meant}")
    for owner in access.owners:
        platform, _, person = owner.partition(":")
        if platform not in PLATFORMS or not person:
            source = _source(("access", "owners"), path, environment)
            raise ConfigError(
                f"{source}: access.owners: “{owner}” is no person. Write platform:id, as "
                f"“telegram:123456789”; the platforms are: {', '.join(PLATFORMS)}."
            )


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
        table[key] = _secret(file)


def _secret(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"secrets_dir: {file} can't be read: {error.strerror}. Let this user read it."
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"secrets_dir: {file} holds no text. Write the secret alone.") from error


def _reject_unknown_variables(environment: Mapping[str, str]) -> None:
    for name in environment:
        if not name.startswith(ENV_PREFIX) or name == CONFIG_VARIABLE:
            continue
        section = name.removeprefix(ENV_PREFIX).partition("__")[0].lower()
        if section not in Settings.model_fields:
            raise ConfigError(f"{name}: there is no section “{section}”.{_section_meant(section)}")


def _section_meant(name: str) -> str:
    """What was meant by an unknown one; a single underscore makes a key a part of the section."""
    for section in Settings.model_fields:
        if name.startswith(f"{section}_"):
            meant = f"{section}__{name.removeprefix(f'{section}_')}".upper()
            return f" Did you mean {ENV_PREFIX}{meant}, with two underscores?"
    return _nearest(name, list(Settings.model_fields))


def _explain(error: ValidationError, path: Path, environment: Mapping[str, str]) -> str:
    lines: list[str] = []
    for detail in error.errors():
        location, kind = detail["loc"], detail["type"]
        key, source = ".".join(map(str, location)), _source(location, path, environment)
        if kind == "extra_forbidden":
            meant = _nearest(str(location[-1]), _keys_beside(location))
            lines.append(f"{source}: there is no key “{key}”.{meant}")
        else:
            shown = "(a secret)" if _SECRETS.search(key) else repr(detail["input"])
            asked = _ASKED.get(kind) or detail["msg"].removeprefix("Value error, ")
            lines.append(f"{source}: {key} = {shown}: {asked}.")
    return "\n".join(lines)


def _explain_json(error: SettingsError, environment: Mapping[str, str]) -> str:
    """A list or a table in a variable is JSON; the text that is not tells which variable it is."""
    text = getattr(error.__cause__, "doc", None)
    names = [name for name, value in environment.items() if value == text]
    names = [name for name in names if name.startswith(ENV_PREFIX)]
    shown = "" if _SECRETS.search(" ".join(names).lower()) else f" = {text!r}"
    return f'{", ".join(names)}{shown}: write it as JSON, a list as ["a", "b"].'


def _source(location: tuple[int | str, ...], path: Path, environment: Mapping[str, str]) -> str:
    """The variable that gave a value, or else the file."""
    for end in range(len(location), 0, -1):
        name = ENV_PREFIX + "__".join(map(str, location[:end])).upper()
        if name in environment:
            return name
    return str(path)


_ASKED = {
    "int_parsing": "write a whole number",
    "int_type": "write a whole number",
    "float_parsing": "write a number",
    "float_type": "write a number",
    "bool_parsing": "write true or false",
    "bool_type": "write true or false",
    "string_type": "write a text, in quotation marks",
    "path_type": "write a path, in quotation marks",
    "list_type": 'write a list, as ["a", "b"]',
}
"""What a person is asked for, where pydantic tells programmers."""

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
