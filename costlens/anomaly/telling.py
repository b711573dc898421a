"""Tells anomalies and explanations to people: plain text for the terminal, JSON-able values for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costlens.anomaly.decompose import MEANINGS
from costlens.anomaly.so_far import KEY, so_far

if TYPE_CHECKING:
    from costlens.anomaly.store import Anomaly

CENT = Decimal("0.01")
_WHOSE = {"unattributed": "what nobody is known for"}


def money(amount: Decimal | str, currency: str = "", *, signed: bool = False) -> str:
    """Return an amount in cents with thousands set apart."""
    cents = Decimal(amount).quantize(CENT)
    text = f"{cents:+,.2f}" if signed else f"{cents:,.2f}"
    return f"{text} {currency}".rstrip()


def subject(kind: str, key: str, source: str) -> str:
    """Name a series: `asset marts/orders (prod)`."""
    name = _WHOSE.get(kind, f"{kind} {plain(key)}")
    return f"{name} ({source})" if source and kind != "source" else name


def plain(text: str) -> str:
    """Return a warehouse's text with nothing a terminal would obey."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def lines(found: Iterable[Anomaly]) -> list[str]:
    """Return each anomaly in two lines, newest first."""
    told = []
    for one in found:
        days = f"{one.first_day}" if one.first_day == one.last_day else f"{one.first_day} to {one.last_day}"
        today = so_far(one.explanation)
        if today:
            days += f" (by {today.until:%H:%M} UTC, provisional)"
        owner = f" · {one.team}" if one.team else ""
        told.append(f"{one.id}  {days}  {one.form} of {subject(one.kind, one.key, one.source)}{owner} · {one.status}")
        band = (
            f"{money(one.actual)} {one.currency}, expected {money(one.expected)} ({money(one.low)} to {money(one.high)}"
        )
        band += f" {today.usual_hour})" if today and today.usual_until else ")"
        told.append(
            f"    {band}: {money(one.money, signed=True)}, {money(one.per_month, signed=True)} a month if it stays"
        )
        if reason := sentence(one.explanation):
            told.append(f"    {reason}")
    return told


def sentence(explanation: Mapping[str, Any] | None) -> str:
    """Return the main drivers of a change, and who else it shows at, in one line; nothing where there is no explanation."""
    if not explanation or not explanation.get("drivers"):
        return ""
    drivers = explanation["drivers"][:2]
    text = ", ".join(f"{one['driver']} {money(one['amount'], signed=True)}" for one in drivers)
    users = [part for part in explanation["users"]["parts"] if Decimal(part["change"])][:1]
    if users:
        text += f"; by {plain(users[0]['name'])}"
    if code := (explanation.get("origin") or {}).get("code"):
        text += f"; code {plain(code.get('code_version') or code.get('code_ref') or '')}"
    if also := explanation.get("also"):
        text += "; seen at " + ", ".join(f"{one['kind']} {plain(one['key'])}" for one in also[:3])
    return text


def paragraphs(told: Mapping[str, Any], title: str) -> list[str]:
    """Return an explanation (as JSON-able values) as text that adds up, line by line."""
    currency = told["currency"]
    days = told["days"]
    scaled = "" if days["scale"] == "1" else f", the earlier period times {days['scale']}"
    spans = f"  ({days['before']} against {days['after']} days{scaled})"
    text = [
        title,
        f"  {money(told['before'])} → {money(told['after'])} {currency}: {money(told['change'], signed=True)}{spans}",
        "",
        "  driver                     change  meaning",
    ]
    text += [
        f"  {one['driver']:16} {money(one['amount'], signed=True):>16}  {one['meaning']}" for one in told["drivers"]
    ]
    text.append(f"  {'total':16} {money(told['change'], signed=True):>16}")
    for name in ("assets", "users", "pools"):
        text += _section(told[name], name)
    return text + _origin(told.get("origin"))


def _section(listed: Mapping[str, Any], name: str) -> list[str]:
    if not listed["parts"]:
        return []
    text = ["", f"  {name}"]
    for part in listed["parts"]:
        text.append(f"  {money(part['change'], signed=True):>14}  {plain(part['name'])}{_because(part['drivers'])}")
        for inner in part.get("parts", [])[:3]:
            label = f"shape {inner['name'][:12]}" if inner.get("text") else plain(inner["name"])
            label += f", in place of {inner['replaces_shape'][:12]}" if inner.get("replaces_shape") else ""
            text.append(f"  {money(inner['change'], signed=True):>18}  {label}{_because(inner['drivers'])}")
            if inner.get("text"):
                text.append(f"{'':22}{plain(inner['text'])[:110]}")
            text += [f"{'':22}{_query(query)}" for query in inner.get("queries", [])[:1]]
    if Decimal(listed["rest"]).quantize(CENT):
        text.append(f"  {money(listed['rest'], signed=True):>14}  (rest)")
    return text


def _query(query: Mapping[str, Any]) -> str:
    where = f"on {plain(query['pool'] or '–')} by {plain(query['user'] or '–')}"
    return f"query {plain(query['query_id'])}: {money(query['cost'])}, {query['seconds']:,.0f} s {where}"


def _because(drivers: Mapping[str, str]) -> str:
    """Return the largest driver of a part, where it says more than the sum does."""
    if not drivers:
        return ""
    largest = max(drivers, key=lambda name: abs(Decimal(drivers[name])))
    return f"  ({largest})" if largest in MEANINGS else ""


def _origin(origin: Mapping[str, Any] | None) -> list[str]:
    if not origin:
        return []
    text = ["", f"  began with {plain(origin['asset'])}"]
    if run := origin.get("run"):
        text.append(
            f"    run {plain(run.get('run_id', '–'))} of {plain(run.get('orchestrator', '–'))}, {run['started_at']}"
        )
    if code := origin.get("code"):
        if code.get("code_version"):
            before = f" (before: {plain(code['code_version_before'])})" if code.get("code_version_before") else ""
            text.append(f"    code version {plain(code['code_version'])} from {code['first_day']}{before}")
        if code.get("code_ref"):
            text.append(f"    code {plain(code['code_ref'])}")
    return text


def as_json(one: Anomaly) -> dict[str, Any]:
    """Return an anomaly as JSON-able values; amounts are texts of all digits."""
    return {
        "id": one.id,
        "kind": one.kind,
        "key": one.key,
        "source": one.source or None,
        "currency": one.currency,
        "form": one.form,
        "direction": "down" if one.money < 0 else "up",
        "first_day": one.first_day.isoformat(),
        "last_day": one.last_day.isoformat(),
        **{name: str(getattr(one, name)) for name in ("actual", "expected", "low", "high", "money", "per_month")},
        "so_far": (one.explanation or {}).get(KEY),
        "team": one.team,
        "status": one.status,
        "snoozed_until": one.snoozed_until.isoformat() if one.snoozed_until else None,
        "snapshot": one.snapshot,
        "detected_at": one.detected_at.isoformat(),
        "revision": one.revision,
        "explanation": one.explanation,
    }
