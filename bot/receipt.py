"""A receipt of an erasure in words, and for programs; it names nobody."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from bot.texts import Texts
from storage.former import Former, former_of
from storage.records import Held, Receipt


def told(receipt: Receipt, texts: Texts) -> str:
    """A receipt in words."""
    counts, held = receipt.counts, receipt.held
    lines = [
        texts.forgotten.format(
            turns=counts["turns"],
            messages=max(counts["messages"], counts["posts"]),
            answers=counts["answers"],
            feedback=counts["feedback"],
            receipt=receipt.id,
        )
    ]
    backups, former = parted(held)
    if backups:
        until = f"{held.until:%Y-%m-%d %H:%M} UTC" if held.until else "–"
        names = ", ".join(f"`{name}`" for name in backups)
        text = texts.forgotten_later
        lines.append(text.format(count=len(backups), names=names, until=until))
    if former:
        names = ", ".join(f"`{each.path.name}`, {each.due:%Y-%m-%d} UTC" for each in former)
        lines.append(texts.forgotten_former.format(names=names))
    return "\n\n".join(lines)


def written(receipt: Receipt) -> dict[str, object]:
    """A receipt ready for JSON, without whom it is about; times in ISO 8601."""
    held, closed = receipt.held, receipt.closed_at
    backups, former = parted(held)
    return {
        "receipt": receipt.id,
        "at": receipt.at.isoformat(),
        "counts": dict(receipt.counts),
        "backups": backups,
        "former": dues(former),
        "until": held.until.isoformat() if held.until else None,
        "closed_at": closed.isoformat() if closed else None,
    }


def dues(former: Iterable[Former]) -> dict[str, str]:
    """Former files ready for JSON: by path, when each is deleted, in ISO 8601."""
    return {str(each.path): each.due.isoformat() for each in former}


def parted(held: Held) -> tuple[list[str], list[Former]]:
    """The backups, and the former files."""
    former = [each for name in held.backups if (each := former_of(Path(name)))]
    paths = {str(each.path) for each in former}
    return [name for name in held.backups if name not in paths], former


def due_of(held: Held) -> datetime | None:
    """When nothing will hold it any more; None: not known, or nothing does."""
    _, former = parted(held)
    return max(
        [*([held.until] if held.until else []), *(each.due for each in former)], default=None
    )
