"""An anomaly in words: what costs more, since when, how much, which query, which run, which commit, whose it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from costlens.alerts.desk import Desk
from costlens.alerts.message import Fact, Message, Plot, one_line
from costlens.anomaly.so_far import so_far
from costlens.anomaly.store import Anomaly

#: What a driver is in a sentence, by the words of `costlens.anomaly.decompose`.
WORDS = {
    "runs": "runs more often",
    "seconds per run": "each run takes longer",
    "bytes per run": "each run reads more",
    "pool size": "costs more per second of running (pool size, or fewer queries sharing the pool)",
    "units per byte": "is billed more per byte",
    "price": "the price of a unit rose",
    "idle": "the pool ran without work",
    "overhead": "cloud services and the like",
    "usage": "storage, serverless and other metered lines",
    "adjustment": "the bill says differently",
    "new work": "work that was not there before",
    "gone work": "work that is gone",
}
_LESS = {
    "runs": "runs less often",
    "seconds per run": "each run takes less time",
    "bytes per run": "each run reads less",
    "pool size": "costs less per second of running",
    "price": "the price of a unit fell",
}
STATES = {"acknowledged": "Acknowledged", "snoozed": "Snoozed", "resolved": "Over"}
TEXT_LENGTH, SAY = 180, Decimal("0.05")


def message(
    desk: Desk, anomaly: Anomaly, plot: Plot | None = None, *, who: str | None = None, has_stayed: bool = False
) -> Message:
    """Return the first message of an anomaly as it now stands; `who` did what its status says; what stayed is not over."""
    told = anomaly.explanation or {}
    state = "Usual by now" if has_stayed else STATES.get(anomaly.status)
    title = headline(anomaly)
    return Message(
        title=f"{state}: {title}" if state else title,
        summary=f"{title}: {lead(anomaly)}",
        severity="info" if anomaly.status == "resolved" else desk.severity(anomaly.per_month),
        lead=lead(anomaly),
        facts=(*_facts(anomaly, told), *((Fact(state, f"by {who}"),) if state and who else ())),
        why=tuple(_why(anomaly, told)),
        notes=_notes(anomaly, told),
        link=page(desk, anomaly),
        link_text=f"Open {anomaly.kind}"[:75],
        subject=f"anomaly:{anomaly.id}" if anomaly.status != "resolved" else None,
        plot=plot,
    )


def headline(anomaly: Anomaly) -> str:
    """Return what happened, short: `marts/orders costs 2.4× what it did since 10 Nov`."""
    name = {"unattributed": "What nobody owns", "source": f"Source {anomaly.key}"}.get(
        anomaly.kind, one_line(anomaly.key, 60)
    )
    kind = f" ({anomaly.kind})" if anomaly.kind in ("team", "pool", "user", "shape") else ""
    when = _days(anomaly.first_day, anomaly.last_day)
    today = so_far(anomaly.explanation)
    if today and today.usual_until:
        by = f"by {today.until:%H:%M} UTC on {anomaly.last_day:%a %-d %b}"
        if anomaly.expected <= 0 or anomaly.actual >= 20 * anomaly.expected:
            return (
                f"{name}{kind} cost {money(anomaly.actual, anomaly.currency)} {by}, where next to nothing was expected"
            )
        return (
            f"{name}{kind} cost {anomaly.actual / anomaly.expected:.1f}× {by} what it usually does {today.usual_hour}"
        )
    if anomaly.form == "new":
        return f"{name}{kind} is new and cost {money(anomaly.actual, anomaly.currency)} {when}"
    if anomaly.expected <= 0 or anomaly.actual >= 20 * anomaly.expected:
        return f"{name}{kind} cost {money(anomaly.actual, anomaly.currency)} {when}, where next to nothing was expected"
    if anomaly.actual <= anomaly.expected / 20:
        return f"{name}{kind} costs next to nothing {when}"
    times = anomaly.actual / anomaly.expected
    if times >= Decimal("1.95"):
        return f"{name}{kind} costs {times:.1f}× as much {when}"
    return f"{name}{kind} costs {abs(times - 1):.0%} {'more' if times > 1 else 'less'} {when}"


def lead(anomaly: Anomaly) -> str:
    """Return the money in one line."""
    today = so_far(anomaly.explanation)
    if today and today.usual_until:
        so_much, currency = signed(anomaly.money, anomaly.currency), anomaly.currency
        band = f"{short(anomaly.low)} to {short(anomaly.high)} {today.usual_hour}"
        stays = f"{signed(anomaly.per_month, currency)} a month if every day is so"
        return f"{so_much} so far · {stays} · {short(anomaly.actual)} {currency} by now, expected {band}"
    length = (anomaly.last_day - anomaly.first_day).days + 1
    per_day = f"{short(anomaly.actual / length)} {anomaly.currency}"
    band = f"{short(anomaly.low / length)} to {short(anomaly.high / length)}"
    days = "1 day" if length == 1 else f"{length} days"
    stays = (
        f" · {signed(anomaly.per_month, anomaly.currency)} a month if it stays" if anomaly.status != "resolved" else ""
    )
    return f"{signed(anomaly.money, anomaly.currency)} in {days}{stays} · {per_day} a day, expected {band}"


def short(amount: Decimal) -> str:
    """Return an amount without cents where those say nothing."""
    return f"{amount:,.0f}" if abs(amount) >= 100 else f"{amount:,.2f}"


def revised(old: Mapping[str, Any], anomaly: Anomaly) -> str:
    """Say how an anomaly changed since it was told last."""
    before = Decimal(str(old.get("money", "0")))
    if old.get("form") != anomaly.form:
        return f"It is now a {anomaly.form}: {lead(anomaly)}"
    if str(anomaly.last_day) != old.get("last_day") and abs(anomaly.money) > abs(before):
        return f"It goes on: {lead(anomaly)}"
    return f"Late data changed it from {signed(before, anomaly.currency)}: {lead(anomaly)}"


def page(desk: Desk, anomaly: Anomaly) -> str | None:
    """Return where to look."""
    return desk.link("anomalies", id=anomaly.id)


def money(amount: Decimal, currency: str) -> str:
    """Return an amount with cents and its currency."""
    return f"{amount:,.2f} {currency}"


def signed(amount: Decimal, currency: str) -> str:
    """Return an amount with its sign."""
    return f"{amount:+,.2f} {currency}"


def _days(first: date, last: date) -> str:
    if first == last:
        return f"on {first:%a %-d %b}"
    return f"since {first:%a %-d %b}"


def _why(anomaly: Anomaly, told: Mapping[str, Any]) -> list[Fact]:
    """Return model, commit, query and drivers, in this order: what a team lead must see first stands first."""
    part = _first(told.get("assets"), anomaly)
    found: list[Fact] = []
    if part is not None and not str(part["name"]).startswith("("):
        found.append(Fact("Model", f"{part['name']}  {_signed(part, anomaly)}", is_code=True))
    found += _origin(told.get("origin") or {})
    inner = _largest((part or {}).get("parts") or (), anomaly)
    if inner is not None and (inner.get("text") or inner.get("queries")):
        found.append(Fact("Query", one_line(inner.get("text") or str(inner["name"]), TEXT_LENGTH), is_code=True))
        queries = inner.get("queries") or ()
        if queries:
            found.append(
                Fact(
                    "Dearest run",
                    f"{queries[0]['query_id']} by {queries[0]['user']} took {_time(queries[0]['seconds'])} on {queries[0]['pool']}",
                    is_code=True,
                )
            )
    drivers = _drivers(anomaly, told.get("drivers") or ())
    return [*found, *([Fact("Because", drivers)] if drivers else [])]


def _time(seconds: float) -> str:
    if seconds >= 5400:
        return f"{seconds / 3600:,.1f} h"
    return f"{seconds / 60:.0f} min" if seconds >= 120 else f"{seconds:.0f} s"


def _origin(origin: Mapping[str, Any]) -> list[Fact]:
    found = []
    code, run = origin.get("code") or {}, origin.get("run") or {}
    if code.get("code_version"):
        before = f"{str(code['code_version_before'])[:10]} → " if code.get("code_version_before") else ""
        place = f"  {code['code_ref']}" if code.get("code_ref") else ""
        found.append(
            Fact(
                "Commit",
                f"{before}{str(code['code_version'])[:10]}{place}  since {code.get('first_day', '?')}",
                is_code=True,
            )
        )
    elif code.get("code_ref"):
        found.append(Fact("Code", str(code["code_ref"]), is_code=True))
    if run:
        started = str(run.get("started_at", ""))[:16].replace("T", " ")
        found.append(
            Fact("Run", f"{run.get('orchestrator', '')} {run.get('run_id', '')}  {started}".strip(), is_code=True)
        )
    return found


def _drivers(anomaly: Anomaly, drivers: Sequence[Mapping[str, Any]]) -> str:
    """Return the drivers that matter, in words, with their money a day."""
    change = sum((Decimal(driver["amount"]) for driver in drivers), Decimal(0))
    if not change:
        return ""
    said = []
    for driver in drivers[:3]:
        amount = Decimal(driver["amount"])
        if abs(amount) < SAY * abs(change):
            continue
        words = (_LESS if amount < 0 else WORDS).get(driver["driver"]) or WORDS.get(driver["driver"], driver["driver"])
        said.append(f"{words} ({signed(amount, anomaly.currency)})")
    return "; ".join(said)


def _facts(anomaly: Anomaly, told: Mapping[str, Any]) -> list[Fact]:
    found = [Fact("Owner", anomaly.team or "nobody yet")]
    for label, name in (("Pool", "pools"), ("User", "users")):
        part = _first(told.get(name), anomaly)
        if part is not None and part["name"] != anomaly.key:
            found.append(Fact(label, f"{part['name']}  {_signed(part, anomaly)}", is_code=True))
    if anomaly.source:
        found.append(Fact("Source", anomaly.source, is_code=True))
    return found


def _notes(anomaly: Anomaly, told: Mapping[str, Any]) -> tuple[str, ...]:
    also = told.get("also") or ()
    seen = ", ".join(f"{one['kind']} {one_line(str(one['key']), 40)}" for one in also[:4])
    notes = [
        f"{anomaly.form} · found {anomaly.detected_at:%-d %b %H:%M} UTC · snapshot {anomaly.snapshot} · {anomaly.id}"
    ]
    if today := so_far(told):
        notes.append(f"the day is not over: known until {today.until:%H:%M} UTC, money is provisional")
    if told.get("compared_with"):
        notes.append(
            f"compared with the same weekdays of {told['compared_with']}; figures of the last days are provisional"
        )
    return (*notes, *((f"the same is seen in: {seen}",) if seen else ()))


def _first(listed: Mapping[str, Any] | None, anomaly: Anomaly) -> Mapping[str, Any] | None:
    return _largest((listed or {}).get("parts") or (), anomaly)


def _largest(parts: Sequence[Mapping[str, Any]], anomaly: Anomaly) -> Mapping[str, Any] | None:
    """Return the part that moved the cost most in the anomaly's direction."""
    sign = 1 if anomaly.money >= 0 else -1
    moved = [part for part in parts if Decimal(part["change"]) * sign > 0]
    return max(moved, key=lambda part: abs(Decimal(part["change"])), default=None)


def _signed(part: Mapping[str, Any], anomaly: Anomaly) -> str:
    return signed(Decimal(part["change"]), anomaly.currency)
