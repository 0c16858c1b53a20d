"""PURE. Slack's JSON, narrowed: what is missing or of another type reads as empty."""

from typing import Any, cast

Json = dict[str, Any]


def table(value: object) -> Json:
    """An object, or an empty one."""
    return cast("Json", value) if isinstance(value, dict) else {}


def text(value: object) -> str:
    """A string, or an empty one."""
    return value if isinstance(value, str) else ""


def tables(value: object) -> list[Json]:
    """The objects in a list."""
    items = cast("list[object]", value) if isinstance(value, list) else []
    return [found for item in items if (found := table(item))]
