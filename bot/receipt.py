"""A receipt of an erasure in words, and for programs; it names nobody."""

from bot.texts import Texts
from storage.records import Receipt


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
    if held.backups:
        until = f"{held.until:%Y-%m-%d %H:%M} UTC" if held.until else "–"
        names = ", ".join(f"`{name}`" for name in held.backups)
        text = texts.forgotten_later
        lines.append(text.format(count=len(held.backups), names=names, until=until))
    return "\n\n".join(lines)


def written(receipt: Receipt) -> dict[str, object]:
    """A receipt ready for JSON, without whom it is about; times in ISO 8601."""
    held, closed = receipt.held, receipt.closed_at
    return {
        "receipt": receipt.id,
        "at": receipt.at.isoformat(),
        "counts": dict(receipt.counts),
        "backups": list(held.backups),
        "until": held.until.isoformat() if held.until else None,
        "closed_at": closed.isoformat() if closed else None,
    }
