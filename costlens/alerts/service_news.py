"""What is to be told of budgets, and of jobs of the service that fail: once when it begins, once when it is over."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime

from costlens.alerts.anomaly_message import money
from costlens.alerts.desk import About, Desk
from costlens.alerts.message import Fact, Message, one_line
from costlens.budgets import BudgetState
from costlens.estate import Estate
from costlens.ledger.database import Database
from costlens.ledger.jobs import Job
from costlens.ledger.outbox import News, Subject, subjects

#: A job that may heal is told of after so many failures in a row.
FAILURES = 3


def budget_news(desk: Desk, database: Database, states: Iterable[BudgetState], estate: Estate, at: datetime) -> News:
    """Return the thresholds that budgets have reached, and those that they will, since they were told last."""
    known = {name: json.loads(one.told) for name, one in subjects(database, "budget:").items()}
    news = News()
    for state in states:
        subject = f"budget:{state.id}"
        told = known.get(subject, {"reached": 0, "forecast": False})
        now = {"reached": max(state.reached, default=0), "forecast": told["forecast"] or state.is_over_in_the_end}
        is_new = now["reached"] > told["reached"] or (now["forecast"] and not told["forecast"] and now["reached"] < 100)
        owner = _owner(state, estate, at.date())
        if not is_new or desk.is_muted(About("budget", state.key, owner, state.source, money=state.amount), at.date()):
            continue
        event = f"{now['reached']}:{now['forecast']}"
        news.alerts.extend(desk.alerts(subject, event, _budget(desk, state, owner), owner, at))
        news.subjects.append(Subject(subject, subject, json.dumps(now)))
    return news


def _budget(desk: Desk, state: BudgetState, owner: str | None) -> Message:
    name = f"{state.kind} {one_line(state.key, 60)}"
    share = f"{state.share:.0%} of its {state.period}'s budget"
    forecast = (
        ""
        if state.forecast is None
        else f" · {money(state.forecast, state.currency)} by {state.until:%-d %b} at this pace"
    )
    will = "" if state.reached or state.forecast is None else f", will spend {float(state.forecast / state.amount):.0%}"
    title = f"{name} has spent {share}{will}"
    amounts = f"{money(state.spent, state.currency)} of {money(state.amount, state.currency)}{forecast}"
    return Message(
        title=title,
        summary=f"{title}: {amounts}",
        severity="high" if state.spent >= state.amount else "low",
        lead=amounts,
        facts=(
            Fact("Owner", owner or "nobody yet"),
            Fact("Period", f"{state.since} to {state.until}, complete until {state.complete_until}"),
        ),
        link=desk.link(*_page(state)) if state.kind != "asset" else desk.link("asset", asset=state.key),
    )


def _page(state: BudgetState) -> tuple[str]:
    return ("pools" if state.kind == "pool" else "overview",)


def _owner(state: BudgetState, estate: Estate, today: date) -> str | None:
    if state.kind == "team":
        return state.key
    if state.kind != "asset":
        return None
    owners = sorted(estate.ownership, key=lambda one: one.precedence)
    valid = (
        one.team
        for one in owners
        if one.asset == state.key
        and (one.valid_from is None or one.valid_from <= today)
        and (one.valid_to is None or today < one.valid_to)
    )
    return next(valid, None)


def job_news(desk: Desk, database: Database, jobs: Iterable[Job], at: datetime) -> News:
    """Return which jobs began to fail for good or again and again, and which of those told of work again."""
    known = {name: one.told for name, one in subjects(database, "job:").items()}
    news = News()
    for job in jobs:
        subject = f"job:{job.name}"
        is_failing = job.state == "failed" and (job.is_permanent or job.failures >= FAILURES)
        is_well = job.state == "done"
        told = known.get(subject, "well")
        if is_failing == (told != "well") or not (is_failing or is_well):
            continue
        if desk.is_muted(About("job", job.name), at.date()):
            continue
        if is_failing:
            said, began = _failing(desk, job), f"failing since {job.ended_at}"
        else:
            said, began = Message(f"{job.name} works again", f"{job.name} works again", "info"), told
        thread = f"{subject}:{began}"  # a failure of another day is a thread of its own
        news.alerts.extend(desk.alerts(thread, "failing" if is_failing else "well", said, None, at))
        news.subjects.append(Subject(subject, thread, began if is_failing else "well"))
    return news


def _failing(desk: Desk, job: Job) -> Message:
    why = "trying again is no help" if job.is_permanent else f"{job.failures} times in a row; it is tried again"
    lines = [one_line(line) for line in job.message.splitlines()[:5]]
    return Message(
        title=f"{job.name} fails",
        summary=f"{job.name} fails: {lines[0] if lines else why}",
        severity="high",
        lead=why,
        why=tuple(Fact("", line, is_code=True) for line in lines),
        facts=(Fact("Last went well", f"{job.ok_at:%Y-%m-%d %H:%M} UTC" if job.ok_at else "never"),),
        notes=("`costlens status` tells more",),
        link=desk.link("data"),
    )
