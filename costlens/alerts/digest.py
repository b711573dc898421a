"""The weekly digest of each team, and the monthly notice that a month can be closed."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costlens.alerts.anomaly_message import headline, money, signed
from costlens.alerts.desk import Desk
from costlens.alerts.message import Fact, Message, one_line
from costlens.anomaly.store import Anomaly, anomalies
from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.ledger.outbox import News
from costlens.reading import day_number, with_team
from costlens.report import Question, report

if TYPE_CHECKING:
    from costlens.ledger import Ledger, Snapshot

WEEK = timedelta(days=7)
ROWS = 8
_Costs = dict[str, dict[str | None, list[Decimal]]]


def digest_news(desk: Desk, ledger: Ledger, snapshot: Snapshot, at: datetime) -> News:
    """Return a digest of the last seven complete days for each team with money, and one of all for the default."""
    until = min(at, snapshot.as_of).date()
    since = until - WEEK
    found = _week(ledger, snapshot, since, until)
    open_ones = anomalies(ledger.database, statuses=("open", "acknowledged", "snoozed"), since=since - WEEK)
    week = f"{since:%G-W%V}"
    news = News()
    for currency, teams in found.items():
        for team in sorted(name for name in teams if name):
            mine = [one for one in open_ones if one.team == team and one.currency == currency]
            told = _digest(desk, team, currency, teams[team], mine, since, until)
            news.alerts.extend(desk.alerts(f"digest:{week}:{team}:{currency}", "digest", told, team, at))
        told = _company(desk, currency, teams, open_ones, since, until)
        news.alerts.extend(desk.alerts(f"digest:{week}::{currency}", "digest", told, None, at))
    return news


_Assets = dict[str, list[Decimal]]


def _week(ledger: Ledger, snapshot: Snapshot, since: date, until: date) -> dict[str, dict[str | None, _Assets]]:
    """Return money of the week and of the one before by currency, team and asset."""
    with Engine() as engine:
        days = range(day_number(since - WEEK), day_number(until))
        rows = with_team(engine, ledger.table("daily", snapshot, engine, days=days), ledger.estate(snapshot))
        rows = rows.mutate(is_now=rows.day >= day_number(since))
        grouped = rows.group_by(["currency", "team", "asset", "category", "is_now"]).agg(cost=rows.cost.sum())
        listed = engine.rows(grouped)
    found: dict[str, dict[str | None, _Assets]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(lambda: [Decimal(0), Decimal(0)]))
    )
    for row in listed:
        if row["currency"] and row["cost"]:
            name = row["asset"] or f"({row['category']}, no asset)"
            found[row["currency"]][row["team"]][name][1 if row["is_now"] else 0] += row["cost"]
    return found


def _digest(
    desk: Desk, team: str, currency: str, assets: _Assets, mine: list[Anomaly], since: date, until: date
) -> Message:
    before, now = (sum((pair[i] for pair in assets.values()), Decimal(0)) for i in (0, 1))
    title = f"{one_line(team, 60)}: your week of {since:%-d %b}"
    lead = f"{money(now, currency)}, {signed(now - before, currency)} against the week before{_share(before, now)}"
    changed = max(assets.items(), key=lambda item: abs(item[1][1] - item[1][0]), default=None)
    facts = [Fact("Open anomalies", "none" if not mine else f"{len(mine)}: {headline(mine[0])}")]
    if changed:
        facts.append(
            Fact("Changed most", f"{changed[0]}  {signed(changed[1][1] - changed[1][0], currency)}", is_code=True)
        )
    link = desk.link("team", team=team)
    return Message(
        title,
        f"{title}: {lead}",
        "info",
        lead,
        tuple(facts),
        (),
        _table("asset", currency, assets),
        _span(since, until),
        link,
    )


def _company(
    desk: Desk, currency: str, teams: dict[str | None, _Assets], mine: tuple[Anomaly, ...], since: date, until: date
) -> Message:
    sums: _Assets = {}
    for team, assets in teams.items():
        name = team or "(nobody's: idle, overhead, unattributed)"
        sums[name] = [sum((pair[i] for pair in assets.values()), Decimal(0)) for i in (0, 1)]
    before, now = (sum((pair[i] for pair in sums.values()), Decimal(0)) for i in (0, 1))
    title = f"All teams: the week of {since:%-d %b}"
    lead = f"{money(now, currency)}, {signed(now - before, currency)} against the week before{_share(before, now)}"
    facts = (Fact("Open anomalies", str(len([one for one in mine if one.currency == currency]))),)
    return Message(
        title,
        f"{title}: {lead}",
        "info",
        lead,
        facts,
        (),
        _table("team", currency, sums),
        _span(since, until),
        desk.link("teams"),
    )


def _table(what: str, currency: str, sums: _Assets) -> tuple[tuple[str, ...], ...]:
    ordered = sorted(sums.items(), key=lambda item: -item[1][1])
    rows = [(one_line(name, 34), f"{now:,.2f}", f"{now - before:+,.2f}") for name, (before, now) in ordered[:ROWS]]
    rest = [sum((pair[i] for _, pair in ordered[ROWS:]), Decimal(0)) for i in (0, 1)]
    rows += (
        [(f"(rest: {len(ordered) - ROWS})", f"{rest[1]:,.2f}", f"{rest[1] - rest[0]:+,.2f}")]
        if len(ordered) > ROWS
        else []
    )
    return ((what, currency, "change"), *rows)


def _span(since: date, until: date) -> tuple[str, ...]:
    return (f"{since} to {until - timedelta(days=1)} UTC; figures of the last days are provisional",)


def _share(before: Decimal, now: Decimal) -> str:
    return f" ({float(now / before) - 1:+.0%})" if before > 0 else ""


def close_news(desk: Desk, ledger: Ledger, snapshot: Snapshot, at: datetime) -> News:
    """Return the notice that the month before can be looked at and closed, with what is not final yet."""
    month = f"{at.replace(day=1) - timedelta(days=1):%Y-%m}"
    news = News()
    try:
        answer = report(ledger, snapshot, Question(month, top=ROWS))
    except UsageError:
        return news
    for section in answer.sections:
        balance: Any = section.reconciliation
        final = f"final until {answer.final_until}" if answer.final_until else "nothing is final yet"
        rows = tuple((one_line(line.name, 34), f"{line.cost:,.2f}", f"{line.share:.1%}") for line in section.lines)
        title = f"{month} is ready to be looked at"
        lead = f"{money(section.total, section.currency)} · {money(section.provisional, section.currency)} of it not final · {final}"
        told = Message(
            title=f"{title} ({section.currency})",
            summary=f"{title}: {lead}",
            lead=lead,
            facts=(
                Fact("Attributed", f"{section.attributed:.1%}"),
                *(Fact("Books", one_line(line)) for line in balance.lines()[:3]),
            ),
            table=(("team", section.currency, "share"), *rows),
            notes=(f"costlens report --month {month} · costlens close {month}",),
            link=desk.link("overview", period=month),
        )
        news.alerts.extend(desk.alerts(f"close:{month}:{section.currency}", "notice", told, None, at))
    return news
