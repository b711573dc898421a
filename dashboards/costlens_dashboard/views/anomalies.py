"""Anomalies: what left its expected band, why, and what people do about it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from costlens.anomaly import store
from costlens.anomaly.baseline import Tuning
from costlens.anomaly.decompose import DRIVERS, MEANINGS, decompose
from costlens.anomaly.detector import judge
from costlens.anomaly.so_far import SoFar, so_far
from costlens.errors import CostLensError
from costlens.reading import with_team
from costlens.settings.anomalies import Settings
from costlens_dashboard import charts, formats, links
from costlens_dashboard.frame import nothing
from costlens_dashboard.questions import series
from costlens_dashboard.scope import Scope
from costlens_dashboard.state import View, choice
from costlens_dashboard.tables import Column, table
from costlens_dashboard.text import md, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

#: Days before an anomaly that it is drawn and decomposed with.
BEFORE = 28
BAND = ("low", "expected", "high")
#: Days that a band is learnt from before it is worth to be drawn.
LEARNT = 10
SNOOZES = {"a day": 1, "a week": 7, "a month": 30}
COLUMNS = (
    Column("key", "What", width="medium"),
    Column("kind", "Kind"),
    Column("form", "Form"),
    Column("first_day", "From", "day"),
    Column("last_day", "To", "day"),
    Column("money", "Beyond expected", "money"),
    Column("per_month", "A month if it stays", "money"),
    Column("actual", "Actual", "money"),
    Column("expected", "Expected", "money"),
    Column("team", "Team"),
    Column("status", "Status"),
    Column("source", "Source"),
)
PARTS = (
    Column("what", "What"),
    Column("kind", "Kind"),
    Column("change", "Change", "money"),
    Column("before", "Before", "money"),
    Column("after", "Then", "money"),
    Column("text", "Statement that changed most", width="large"),
)
EVENTS = (
    Column("at", "When", "instant"),
    Column("who", "Who"),
    Column("action", "What"),
    Column("text", "Words", width="large"),
)


def draw(view: View) -> str | None:
    """Draw the page."""
    status = choice("Status", ("open", "acknowledged", "snoozed", "resolved", "all"), "status")
    statuses = None if status == "all" else (status,)
    found = _seen(view, store.anomalies(view.desk.ledger.database, statuses=statuses, team=view.scope.team))
    chosen = _chosen(view)
    if not found and chosen is None:
        nothing(
            "No anomaly here" if status != "open" else "No open anomaly",
            "`costlens anomalies` looks for what left its expected band; `costlens serve` does so after each sync.",
        )
        return None
    if found:
        money = sum((one.money for one in found), Decimal(0))
        st.markdown(
            f"**{formats.many(len(found), 'anomaly', 'anomalies')}, {md(formats.signed(money, view.currency))} beyond what was expected**"
        )
        rows = pd.DataFrame([_row(one) for one in found])
        table(rows, COLUMNS, name="anomalies", rows=8, search=("key", "team", "kind"), opens=_open)
    one = chosen or found[0]
    _one(view, one)
    return None


def _open(row: pd.Series) -> None:
    st.query_params["id"] = str(row["id"])


def _seen(view: View, found: Sequence[store.Anomaly]) -> list[store.Anomaly]:
    mine = [one for one in found if one.currency == view.currency and view.reader.may_see(one.team)]
    return sorted(mine, key=lambda one: -abs(one.money))


def _chosen(view: View) -> store.Anomaly | None:
    wanted = st.query_params.get("id")
    if not wanted:
        return None
    found = _seen(view, store.anomalies(view.desk.ledger.database, id=wanted))
    return found[0] if found else None


def _row(one: store.Anomaly) -> dict[str, Any]:
    row: dict[str, Any] = {column.name: getattr(one, column.name) for column in COLUMNS}
    row |= {name: float(row[name]) for name in ("money", "per_month", "actual", "expected")}
    return {**row, "id": one.id}


def _one(view: View, one: store.Anomaly) -> None:
    st.subheader(f"{md(plain(one.key, 80))}: {md(one.form)}", anchor="anomaly")
    days = formats.span(one.first_day, one.last_day + timedelta(days=1))
    words = f"{formats.signed(one.money, one.currency)} beyond expected on {days}"
    if today := so_far(one.explanation):
        words += f" by {today.until:%H:%M} UTC, a day that is not over: money is provisional"
    words += f"; {one.status}"
    if one.snoozed_until:
        words += f" until {formats.instant(one.snoozed_until)}"
    st.markdown(f"**{md(words)}**")
    if one.kind == "asset":
        links.link("asset", f"Asset {one.key}", asset=one.key)
    if one.kind == "team":
        links.link("team", f"Team {one.key}", team=one.key)
    with st.container(border=True):
        _band(view, one)
    with st.container(border=True):
        _why(view, one)
    _acts(view, one)


def _scope(view: View, one: store.Anomaly) -> Scope:
    first, last = formats.as_day(one.first_day), formats.as_day(one.last_day)
    source = one.source if one.source in view.desk.snapshot.info.get("types", {}) else None
    return Scope(first - BEFORE, last + 8, one.currency, source=source, only=view.reader.teams)


def _band(view: View, one: store.Anomaly) -> None:
    today = so_far(one.explanation)
    if today and today.days:
        _by_hour(view, one, today)
        return
    scope = _scope(view, one)
    on_cube = one.kind in ("asset", "team", "pool", "source", "unattributed")
    ask = view.desk.ask if on_cube else view.desk.lines
    frame = ask(series.by_day, scope, one.kind, one.key)
    if frame.empty:
        st.caption("Its days are not in this snapshot any more.")
        return
    days = (one.last_day - one.first_day).days + 1
    told = {name: float(getattr(one, name)) / days for name in BAND}
    first, last = formats.as_day(one.first_day), formats.as_day(one.last_day)
    is_odd = frame["day"].between(first, last)
    rows = frame.assign(**{name: is_odd.map({True: value, False: None}).astype(float) for name, value in told.items()})
    if on_cube:  # what was expected of each other day, judged as the detector judges it
        rows = rows.set_index("day").combine_first(_expected(view, one, scope)[list(BAND)]).reset_index()
        rows = rows[rows["day"].isin(frame["day"])]
    words = f"the band is what was expected: {formats.money(told['low'])} to {formats.money(told['high'])} on its days"
    st.caption(md(f"Cost by day; {words}"))
    charts.band(rows, one.first_day, one.last_day, f"Cost of {one.key} by day")


def _by_hour(view: View, one: store.Anomaly, today: SoFar) -> None:
    """Draw each day up to the hour that the running day is compared by, with the detector's band of each."""
    told = {name: float(getattr(one, name)) for name in BAND}
    costs = pd.Series({formats.as_day(day): cost for day, cost in today.days})
    days = pd.RangeIndex(int(costs.index.min()), int(costs.index.max()) + 1, name="day")
    bands = _bands(costs.reindex(days).to_numpy(float), days, view.desk.books.config.section(Settings))
    bands.loc[formats.as_day(one.last_day)] = told
    rows = pd.DataFrame({"day": costs.index, "cost": costs.to_numpy()}).join(
        bands[bands.index >= days[0] + LEARNT], on="day"
    )
    words = f"the band is what was expected: {formats.money(told['low'])} to {formats.money(told['high'])}"
    st.caption(md(f"Cost {today.usual_hour} UTC of each day, of the last one by {today.until:%H:%M}; {words}"))
    charts.band(rows, one.first_day, one.last_day, f"Cost of {one.key} by day, up to the same hour")


