"""What the audit tells on the command line, ready for JSON."""

import json
from dataclasses import asdict
from typing import Any

from storage.audit import Audit
from storage.records import AuditEntry


async def verified(audit: Audit) -> dict[str, Any]:
    """What verifying found."""
    found = await audit.verify()
    return asdict(found) | {"faults": list(found.faults)}


async def shown(audit: Audit, limit: int) -> list[dict[str, Any]]:
    """The last entries, the newest first."""
    return [_record(each) for each in await audit.latest(limit)]


async def page(audit: Audit, after: int) -> list[dict[str, Any]]:
    """The next entries after an id, the oldest first; empty at the end."""
    return [_record(each) for each in await audit.after(after)]


def _record(entry: AuditEntry) -> dict[str, Any]:
    return asdict(entry) | {
        "at": entry.at.isoformat() if entry.at else "",
        "detail": json.loads(entry.detail),
        "origin": json.loads(entry.origin),
    }
