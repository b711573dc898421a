"""Anomalies as the database keeps them, on SQLite and PostgreSQL: found, changed, over, withdrawn, and what people do."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from costlens.anomaly.store import Found, Judged, act, anomalies, history, record
from costlens.errors import UsageError
from costlens.ledger import Ledger

AT = datetime(2026, 11, 12, 6, tzinfo=timezone.utc)
JUDGED = Judged(date(2026, 11, 1), date(2026, 11, 12))
SPIKE = Found(
    kind="asset",
    key="marts/orders",
    source="prod",
    currency="USD",
    form="spike",
    first_day=date(2026, 11, 11),
    last_day=date(2026, 11, 11),
    actual=Decimal("400.000000000001"),
    expected=Decimal(100),
    low=Decimal(80),
    high=Decimal(120),
    money=Decimal("300.000000000001"),
    per_month=Decimal("9125.00"),
    team="growth",
    explanation={"drivers": {"runs": "300"}},
)


def test_found_once_is_one_row_however_often_it_is_told(ledger: Ledger) -> None:
    first = record(ledger.database, [SPIKE], judged=JUDGED, snapshot=1, at=AT)
    again = record(ledger.database, [SPIKE], judged=JUDGED, snapshot=2, at=AT + timedelta(hours=1))
    (stored,) = anomalies(ledger.database)
    assert first.new == (stored,)
    assert (again.new, again.changed, again.resolved) == ((), (), ())
    assert (stored.status, stored.revision, stored.actual) == ("open", 0, SPIKE.actual)
    assert stored.explanation == SPIKE.explanation


def test_a_spike_that_goes_on_is_the_same_anomaly(ledger: Ledger) -> None:
    record(ledger.database, [SPIKE], judged=JUDGED, snapshot=1, at=AT)
    longer = replace(SPIKE, form="shift", last_day=date(2026, 11, 13), money=Decimal(900), explanation=None)
    later = Judged(JUDGED.since, date(2026, 11, 14))
    changes = record(ledger.database, [longer], judged=later, snapshot=2, at=AT + timedelta(days=2))
    (stored,) = anomalies(ledger.database)
    assert changes.changed == (stored,)
    assert (stored.form, stored.revision, stored.detected_at) == ("shift", 1, AT)
    assert stored.explanation == SPIKE.explanation


def test_what_is_over_is_resolved_and_may_come_back(ledger: Ledger) -> None:
    record(ledger.database, [SPIKE], judged=JUDGED, snapshot=1, at=AT)
    over = record(ledger.database, [replace(SPIKE, is_over=True)], judged=JUDGED, snapshot=2, at=AT)
    assert [one.status for one in over.resolved] == ["resolved"]
    back = record(ledger.database, [SPIKE], judged=JUDGED, snapshot=3, at=AT)
    assert [one.status for one in back.changed] == ["open"]
    assert [event.action for event in history(ledger.database, over.resolved[0].id)] == ["found", "over", "found"]


def test_what_late_data_takes_away_is_withdrawn(ledger: Ledger) -> None:
    record(ledger.database, [SPIKE], judged=JUDGED, snapshot=1, at=AT)
    narrow = Judged(date(2026, 11, 1), date(2026, 11, 11))
    assert record(ledger.database, [], judged=narrow, snapshot=2, at=AT).resolved == ()
    other = Judged(JUDGED.since, JUDGED.until, sources={"other"})
    assert record(ledger.database, [], judged=other, snapshot=2, at=AT).resolved == ()
    (gone,) = record(ledger.database, [], judged=JUDGED, snapshot=2, at=AT).resolved
    assert history(ledger.database, gone.id)[-1].action == "withdrawn"


def test_what_stays_until_its_days_are_past_is_usual(ledger: Ledger) -> None:
    shift = replace(SPIKE, form="shift", last_day=date(2026, 11, 24))
    record(ledger.database, [shift], judged=Judged(date(2026, 11, 1), date(2026, 11, 25)), snapshot=1, at=AT)
    still = Judged(date(2026, 11, 24), date(2026, 12, 28))
    assert record(ledger.database, [shift], judged=still, snapshot=2, at=AT).resolved == ()
    past = Judged(date(2026, 11, 25), date(2026, 12, 29))
    (stayed,) = record(ledger.database, [], judged=past, snapshot=3, at=AT).resolved
    assert history(ledger.database, stayed.id)[-1].action == "stayed"
    assert record(ledger.database, [], judged=past, snapshot=4, at=AT).resolved == ()


def test_up_and_down_are_two(ledger: Ledger) -> None:
    drop = replace(SPIKE, form="drop", first_day=date(2026, 11, 10), last_day=date(2026, 11, 10), money=Decimal(-50))
    assert len(record(ledger.database, [SPIKE, drop], judged=JUDGED, snapshot=1, at=AT).new) == 2


def test_people_acknowledge_snooze_and_comment(ledger: Ledger) -> None:
    (made,) = record(ledger.database, [SPIKE], judged=JUDGED, snapshot=1, at=AT).new
    assert act(ledger.database, made.id, "acknowledge", who="ann", at=AT).status == "acknowledged"
    record(ledger.database, [replace(SPIKE, actual=Decimal(401))], judged=JUDGED, snapshot=2, at=AT)
    assert anomalies(ledger.database)[0].status == "acknowledged"
    until = AT + timedelta(days=1)
    assert act(ledger.database, made.id, "snooze", who="ann", at=AT, until=until).snoozed_until == until
    assert act(ledger.database, made.id, "comment", who="bo", at=AT, text="a back-fill").status == "snoozed"
    (woken,) = record(ledger.database, [SPIKE], judged=JUDGED, snapshot=3, at=until).changed
    assert woken.status == "open"
    told = [(event.who, event.action, event.text) for event in history(ledger.database, made.id)]
    assert ("bo", "comment", "a back-fill") in told
    assert act(ledger.database, made.id, "reopen", who="bo", at=until).status == "open"


@pytest.mark.parametrize(
    ("action", "message"),
    [("delete", "no action"), ("snooze", "in the future"), ("comment", "needs a text"), ("reopen", "no anomaly")],
)
def test_what_cannot_be_is_refused(ledger: Ledger, action: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        act(ledger.database, "0" * 16, action, who="ann", at=AT)


def test_asked_by_day_team_asset_and_status(ledger: Ledger) -> None:
    team = replace(SPIKE, kind="team", key="growth", source="")
    record(ledger.database, [SPIKE, team], judged=JUDGED, snapshot=1, at=AT)
    database = ledger.database
    assert len(anomalies(database, team="growth")) == 2
    assert [one.kind for one in anomalies(database, asset="marts/orders")] == ["asset"]
    assert anomalies(database, since=date(2026, 11, 12)) == ()
    assert anomalies(database, until=date(2026, 11, 11)) == ()
    assert anomalies(database, statuses=["resolved"]) == ()
    assert len(anomalies(database, statuses=["open"], since=date(2026, 11, 11), until=date(2026, 11, 12))) == 2