def _expected(view: View, one: store.Anomaly, shown: Scope) -> pd.DataFrame:
    """Return the detector's band of each day that is shown, indexed by day, learnt from the series' days before."""
    settings = view.desk.books.config.section(Settings)

    def make() -> pd.DataFrame:
        scope = shown.with_(since=max(view.first, shown.since - settings.days))
        frame = view.desk.ask(series.by_day, scope, one.kind, one.key).set_index("day")["cost"]
        days = pd.RangeIndex(scope.since, min(shown.until, view.complete_until), name="day")
        costs = frame.reindex(days, fill_value=0.0).to_numpy(float)
        bands = _bands(costs, days, settings)
        return bands[bands.index >= max(shown.since, scope.since + LEARNT)]

    made: pd.DataFrame = view.desk.keep(("expected", one.id, one.revision), make, 10_000)
    return made


def _bands(costs: NDArray[np.float64], days: pd.RangeIndex, settings: Settings) -> pd.DataFrame:
    told = judge(costs[None, :], int(days[0]), Tuning().sensitive(settings.sensitivity))
    return pd.DataFrame({name: getattr(told, name)[0] for name in BAND}, index=days)


def _why(view: View, one: store.Anomaly) -> None:
    told = one.explanation or {}
    if told.get("drivers"):
        drivers = {str(part["driver"]): float(part["amount"]) for part in told["drivers"]}
        before, after = float(told["before"]), float(told["after"])
        compared = f"Its days against {told.get('compared_with', 'the days before')}, scaled to as many days"
    else:
        drivers, before, after = _drivers(view, one)
        compared = f"A mean day of the {BEFORE} days before against a mean day of its own"
    steps = sorted(drivers.items(), key=lambda item: -abs(item[1]))
    if not steps:
        st.caption("There is nothing to compare its days with.")
        return
    name, most = steps[0]
    st.markdown(f"**Most of it is {md(name)}: {md(formats.signed(most, one.currency))}**")
    st.caption(md(f"{compared}; the parts add up. {name}: {MEANINGS.get(name, '')}."))
    charts.waterfall(steps, before, after, f"Why {one.key} changed", one.currency)
    if told:
        _parts(view, told)


