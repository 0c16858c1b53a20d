"""`admin users | role | quota`: who may ask, and how much."""

from bot.access import GIVEN, Role, may_give
from bot.change import Change
from bot.commands.admin.base import (
    Subcommand,
    Usage,
    code,
    entry,
    nobody_known,
    noted,
    number,
    person_of,
)
from bot.commands.base import Invocation
from bot.people import Register
from storage.records import Quota

MOST_SHOWN = 50


async def users(call: Invocation, search: str) -> None:
    """List who was seen or has a role."""
    people = await Register(call.desk.roster, call.desk.members).people()
    wanted = [
        each for each in people if search.casefold() in f"{each.person} {each.name}".casefold()
    ]
    lines = [call.texts.users.format(count=len(wanted)), ""]
    for each in wanted[:MOST_SHOWN]:
        seen = f"{each.last_seen:%Y-%m-%d %H:%M} UTC" if each.last_seen else "–"
        lines.append(f"- {code(each.name or '–')} {code(each.person)}: {each.role}, {seen}")
    await call.reply("\n".join(lines), noted(call))


async def role(call: Invocation, rest: str) -> None:
    """Give somebody a role."""
    who, _, name = rest.rpartition(" ")
    if not who or name not in GIVEN:
        raise Usage
    person = await person_of(call, who.strip())
    if person is None:
        return await call.reply(nobody_known(call, who))
    return await give(call, person, GIVEN[name])


async def give(call: Invocation, person: str, new: Role) -> None:
    """Give a role, if the one who gives it may; what was denied is written down too."""
    roster = call.desk.roster
    before = roster.role_of(person)
    is_last = new < Role.OWNER and roster.is_last_owner(person)
    if not may_give(call.role, before, new) or is_last:
        denied = entry(call, person, outcome="denied", role=new.name.lower())
        text = call.texts.last_owner if is_last else call.texts.owners_only
        return await call.reply(text, Change((call.desk.audit.adding(denied),)))
    detail = {"role": new.name.lower(), "before": before.name.lower()}
    change = roster.set_role(person, new, entry(call, person, **detail))
    name = roster.role_with(person, new).name.lower()
    await call.reply(call.texts.role_given.format(person=code(person), role=name), change)
    return await call.desk.offer_menus()


async def quota(call: Invocation, rest: str) -> None:
    """Show what somebody took today, or give them bounds of their own."""
    words = rest.split()
    if not words:
        return await _show_spent(call)
    options = [word for word in words if "=" in word or word == "off"]
    who = " ".join(word for word in words if word not in options)
    person = await person_of(call, who)
    if person is None:
        return await call.reply(nobody_known(call, who))
    if not options:
        roster = call.desk.roster
        bounds = roster.quotas.bounds(person, roster.role_of(person))
        return await _show_quota(call, person, bounds, noted(call, person))
    own = None if options == ["off"] else _bounds(options)
    quotas = call.desk.roster.quotas
    change = quotas.set(person, own, entry(call, person, given=options))
    bounds = quotas.filled(own, call.desk.roster.role_of(person))
    return await _show_quota(call, person, bounds, change)


def _bounds(options: list[str]) -> Quota:
    given: dict[str, int] = {}
    for option in options:
        name, _, value = option.partition("=")
        if name not in ("messages", "seconds"):
            raise Usage
        given[name] = number(value, least=0)
    return Quota(**given)


async def _show_spent(call: Invocation) -> None:
    spent = call.desk.roster.quotas.today().items()
    ordered = sorted(spent, key=lambda item: -item[1].compute_ms)[:MOST_SHOWN]
    lines = [call.texts.spent_today.format(count=len(ordered)), ""]
    lines += [
        call.texts.spent.format(
            person=code(person), messages=each.messages, seconds=each.compute_ms // 1000
        )
        for person, each in ordered
    ]
    await call.reply("\n".join(lines), noted(call))


async def _show_quota(call: Invocation, person: str, bounds: Quota, change: Change) -> None:
    spent = call.desk.roster.quotas.spent(person)
    await call.reply(
        call.texts.quota.format(
            person=code(person),
            messages=spent.messages,
            seconds=spent.compute_ms // 1000,
            most_messages=bounds.messages or "∞",
            most_seconds=bounds.seconds or "∞",
        ),
        change,
    )


SUBCOMMANDS = (
    Subcommand("users", users),
    Subcommand("role", role),
    Subcommand("quota", quota),
)
"""`allow` and `deny` stand in `rooms`: they take either."""
