"""Overview: what was spent, against last month and budget, what changed, and whether the books balance."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from costlens import budgets
from costlens.anomaly import store
from costlens.reconcile import Reconciliation, reconcile
from costlens.settings.budgets import Settings as Budgets
from costlens_dashboard import charts, formats, links
from costlens_dashboard.questions import spend
from costlens_dashboard.scope import Scope, compared
from costlens_dashboard.state import View, choice
from costlens_dashboard.text import md

if TYPE_CHECKING:
    from collections.abc import Sequence

    from costlens_dashboard.books import Desk

STEPS, WEEK = 8, 7
BY = ("team", "category", "source", "pool", "asset")


def draw(view: View) -> str | None:
    """Draw the page."""
    now, before = compared(view.scope, view.complete_until)
    figures = st.container()  # above the choice, which says what is asked
    by = choice("Group by", BY, "by")
    with figures:
        _figures(view, view.desk.ask(spend.total, view.scope).iloc[0], now, before, by)
    left, right = st.columns([3, 2], gap="medium")
    both = both_periods(view, view.scope, by)
    with left, st.container(border=True):
        _days(view, by, before)
    with right, st.container(border=True):
        _names(view, both, by, view.is_whole(before))
    left, right = st.columns([3, 2], gap="medium")
    with left, st.container(border=True):
        draw_changes(view, view.scope, by)
    with right:
        with st.container(border=True):
            draw_budgets(view)
        with st.container(border=True):
            draw_anomalies(view)
    if view.reader.teams is None:
        with st.container(border=True):
            _reconciliation(view)
    return None


def answers(view: View, by: str) -> None:
    """Ask all that the page asks of a grouping, for the answers to be there."""
    _, before = compared(view.scope, view.complete_until)
    view.desk.ask(spend.total, view.scope)
    view.desk.ask(spend.by_day, view.scope, by)
    daily(view, view.scope, by)
    daily(view, before, by)
    both_periods(view, view.scope, by)


def _figures(view: View, row: pd.Series, now: Scope, before: Scope, by: str) -> None:
    currency = view.currency
    comparable, past = daily(view, now, by), daily(view, before, by)
    then = float(past["cost"].sum()) if view.is_whole(before) else 0.0
    cells = st.columns(5, gap="small")
    cells[0].metric(
        f"Spent, {currency}",
        md(formats.money(row["cost"])),
        formats.change(float(comparable["cost"].sum()), then),
        delta_color="inverse",
        delta_description="on before" if then else None,
        border=True,
        height="stretch",
        help="All charges of the period. The change compares complete days with the same days of the period before.",
    )
    _forecast(view, cells[1], comparable)
    cells[2].metric(
        "Attributed",
        formats.percent(row["told"] / row["cost"] if row["cost"] else None),
        border=True,
        height="stretch",
        delta=f"{formats.percent(row['tagged'] / row['own'] if row['own'] else None)} tagged",
        delta_color="off",
        delta_arrow="off",
        help="Share of the money that has an asset or a team. Tagged: by a CostLens tag, an orchestrator's run or a tool's comment.",
    )
    cells[3].metric(
        f"Idle, {currency}",
        md(formats.money(row["idle"])),
        border=True,
        height="stretch",
        delta=f"{formats.percent(row['idle'] / row['cost'] if row['cost'] else None)} of the period",
        delta_color="off",
        delta_arrow="off",
        help="Pools that ran without work; see Pools.",
    )
    cells[4].metric(
        "Queries",
        formats.count(row["queries"]),
        border=True,
        height="stretch",
        delta=md(f"{formats.short(row['own'] / row['queries'] * 1000 if row['queries'] else 0, currency)} per 1,000"),
        delta_color="off",
        delta_arrow="off",
    )


def _forecast(view: View, place: Any, days: pd.DataFrame) -> None:
    spent = {formats.as_date(day): Decimal(str(cost)) for day, cost in zip(days["day"], days["cost"], strict=True)}
    if view.scope.month is None or not spent:
        average = float(days["cost"].sum()) / max(view.scope.days, 1)
        place.metric(
            f"A day, {view.currency}",
            md(formats.money(average)),
            border=True,
            height="stretch",
            help="Mean of the period's days.",
        )
        return
    end = budgets.period_of("month", view.scope.month)[1]
    until = formats.as_date(view.complete_until)
    if until >= end:
        place.metric("Month", "complete", border=True, height="stretch", help="All days of the month are charged.")
        return
    expected = budgets.forecast(spent, until, end)
    place.metric(
        f"Month-end forecast, {view.currency}",
        md(formats.money(expected)),
        border=True,
        height="stretch",
        delta=f"{(end - until).days} days to come",
        delta_color="off",
        delta_arrow="off",
        help="Complete days, carried on by their weekdays. An estimate.",
    )


def _days(view: View, by: str, before: Scope) -> None:
    frame = view.desk.ask(spend.by_day, view.scope, by)
    frame, names = charts.top_names(frame)
    past = daily(view, before, by)
    shifted = past.assign(day=past["day"] + (view.scope.since - before.since)) if view.is_whole(before) else None
    row = view.desk.ask(spend.total, view.scope).iloc[0]
    first_open = row["first_open"]
    open_from = formats.as_date(first_open) if first_open == first_open and first_open is not None else None
    if len(frame):
        sums = frame.groupby("day")["cost"].sum()
        peak = formats.as_date(int(sums.idxmax()))
        st.markdown(
            f"**{md(formats.short(sums.mean(), view.currency))} a day, at most {md(formats.short(sums.max()))} on {peak:%-d %B}**"
        )
    notes = ["Daily cost"]
    notes += ["the dashed line is the period before"] if shifted is not None else []
    notes += ["paler days are not final"] if open_from else []
    st.caption("; ".join(notes))
    charts.stacked_days(
        frame, names, view.colours(names), f"Daily cost by {by}, {view.period}", before=shifted, open_from=open_from
    )


def _names(view: View, both: pd.DataFrame, by: str, is_compared: bool) -> None:
    shown = both.sort_values("cost", ascending=False)
    top = shown.head(9)
    rest = shown.iloc[9:]
    if len(rest):
        top = pd.concat(
            [top, pd.DataFrame([{"name": "other", "cost": rest["cost"].sum(), "before": rest["before"].sum()}])]
        )
    somebody = top[~top["name"].str.startswith("(")]
    if len(somebody) and both["cost"].sum():
        first = somebody.iloc[0]
        st.markdown(f"**{md(first['name'], 40)} is {formats.percent(first['cost'] / both['cost'].sum())} of it**")
    st.caption(f"By {by}; the tick is the period before" if is_compared else f"By {by}")
    colours = view.colours(list(top["name"]))
    charts.bars(top, colours, f"Cost by {by}, {view.period}", currency=view.currency, compare=is_compared)


def changes(both: pd.DataFrame, most: int = STEPS) -> list[tuple[str, float]]:
    """Return the largest changes by name, the others as one, so that they add up to the change of the whole."""
    moved = both.assign(change=both["cost"] - both["before"])
    moved = moved[moved["change"].abs() >= 0.005]
    moved = moved.reindex(moved["change"].abs().sort_values(ascending=False).index)
    steps = [(str(row["name"]), float(row["change"])) for _, row in moved.head(most).iterrows()]
    rest = float(both["cost"].sum() - both["before"].sum()) - sum(change for _, change in steps)
    if abs(rest) >= 0.005:
        steps.append(("everything else", rest))
    return steps


def both_periods(view: View, scope: Scope, by: str) -> pd.DataFrame:
    """Return name, cost, before: complete days against the same days of the period before, where all of that is known."""
    now, before = compared(scope, view.complete_until)
    mine = _by_name(view, now, by, scope)
    past = _by_name(view, before, by, before).rename(columns={"cost": "before"})
    if not view.is_whole(before):
        past = past.head(0)
    return mine.merge(past, on="name", how="outer").fillna({"cost": 0.0, "before": 0.0})


def _by_name(view: View, scope: Scope, by: str, whole: Scope) -> pd.DataFrame:
    """Return name, cost of a scope: from the days of the whole that it begins, which the page asks for anyway, where names are few."""
    if by == "asset":
        return view.desk.ask(spend.by_name, scope, by)[["name", "cost"]]
    days = view.desk.ask(spend.by_day, whole, by)
    return days[days["day"] < scope.until].groupby("name", as_index=False)["cost"].sum()


def daily(view: View, scope: Scope, by: str) -> pd.DataFrame:
    """Return day, cost of a scope that is the view's or the one before it."""
    whole = view.scope if replace(scope, until=view.scope.until) == view.scope else scope
    question = (spend.daily_total, whole) if by == "asset" else (spend.by_day, whole, by)
    days = view.desk.ask(*question)
    return days[days["day"] < scope.until].groupby("day", as_index=False)["cost"].sum()


