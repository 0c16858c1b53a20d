"""A change to what the bot keeps both on disk and in memory: on disk first, then in memory."""

from collections.abc import Callable
from dataclasses import dataclass

from storage.statement import Step


def _nothing() -> None:
    pass


@dataclass(frozen=True, slots=True)
class Change:
    """`steps` belong into one commit, whosever it is; `apply` then brings memory up to date."""

    steps: tuple[Step, ...] = ()
    apply: Callable[[], object] = _nothing


NOTHING = Change()
