"""Logs: one record a line, no message text or secret at the default level.

JSON lines for machines, pretty on a terminal. A message carries `message` (its answer's key)
through every record of its way, bound with `structlog.contextvars`.
"""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_SECRET_KEYS = frozenset({"token", "secret", "authorization", "cookie", "api_key", "password"})
_TEXT_KEYS = frozenset({"text", "body", "answer_text", "prompt"})
_SECRET_TEXT = re.compile(r"(?i)(bearer\s+|token=)[^\s&\"']+")


def configure(level: str, style: str) -> None:
    """Send all logs, those of libraries too, to standard error."""
    stream: TextIO = sys.stderr
    pretty = style == "pretty" or (style == "auto" and stream.isatty())
    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if pretty else "iso", utc=not pretty),
        structlog.processors.format_exc_info,
        redact if number > logging.DEBUG else redact_secrets,
    ]
    last: Any = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if pretty
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(last, foreign_pre_chain=shared))
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)


def redact_secrets(_logger: Any, _method: str, record: MutableMapping[str, Any]) -> Any:
    """Blank values that are secrets by their name or their form."""
    for key, value in record.items():
        if key in _SECRET_KEYS:
            record[key] = "***"
        elif isinstance(value, str):
            record[key] = _SECRET_TEXT.sub(r"\1***", value)
    return record


def redact(logger: Any, method: str, record: MutableMapping[str, Any]) -> Any:
    """Blank secrets, and leave of message texts their length."""
    for key in _TEXT_KEYS & record.keys():
        record[key] = f"({len(str(record[key]))} characters)"
    return redact_secrets(logger, method, record)