def _parts(view: View, told: dict[str, Any]) -> None:
    """Draw who and what the change came with: assets with their shapes, users and pools, and the code where it is known."""
    rows = []
    for kind in ("assets", "users", "pools"):
        if kind == "users" and view.reader.hides_users:
            continue
        for part in (told.get(kind) or {}).get("parts", []):
            inner = [shape.get("text") for shape in part.get("parts", []) if shape.get("text")]
            text = inner[0] if inner and not view.reader.hides_texts else None
            amounts = {name: float(part[name]) for name in ("before", "after", "change")}
            rows.append({"what": part["name"], "kind": kind[:-1], "text": text, **amounts})
    frame = pd.DataFrame(rows, columns=[column.name for column in PARTS])
    table(frame.sort_values("change", key=abs, ascending=False), PARTS, name="parts", rows=6)
    code = ((told.get("origin") or {}).get("code") or {}).get("code_ref")
    if code:
        st.caption("In the code")
        st.code(plain(code), language=None)


def _drivers(view: View, one: store.Anomaly) -> tuple[dict[str, float], float, float]:
    """Return the drivers of a mean day's change, and the mean day's cost before and after; they add up."""
    first, last = formats.as_day(one.first_day), formats.as_day(one.last_day)
    scope = _scope(view, one)

    def make() -> tuple[dict[str, float], float, float]:
        with view.desk.books.asking() as engine:
            rows = with_team(engine, view.desk.table(engine, "daily", scope), view.desk.estate)
            found = engine.rows(series.work(scope.narrow(rows), one.kind, one.key, first, last + 1))
        days = last + 1 - first
        before = [row for row in found if not row["is_after"]]
        after = [row for row in found if row["is_after"]]
        told = decompose(before, after, Fraction(days, BEFORE))
        parts = {name: float(told.drivers[name]) / days for name in DRIVERS if name in told.drivers}
        return parts, float(told.before) / days, float(told.after) / days

    made: tuple[dict[str, float], float, float] = view.desk.keep(("drivers", one.id, one.revision), make, 5_000)
    return made


def _acts(view: View, one: store.Anomaly) -> None:
    st.subheader("What to do", anchor=False)
    with st.form("act", border=True, clear_on_submit=True):
        text = st.text_input("Words for the others", placeholder="What it was, who looks at it …", max_chars=1000)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            length = st.selectbox("Snooze for", tuple(SNOOZES), width=140)
            acts = {
                "acknowledge": st.form_submit_button(
                    "Acknowledge", type="primary", disabled=one.status == "acknowledged"
                ),
                "snooze": st.form_submit_button("Snooze"),
                "comment": st.form_submit_button("Comment"),
                "reopen": st.form_submit_button("Reopen", disabled=one.status == "open"),
            }
    action = next((name for name, is_pressed in acts.items() if is_pressed), None)
    if action is not None:
        _act(view, one, action, text, SNOOZES[length or "a day"])
    events = store.history(view.desk.ledger.database, one.id)
    rows = pd.DataFrame([{c.name: getattr(event, c.name) for c in EVENTS} for event in reversed(events)])
    table(rows, EVENTS, name="events", rows=6, empty="Nobody has said anything yet.")


def _act(view: View, one: store.Anomaly, action: str, text: str, days: int) -> None:
    now = datetime.now(timezone.utc)
    until = now + timedelta(days=days) if action == "snooze" else None
    try:
        store.act(
            view.desk.ledger.database,
            one.id,
            action,
            who=view.reader.name,
            at=now,
            text=text.strip() or None,
            until=until,
        )
    except CostLensError as error:
        st.error(md(error))
        return
    st.query_params["id"] = one.id
    st.rerun()