def draw_changes(view: View, scope: Scope, by: str) -> None:
    """Draw what changed most: a waterfall that adds up."""
    both = both_periods(view, scope, by)
    what = "From the period before to this one, complete days"
    if not both["before"].any():
        last = replace(scope, month=None, since=max(scope.since, min(scope.until, view.complete_until) - WEEK))
        last = replace(last, until=min(scope.until, view.complete_until))
        both = both_periods(view, last, by)
        what = f"No whole period before is known: the last {WEEK} days against the {WEEK} before them"
    now, before = float(both["cost"].sum()), float(both["before"].sum())
    if not before:
        st.markdown("**What changed**")
        st.caption("There is nothing before this period to compare with.")
        return
    steps = changes(both)
    if steps:
        name, most = steps[0]
        words = f"{name} {formats.signed(most, view.currency)}"
        st.markdown(f"**{md(formats.signed(now - before, view.currency))} in all, most of all {md(words, 80)}**")
    st.caption(f"{what}, by {by}; the bars add up")
    charts.waterfall(steps, before, now, f"What changed by {by}", view.currency)


def draw_budgets(view: View, team: str | None = None) -> None:
    """Draw how far budgets are spent: all, or one team's."""
    settings = view.desk.books.config.section(Budgets)
    month = view.scope.month or formats.as_date(view.complete_until - 1).isoformat()[:7]
    states = view.desk.keep(
        ("budgets", month), lambda: budgets.budget_states(view.desk.ledger, view.desk.snapshot, settings, month)
    )
    states = [state for state in states if state.currency == view.currency and _is_seen(view, state)]
    if team is not None:
        states = [state for state in states if (state.kind, state.key) == ("team", team)]
    if not states:
        st.markdown("**No budget is set**")
        st.caption("Under `budgets:` in costlens.yml a team, an asset, a pool or a source gets one.")
        return
    over = sum(1 for state in states if state.spent > state.amount)
    near = sum(1 for state in states if state.forecast is not None and state.forecast > state.amount >= state.spent)
    st.markdown(f"**{over} of {len(states)} budgets spent, {near} more by the forecast**")
    st.caption("What was charged, before idle and shared money is allocated")
    for state in sorted(states, key=lambda state: state.spent / state.amount, reverse=True)[:6]:
        share = float(state.spent / state.amount)
        forecast = (
            ""
            if state.forecast is None or state.complete_until >= state.until
            else f", forecast {formats.money(state.forecast)}"
        )
        text = f"{state.key}: {formats.money(state.spent)} of {formats.money(state.amount, state.currency)}{forecast}"
        st.progress(min(max(share, 0.0), 1.0), md(text, 120))


