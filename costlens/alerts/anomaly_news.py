"""What is to be told of anomalies: each once, in one thread, which follows what becomes of it; what has one cause, together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from costlens.alerts.anomaly_message import STATES, headline, lead, message, money, revised, signed
from costlens.alerts.desk import About, Desk
from costlens.alerts.message import Message, Plot, one_line
from costlens.anomaly.so_far import so_far
from costlens.anomaly.store import Anomaly, anomalies, history
from costlens.ledger.database import Database
from costlens.ledger.outbox import News, Subject, subjects

PREFIX = "anomaly:"
#: What was over longer ago than this when it was first seen is not told; the digest and the dashboard show it.
FRESH = timedelta(days=3)
LOOK_BACK = timedelta(days=70)
#: A change of money by less than this is shown in the first message and makes no reply.
WORTH_A_REPLY = Decimal("0.25")
#: While its day is not over, money grows by the hour.
WORTH_A_REPLY_TODAY = Decimal(1)
#: So many at once, for one team, are told in one message even where they seem to have nothing in common.
MANY = 8
_COMMON = ("pool size", "price", "idle", "overhead", "units per byte")

Draw = Callable[[Anomaly], "Plot | None"]


@dataclass(frozen=True)
class _Known:
    thread: str
    told: dict[str, Any]


def anomaly_news(desk: Desk, database: Database, at: datetime, draw: Draw) -> News:
    """Return what is new of the anomalies in a database; put into the outbox it is told, and will not be news again."""
    known = {name: _Known(one.thread, json.loads(one.told)) for name, one in subjects(database, PREFIX).items()}
    found = anomalies(database, since=(at - LOOK_BACK).date())
    news = News()
    new: list[Anomaly] = []
    members: dict[str, list[Anomaly]] = {}
    touched: set[str] = set()
    for anomaly in found:
        before = known.get(PREFIX + anomaly.id)
        if before is not None and before.told["status"] != "muted":
            members.setdefault(before.thread, []).append(anomaly)
        if before is None or before.told["status"] == "muted":
            if _is_told(desk, anomaly, at, before, news):
                new.append(anomaly)
        elif not _word(anomaly).items() <= before.told.items():
            _changed(desk, database, anomaly, before, at, draw, news)
            touched.add(before.thread)
    for thread in sorted(touched):
        if not thread.startswith(PREFIX):
            _renew(desk, thread, members[thread], known, at, news)
    for thread, group in _groups(new, members.keys()):
        _opened(desk, thread, group, thread in members, at, draw, news)
    return news


def _is_told(desk: Desk, anomaly: Anomaly, at: datetime, before: _Known | None, news: News) -> bool:
    """Tell whether a new anomaly is worth a message; what is not is noted as known."""
    about = About(anomaly.kind, anomaly.key, anomaly.team, anomaly.source, anomaly.form, anomaly.per_month)
    is_old = anomaly.status == "resolved" and at.date() - anomaly.last_day > FRESH
    is_muted = desk.is_muted(about, at.date())
    if not is_muted and not is_old:
        return True
    told = {**_word(anomaly), "status": "muted"} if is_muted else _word(anomaly)
    if before is None or before.told != told:
        news.subjects.append(Subject(PREFIX + anomaly.id, PREFIX + anomaly.id, json.dumps(told)))
    return False


def _word(anomaly: Anomaly) -> dict[str, Any]:
    """Return what there is to tell of an anomaly, to be compared with what it is later."""
    told = {"status": anomaly.status, "revision": anomaly.revision, "money": str(anomaly.money), "form": anomaly.form}
    return {**told, "last_day": str(anomaly.last_day)}


def _groups(new: Sequence[Anomaly], threads: Collection[str]) -> list[tuple[str, list[Anomaly]]]:
    """Return threads with the new anomalies of each: those of one cause together."""
    by_cause: dict[str, list[Anomaly]] = {}
    for anomaly in new:
        by_cause.setdefault(_cause(anomaly) or PREFIX + anomaly.id, []).append(anomaly)
    groups: dict[str, list[Anomaly]] = {}
    for cause, ones in by_cause.items():
        is_one = len(ones) == 1 and cause not in threads
        groups[PREFIX + ones[0].id if is_one else cause] = ones
    by_team: dict[str | None, list[str]] = {}
    for thread, ones in groups.items():
        if len(ones) == 1:
            by_team.setdefault(ones[0].team, []).append(thread)
    for team, lonely in by_team.items():
        if len(lonely) > MANY:
            together = [groups.pop(thread)[0] for thread in lonely]
            groups[_name("many", str(team), *sorted(one.id for one in together))] = together
    return list(groups.items())


def _cause(anomaly: Anomaly) -> str | None:
    """Name what many assets can have in common: a pool that was resized or ran idle, a price that changed."""
    told = anomaly.explanation or {}
    drivers = told.get("drivers") or ()
    change = sum((Decimal(driver["amount"]) for driver in drivers), Decimal(0))
    if (
        not drivers
        or drivers[0]["driver"] not in _COMMON
        or abs(Decimal(drivers[0]["amount"])) < abs(change) * Decimal("0.6")
    ):
        return None
    pools = (told.get("pools") or {}).get("parts") or ()
    where = "" if drivers[0]["driver"] == "price" or not pools else str(pools[0]["name"])
    return _name("cause", anomaly.source, anomaly.currency, str(anomaly.first_day), str(drivers[0]["driver"]), where)


def _name(kind: str, *parts: str) -> str:
    return f"{kind}:{hashlib.sha256(chr(31).join(parts).encode()).hexdigest()[:16]}"


def _opened(
    desk: Desk, thread: str, group: Sequence[Anomaly], is_known: bool, at: datetime, draw: Draw, news: News
) -> None:
    owners = {anomaly.team for anomaly in group}
    team = group[0].team if len(owners) == 1 else None
    is_single = len(group) == 1 and not is_known
    told = message(desk, group[0], draw(group[0])) if is_single else together(desk, thread, group, is_more=is_known)
    event = "opened" if not is_known else f"joined:{','.join(sorted(one.id for one in group))}"
    news.alerts.extend(desk.alerts(thread, event, told, team, at))
    for one in group:
        word = {**_word(one), "said": str(one.money), "team": team}
        news.subjects.append(Subject(PREFIX + one.id, thread, json.dumps(word)))


def _what(anomaly: Anomaly) -> str:
    """Name the cause of an anomaly, short."""
    told: dict[str, Any] = anomaly.explanation or {}
    drivers: list[Any] = told.get("drivers") or []
    pools: list[Any] = (told.get("pools") or {}).get("parts") or []
    if not drivers:
        return ""
    where = f" of {one_line(str(pools[0]['name']), 40)}" if pools and drivers[0]["driver"] != "price" else ""
    return f": {drivers[0]['driver']}{where}"


def _renew(
    desk: Desk, thread: str, group: Sequence[Anomaly], known: dict[str, _Known], at: datetime, news: News
) -> None:
    """Bring the first message of a group up to date."""
    team = known[PREFIX + group[0].id].told.get("team")
    mark = _name("root", *sorted(f"{one.id}{one.status}{one.revision}{one.changed_at}" for one in group))
    news.alerts.extend(desk.alerts(thread, mark, together(desk, thread, group), team, at, "update"))


def together(desk: Desk, thread: str, group: Sequence[Anomaly], *, is_more: bool = False) -> Message:
    """Return one message for anomalies of one cause, dearest first."""
    ordered = sorted(group, key=lambda one: -abs(one.per_month))
    total = sum((one.per_month for one in ordered), Decimal(0))
    currency = ordered[0].currency
    what = _what(ordered[0]) if thread.startswith("cause:") else ""
    is_cause = bool(what)
    count = f"{len(ordered)} more" if is_more else str(len(ordered))
    title = (
        f"{count} {'anomaly' if len(ordered) == 1 else 'anomalies'} with one cause{what}"
        if is_cause
        else f"{count} anomalies at once"
    )
    rows = tuple(
        (one_line(one.key or one.kind, 34), signed(one.money, ""), signed(one.per_month, ""), one.status)
        for one in ordered[:15]
    )
    more = (f"and {len(ordered) - 15} more",) if len(ordered) > 15 else ()
    return Message(
        title=title,
        summary=f"{title}: {signed(total, currency)} a month if it stays; dearest {headline(ordered[0])}",
        severity=desk.severity(total),
        lead=f"{signed(total, currency)} a month if it stays · since {min(one.first_day for one in ordered):%a %-d %b}",
        table=(("what", f"{currency} so far", "a month", "status"), *rows),
        notes=(f"dearest: {headline(ordered[0])} · {lead(ordered[0])}", *more),
        link=desk.link("anomalies"),
        subject=thread if any(one.status != "resolved" for one in ordered) else None,
    )


def _changed(
    desk: Desk, database: Database, anomaly: Anomaly, before: _Known, at: datetime, draw: Draw, news: News
) -> None:
    """Tell what became of an anomaly: as a reply where that is worth one, and in the first message.

    All of a thread goes where its first message went, whoever owns the anomaly meanwhile.
    """
    events = list(history(database, anomaly.id))
    action = events[-1].action if events else ""
    who = events[-1].who if action in ("acknowledge", "snooze", "reopen") else None
    mark = f"{anomaly.id}:{anomaly.status}:{anomaly.revision}:{int(anomaly.changed_at.timestamp())}"
    team = before.told.get("team")
    reply = _reply(desk, anomaly, before.told, who, action)
    if reply is not None:
        news.alerts.extend(desk.alerts(before.thread, f"reply:{mark}", reply, team, at))
    if before.thread == PREFIX + anomaly.id:
        root = message(desk, anomaly, draw(anomaly), who=who, has_stayed=action == "stayed")
        news.alerts.extend(desk.alerts(before.thread, f"root:{mark}", root, team, at, "update"))
    said = before.told.get("said") if reply is None else str(anomaly.money)
    word = {**_word(anomaly), "said": said, "team": team}
    news.subjects.append(Subject(PREFIX + anomaly.id, before.thread, json.dumps(word)))


def _reply(desk: Desk, anomaly: Anomaly, told: dict[str, Any], who: str | None, action: str) -> Message | None:
    """Return what is said of a change, None where it is too small to be said."""
    name = one_line(anomaly.key or anomaly.kind, 60)
    by = f" by {who}" if who else ""
    if anomaly.status != told["status"]:
        if anomaly.status == "resolved":
            return _ended(anomaly, name, action)
        if anomaly.status == "snoozed" and anomaly.snoozed_until is not None:
            title = f"{name}: snoozed{by} until {anomaly.snoozed_until:%a %-d %b %H:%M} UTC"
        elif anomaly.status == "open":
            title = f"{name}: open again{', the snooze is over' if action == 'woken' else by}"
        else:
            title = f"{name}: {STATES.get(anomaly.status, anomaly.status).lower()}{by}"
        return Message(title, title, "info")
    if anomaly.form == told.get("form") and not _is_much(Decimal(str(told.get("said") or told["money"])), anomaly):
        return None
    said, severity = revised(told, anomaly), desk.severity(anomaly.per_month)
    return Message(f"{name}: {money(anomaly.actual, anomaly.currency)} so far", f"{name}: {said}", severity, said)


def _ended(anomaly: Anomaly, name: str, action: str) -> Message:
    """Say how an anomaly ended: taken away by late data, come back, or not come back until it was usual."""
    if action == "withdrawn":
        title = f"{name}: late data took it away"
        return Message(title, title, "info")
    if action == "evened":
        title = f"{name}: the day as a whole stayed within what is expected"
        return Message(
            title, title, "info", "It cost more by the hour that this was told than it usually does, and less after it."
        )
    if action == "stayed":
        title = f"{name}: it did not come back, and is what is expected from now on"
        stays = f"{signed(anomaly.per_month, anomaly.currency)} a month against what it cost before"
        return Message(title, title, "info", f"{stays}. Nobody hears of this level again; of a change of it they do.")
    title = f"{name}: back to what is expected"
    return Message(title, title, "info", f"It cost {signed(anomaly.money, anomaly.currency)} in all.")


def _is_much(before: Decimal, anomaly: Anomaly) -> bool:
    least = WORTH_A_REPLY_TODAY if so_far(anomaly.explanation) else WORTH_A_REPLY
    return abs(anomaly.money - before) >= least * max(abs(before), Decimal("0.01"))
