"""Writes the pages about settings, metrics and administrators' commands from the program itself.

`make docs` runs it; a test compares what it returns with the committed files.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import time
from pathlib import Path
from types import NoneType
from typing import Any, Literal, cast, get_args, get_origin

import annotated_types
from prometheus_client import Counter
from prometheus_client.metrics import MetricWrapperBase
from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from bot.config import CONFIG_NAME, CONFIG_VARIABLE, ENV_PREFIX, Settings
from bot.health import Metrics
from bot.texts import LANGUAGES

HERE = Path(__file__).parent
ESCAPED_PIPE = r"\|"
"""GitHub Flavored Markdown, 4.10: the one form that holds within code too."""
NOTICE = "<!-- Written by docs/generate.py from {source}; `make docs` writes it again. -->"

CONFIGURATION = f"""\
# Configuration

{NOTICE.format(source="bot/sections.py")}

Parley runs without any configuration. What is to be different stands in `{CONFIG_NAME}` in the
directory that it is started from, or in the file that `--config` or `{CONFIG_VARIABLE}` names;
[`parley.example.toml`](../parley.example.toml) is one to copy from.

A value is taken from the first place that has it:

1. the environment: `{ENV_PREFIX}<SECTION>__<KEY>`, as in `{ENV_PREFIX}WEB__PORT=9000`; lists and
   tables are written as JSON, as in `{ENV_PREFIX}WEB__ALLOWED_HOSTS='["parley.lan"]'`;
2. secret files: where `secrets_dir` names a directory, each file in it is one value, and its name
   says which: `engine__api_key`, `api__tokens__backup`;
3. the TOML file;
4. the default.

A key that is not known, or a value that cannot be right, ends the start with a sentence that names
the key and what would be right (exit code 2).
"""

METRICS = f"""\
# Metrics

{NOTICE.format(source="bot/health.py")}

`GET /metrics` (also `GET /api/v1/metrics`) answers in Prometheus' text format, on the port of the
page. A histogram `x` is read as `x_bucket`, `x_sum` and `x_count`. No label holds a person, a room
or a text.
"""

ADMINISTRATION = f"""\
# Administrators' commands

{NOTICE.format(source="bot/texts/en.py")}

Whoever has the role `admin` or `owner` gives them in a chat: `/admin NAME …` on the page, in the
terminal and on Telegram, `/parley admin NAME …` in Slack, `!parley admin NAME …` on Matrix. What is
in brackets may be left out. Each use is in the audit ([operations.md](operations.md#the-audit)).
Replies in a room are read by everybody there, but for Slack's; a direct message to the bot, or
`parley chat` on its machine, keeps them apart.

In `parley chat`, whoever runs it as the bot's user is an owner. Others get a role by a pairing code
or `admin role` ([platforms.md](platforms.md#who-is-answered)), or on the machine, people of the
page too, by `parley user grant NAME admin`; `parley user list` names everybody. Only an owner makes
or unmakes administrators and owners.
"""


def administration() -> str:
    """The page about administrators' commands: one table."""
    commands = LANGUAGES["en"].admin_commands.items()
    rows = [
        (f"`{f'admin {name} {arguments}'.strip()}`", purpose)
        for name, (arguments, purpose) in commands
    ]
    return "".join([ADMINISTRATION, "\n", *_rows(("Command", "What it does"), rows)])


def configuration() -> str:
    """The page about settings: one table a section."""
    parts = [CONFIGURATION]
    alone: dict[str, FieldInfo] = {}
    for name, field in Settings.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, BaseModel):
            parts += [f"\n## `[{name}]`\n", f"\n{section.__doc__}\n\n"]
            parts += _table(_keys(f"{name}__", section.model_fields))
        else:
            alone[name] = field
    parts += ["\n## Outside of any section\n\n", *_table(_keys("", alone))]
    return "".join(parts)


def metrics() -> str:
    """The page about metrics: one table."""
    parts = vars(Metrics()).values()
    rows = [_metric_row(part) for part in parts if isinstance(part, MetricWrapperBase)]
    head = ("Name", "Type", "Labels", "Meaning")
    return "".join([METRICS, "\n", *_rows(head, rows)])


def pages() -> Mapping[Path, str]:
    """Each generated file and what it must hold."""
    return {
        HERE / "administration.md": administration(),
        HERE / "configuration.md": configuration(),
        HERE / "metrics.md": metrics(),
    }


def _table(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    return _rows(("Key", "Value", "Default", "Meaning", "Environment"), rows)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    for row in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cell.replace('|', ESCAPED_PIPE) for cell in row)} |\n"


def _keys(prefix: str, fields: Mapping[str, FieldInfo]) -> Iterator[Sequence[str]]:
    for key, field in fields.items():
        yield (
            f"`{key}`",
            _allowed(field),
            _default(field),
            field.description or "",
            f"`{ENV_PREFIX}{(prefix + key).upper()}`",
        )


def _allowed(field: FieldInfo) -> str:
    """What may stand there, in words."""
    annotation: Any = field.annotation
    if NoneType in get_args(annotation):
        annotation = next(part for part in get_args(annotation) if part is not NoneType)
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{value}`" for value in get_args(annotation))
    names: Mapping[Any, str] = {
        bool: "`true` or `false`",
        int: "a whole number",
        float: "a number",
        str: "a text",
        Path: "a path",
        time: "a time of day",
        SecretStr: "a secret",
        tuple: "a list of texts",
        dict: "a table of secrets",
    }
    return names[get_origin(annotation) or annotation] + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    words: list[str] = []
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge(ge=low):
                words.append(f"at least {low}")
            case annotated_types.Gt(gt=low):
                words.append(f"above {low}")
            case annotated_types.Le(le=high):
                words.append(f"at most {high}")
            case annotated_types.MinLen(min_length=1):
                words.append("not empty")
            case annotated_types.MaxLen(max_length=high):
                words.append(f"at most {high} characters")
            case _:
                pass
    return "".join(f", {word}" for word in words)


def _default(field: FieldInfo) -> str:
    value: Any = field.get_default(call_default_factory=True)
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, time):
        return f"`{value:%H:%M}`"
    if value is None or value in ("", (), {}):
        return "none"
    return f"`{value}`"


def _metric_row(metric: MetricWrapperBase) -> Sequence[str]:
    described = next(iter(metric.describe()))
    suffix = "_total" if isinstance(metric, Counter) else ""
    labels = ", ".join(f"`{label}`" for label in _labels(metric))
    return (f"`{described.name}{suffix}`", described.type, labels, described.documentation)


def _labels(metric: MetricWrapperBase) -> tuple[str, ...]:
    return cast("tuple[str, ...]", vars(metric)["_labelnames"])  # the library has no public name


def main() -> None:
    """Write the files."""
    for path, text in pages().items():
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