def _is_seen(view: View, state: budgets.BudgetState) -> bool:
    if view.reader.teams is None:
        return view.scope.team is None or (state.kind == "team" and state.key == view.scope.team)
    return state.kind == "team" and view.reader.may_see(state.key)


def open_anomalies(view: View) -> Sequence[store.Anomaly]:
    """Return the open anomalies that the reader may see."""
    found = store.anomalies(view.desk.ledger.database, statuses=("open",), team=view.scope.team)
    return [one for one in found if one.currency == view.currency and view.reader.may_see(one.team)]


def draw_anomalies(view: View, team: str | None = None) -> None:
    """Draw the dearest open anomalies: all, or one team's."""
    found = [one for one in open_anomalies(view) if team in (None, one.team)]
    if not found:
        st.markdown("**No open anomaly**")
        st.caption("`costlens anomalies` looks for what left its expected band.")
        return
    money = formats.signed(sum(one.money for one in found), view.currency)
    st.markdown(f"**{formats.many(len(found), 'open anomaly', 'open anomalies')}, {md(money)}**")
    for one in sorted(found, key=lambda one: abs(one.money), reverse=True)[:4]:
        links.link("anomalies", f"{one.key}: {one.form}, {formats.signed(one.money, one.currency)}", id=one.id)


def balances(desk: Desk, month: str, source: str | None) -> dict[str, Reconciliation]:
    """Return the reconciliation of a month by currency, kept: it reads all that was metered."""

    def make() -> dict[str, Reconciliation]:
        with desk.books.asking() as engine:
            return reconcile(desk.ledger, desk.snapshot, engine, month, source)

    found: dict[str, Reconciliation] = desk.keep(("reconcile", month, source), make)
    return found


def _reconciliation(view: View) -> None:
    month = view.scope.month or formats.as_date(view.complete_until - 1).isoformat()[:7]

    found = balances(view.desk, month, view.scope.source)
    balance = found.get(view.currency)
    if balance is None:
        st.caption("Nothing is charged in this month.")
        return
    residual = balance.residual
    is_even = residual is not None and abs(residual) < Decimal("0.005")
    first = date(int(month[:4]), int(month[5:]), 1)
    words = (
        "The books balance"
        if is_even
        else "The bill is not known"
        if residual is None
        else "The books are not even yet"
    )
    st.markdown(f"**{words}: {first:%B %Y}, all teams**")
    cells = st.columns(4, gap="small")
    figures = (
        ("Metered", balance.in_cents()["metered"], "Units that the warehouse metered, times the day's rate."),
        ("Charged", balance.charged, "The sum of all charges of the month: what every page here adds up to."),
        ("Billed", balance.billed, "What the vendor says is owed."),
        ("Residual", residual, "Billed less charged."),
    )
    for place, (label, value, what) in zip(cells, figures, strict=True):
        place.metric(f"{label}, {view.currency}", md(formats.cents(value)), help=what)
    for reason in balance.reasons:
        st.caption(md(reason))
