"""What is told of anomalies, budgets and jobs: once, to whom it concerns, in one thread, and not at night."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from costlens.alerts.anomaly_news import anomaly_news
from costlens.alerts.delivery import channels
from costlens.alerts.desk import Desk, waking
from costlens.alerts.digest import close_news, digest_news
from costlens.alerts.message import Message
from costlens.alerts.series import plot
from costlens.alerts.service_news import budget_news, job_news
from costlens.anomaly.store import act, anomalies
from costlens.budgets import budget_states
from costlens.estate import Estate, Team
from costlens.ledger import Ledger, outbox
from costlens.ledger.jobs import Job
from costlens.ledger.outbox import Alert
from costlens.settings.alerts import QuietHours, Settings
from costlens.settings.budgets import Settings as BudgetSettings
from tests.alerts.found import AT, explanation, found, recorded
from tests.report.books import ledger_of, line

HOUR = timedelta(hours=1)
ESTATE = Estate(teams=(Team("growth", slack="#growth-data"), Team("sales", slack="#sales")))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    days = [date(2026, 9, 1) + timedelta(days=number) for number in range(49)]
    lines = [line(str(day), "335" if day >= date(2026, 10, 17) else "140", asset="marts/orders") for day in days]
    with ledger_of(tmp_path, lines) as opened:
        yield opened


def desk(**told: Any) -> Desk:
    slack = {"bot_token": "x", "signing_secret": "y"}
    settings = Settings.model_validate({"slack": slack, "dashboard_url": "https://costs.example.org", **told})
    return Desk.of(settings, channels(settings), ESTATE)


def told(ledger: Ledger, at: datetime = AT, **settings: Any) -> list[Alert]:
    """Tell what is new and return the alerts, which must be none a second time."""
    before = {alert.id for alert in every(ledger)}
    for _ in range(2):
        news = anomaly_news(desk(**settings), ledger.database, at, lambda one: plot(ledger, ledger.snapshot(), one))
        outbox.add(ledger.database, news, at)
    assert not news.alerts
    return [alert for alert in every(ledger) if alert.id not in before]


def every(ledger: Ledger) -> list[Alert]:
    with ledger.database.read() as connection:
        return [
            outbox._read(row) for row in connection.execute(sa.select(outbox.alerts).order_by(outbox.alerts.c.number))
        ]


def titles(alerts: list[Alert]) -> list[str]:
    return [f"{alert.action} {Message.of_json(alert.body).title}" for alert in alerts]


def test_a_new_anomaly_goes_to_the_owner_with_what_why_and_where(ledger: Ledger) -> None:
    recorded(ledger, found())
    (alert,) = told(ledger)
    assert (alert.target, alert.action) == ("#growth-data", "post")
    message = Message.of_json(alert.body)
    assert message.title == "marts/orders costs 2.4× as much since Sat 17 Oct"
    assert (
        message.lead == "+585.00 USD in 3 days · +5,850.00 USD a month if it stays · 335 USD a day, expected 110 to 170"
    )
    assert message.severity == "critical"
    why = {fact.label: fact.text for fact in message.why if fact.label}
    assert list(why) == ["Model", "Commit", "Run", "Query", "Dearest run", "Because"], "what to look at stands first"
    assert why["Query"].startswith("insert into marts.orders select")
    assert why["Dearest run"] == "01b2-77 by DBT_PROD took 37 min on WH"
    assert why["Because"] == "each run takes longer (+540.00 USD); runs more often (+45.00 USD)"
    assert why["Commit"] == "77aa01bc2d → 9c1fe02ab4  models/marts/orders.sql  since 2026-10-17"
    assert why["Run"] == "dagster 8f2e1c  2026-10-17 02:02"
    assert message.link == f"https://costs.example.org/anomalies?id={anomalies(ledger.database)[0].id}"
    assert message.plot is not None
    assert [point.cost for point in message.plot.points][-4:] == [140, 335, 335, 335]
    assert (message.plot.low, message.plot.high) == (110, 170)


def test_one_thread_follows_it_to_its_end(ledger: Ledger) -> None:
    recorded(ledger, found())
    (first,) = told(ledger)
    recorded(ledger, found(money="600"), at=AT + HOUR)  # a small change shows in the first message only
    assert titles(told(ledger, AT + HOUR)) == ["update marts/orders costs 2.4× as much since Sat 17 Oct"]
    recorded(ledger, found(money="1300", days=6, team="sales"), at=AT + 2 * HOUR)
    grown = told(ledger, AT + 2 * HOUR)
    assert titles(grown)[0].startswith("post marts/orders: 2,140.00 USD so far")
    act(ledger.database, anomalies(ledger.database)[0].id, "acknowledge", who="@ada", at=AT + 3 * HOUR)
    assert titles(told(ledger, AT + 3 * HOUR))[0] == "post marts/orders: acknowledged by @ada"
    recorded(ledger, found(money="1300", days=6, is_over=True), at=AT + 4 * HOUR)
    over = told(ledger, AT + 4 * HOUR)
    assert titles(over) == [
        "post marts/orders: back to what is expected",
        "update Over: marts/orders costs 2.5× as much since Sat 17 Oct",
    ]
    assert Message.of_json(over[1].body).subject is None
    assert {alert.thread for alert in every(ledger)} == {first.thread}
    assert {alert.target for alert in every(ledger)} == {"#growth-data"}, "all of a thread goes to one place"


def test_late_data_that_change_it_or_take_it_away_are_said(ledger: Ledger) -> None:
    recorded(ledger, found())
    told(ledger)
    recorded(ledger, found(money="200"), at=AT + HOUR)
    revised = told(ledger, AT + HOUR)
    assert "Late data changed it from +585.00 USD" in Message.of_json(revised[0].body).lead
    recorded(ledger, at=AT + 2 * HOUR)
    assert titles(told(ledger, AT + 2 * HOUR))[0] == "post marts/orders: late data took it away"


def test_one_cause_is_one_message(ledger: Ledger) -> None:
    why = explanation("pool size", "TRANSFORM_WH")
    ones = [
        found(f"marts/{name}", team=team, explanation=why)
        for name, team in (("a", "growth"), ("b", "sales"), ("c", "sales"))
    ]
    recorded(ledger, *ones, found("marts/other"))
    alerts = told(ledger)
    assert len(alerts) == 2
    group = next(Message.of_json(alert.body) for alert in alerts if alert.thread.startswith("cause:"))
    assert group.title == "3 anomalies with one cause: pool size of TRANSFORM_WH"
    assert len(group.table) == 4
    act(ledger.database, anomalies(ledger.database, asset="marts/b")[0].id, "acknowledge", who="@ada", at=AT + HOUR)
    recorded(ledger, *ones, found("marts/other"), found("marts/d", explanation=why), at=AT + HOUR)
    later = told(ledger, AT + HOUR)
    assert titles(later) == [
        "post marts/b: acknowledged by @ada",
        "update 3 anomalies with one cause: pool size of TRANSFORM_WH",
        "post 1 more anomaly with one cause: pool size of TRANSFORM_WH",
    ]
    assert len({alert.thread for alert in later}) == 1


def test_a_flood_is_one_message(ledger: Ledger) -> None:
    recorded(ledger, *(found(f"marts/{number:02}") for number in range(30)))
    assert titles(told(ledger)) == ["post 30 anomalies at once"]


def test_what_is_long_over_and_what_is_muted_is_not_told(ledger: Ledger) -> None:
    old = found("marts/old", is_over=True, first_day=date(2026, 10, 1), last_day=date(2026, 10, 2))
    recorded(ledger, old, found("staging/x"), found("marts/cheap", money="9"))
    mute = [{"key": "staging/*", "until": "2026-11-01"}, {"below": 100}]
    assert told(ledger, mute=mute) == []
    assert titles(told(ledger, mute=mute[1:])) == ["post staging/x costs 2.4× as much since Sat 17 Oct"]


def test_at_night_only_what_is_critical_is_told(ledger: Ledger) -> None:
    recorded(ledger, found(), found("marts/small", money="60"))
    night = datetime.fromisoformat("2026-10-20T22:30:00+00:00")
    quiet = {"since": "20:00", "until": "07:00", "timezone": "Europe/Berlin"}
    due = {Message.of_json(alert.body).severity: alert.due_at for alert in told(ledger, night, quiet_hours=quiet)}
    assert due == {"critical": night, "high": datetime.fromisoformat("2026-10-21T05:00:00+00:00")}


def test_what_becomes_critical_at_night_does_not_wait_behind_what_was_not(ledger: Ledger) -> None:
    night = datetime.fromisoformat("2026-10-20T22:30:00+00:00")
    quiet = {"since": "20:00", "until": "07:00"}
    recorded(ledger, found(money="60"), at=night)
    (root,) = told(ledger, night, quiet_hours=quiet)
    assert root.due_at == datetime.fromisoformat("2026-10-21T07:00:00+00:00")
    recorded(ledger, found(money="900", days=4), at=night + HOUR)
    told(ledger, night + HOUR, quiet_hours=quiet)
    assert {alert.due_at for alert in every(ledger)} == {night + HOUR}


@pytest.mark.parametrize(
    ("at", "wanted"),
    [
        ("2026-10-20T12:00", "2026-10-20T12:00"),
        ("2026-10-20T19:00", "2026-10-21T06:00"),
        ("2026-10-21T05:59", "2026-10-21T06:00"),
        ("2026-10-23T19:00", "2026-10-26T06:00"),  # Friday evening -> Monday
        ("2026-10-25T12:00", "2026-10-26T06:00"),
    ],
)
def test_quiet_hours_end(at: str, wanted: str) -> None:
    quiet = QuietHours.model_validate({"since": "18:30", "until": "06:00"})
    assert waking(quiet, datetime.fromisoformat(f"{at}+00:00")) == datetime.fromisoformat(f"{wanted}+00:00")


def test_budgets_are_told_of_when_a_threshold_is_reached_and_once(ledger: Ledger) -> None:
    limits = [{"asset": "marts/orders", "amount": amount, "currency": "USD"} for amount in (3000, 9000)]
    settings = BudgetSettings.model_validate({"limits": limits})
    states = budget_states(ledger, ledger.snapshot(), settings, "2026-10")
    for _ in range(2):
        news = budget_news(desk(), ledger.database, states, Estate(), AT)
        outbox.add(ledger.database, news, AT)
    assert titles(every(ledger)) == ["post asset marts/orders has spent 108% of its month's budget"]


def test_jobs_that_fail_for_good_are_told_of_and_that_they_work_again(ledger: Ledger) -> None:
    failed = Job("sync:prod", "failed", 1, True, "prod: no grant: grant it", ended_at=AT)
    healing = Job("sync:lake", "failed", 1, False, "prod: no answer", ended_at=AT)
    for jobs in ([failed, healing], [failed, healing], [Job("sync:prod", "done", ok_at=AT), healing]):
        outbox.add(ledger.database, job_news(desk(), ledger.database, jobs, AT), AT)
    alerts = every(ledger)
    assert titles(alerts) == ["post sync:prod fails", "post sync:prod works again"]
    assert {(alert.thread, alert.target) for alert in alerts} == {(alerts[0].thread, "#data-cost")}


def test_digest_and_close_notice(ledger: Ledger) -> None:
    news = digest_news(desk(), ledger, ledger.snapshot(), AT)
    mine = {alert.target: Message.of_json(alert.body) for alert in news.alerts if "sales" in alert.thread}
    assert mine["#sales"].lead == "1,145.00 USD, +1,145.00 USD against the week before"
    assert mine["#sales"].table == (("asset", "USD", "change"), ("marts/orders", "1,145.00", "+1,145.00"))
    closing = close_news(desk(), ledger, ledger.snapshot(), AT)
    (notice,) = [Message.of_json(alert.body) for alert in closing.alerts]
    assert notice.title == "2026-09 is ready to be looked at (USD)"
    assert Decimal("4200.00") == Decimal(notice.table[-1][1].replace(",", ""))
