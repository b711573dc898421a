"""The outbox and the jobs in SQLite and in PostgreSQL: nothing twice, order within a thread, one claim at a time."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta, timezone

from costlens.errors import LedgerError
from costlens.ledger import Ledger, jobs, outbox
from costlens.ledger.outbox import Alert, News, Subject, alert_id

AT = datetime(2026, 11, 26, 10, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def alert(event: str, thread: str = "t", target: str = "#a", **other: object) -> Alert:
    return Alert(alert_id(thread, "slack", target, event), thread, "slack", target, "post", {"title": event}, **other)  # type: ignore[arg-type]


def titles(ledger: Ledger, at: datetime = AT) -> list[str]:
    return [one.body["title"] for one in outbox.due(ledger.database, at)]


def test_an_alert_is_put_in_once_and_sent_in_the_order_of_its_thread(ledger: Ledger) -> None:
    database = ledger.database
    news = News([alert("1"), alert("2"), alert("other", thread="u")], [Subject("anomaly:x", "t", "{}")])
    assert outbox.add(database, news, AT) == 3
    assert outbox.add(database, news, AT) == 0
    assert titles(ledger) == ["1", "other"]
    first = outbox.due(database, AT)[0]
    assert outbox.claim(database, first, AT, MINUTE)
    assert not outbox.claim(database, first, AT, MINUTE)
    assert titles(ledger) == ["other"]
    outbox.sent(database, first, {"ts": "1"}, AT)
    assert titles(ledger) == ["other", "2"] or titles(ledger) == ["2", "other"]
    assert outbox.reference(database, first) == {"ts": "1"}
    assert outbox.subjects(database, "anomaly:") == {"anomaly:x": Subject("anomaly:x", "t", "{}")}
    assert outbox.counts(database) == {"sent": 1, "pending": 2}
    assert outbox.forget(database, AT + MINUTE) == 1


def test_what_a_dead_service_had_claimed_comes_free_and_what_waits_goes_elsewhere(ledger: Ledger) -> None:
    database = ledger.database
    outbox.add(database, News([alert("1"), alert("2")]), AT)
    (first,) = outbox.due(database, AT)
    assert outbox.claim(database, first, AT, 60 * MINUTE)
    assert titles(ledger, AT + MINUTE) == []
    outbox.release(database, AT + MINUTE)
    (again,) = outbox.due(database, AT + MINUTE)
    assert (again.id, again.attempts) == (first.id, 1)
    outbox.reroute(database, again, "#default", "not there", AT)
    assert outbox.due(database, AT)[0].target == "#default"
    outbox.fail(database, again, AT, "no")
    assert [one.message for one in outbox.failures(database, AT)] == ["no"]
    assert titles(ledger) == ["2"]


def test_of_many_who_claim_at_once_one_gets_it(ledger: Ledger) -> None:
    outbox.add(ledger.database, News([alert("1")]), AT)
    (one,) = outbox.due(ledger.database, AT)
    got: list[bool] = []
    gate = threading.Barrier(6)

    def claim() -> None:
        gate.wait()
        try:
            got.append(outbox.claim(ledger.database, one, AT, MINUTE))
        except LedgerError:
            got.append(False)

    threads = [threading.Thread(target=claim) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 5 + [True]


def test_jobs_know_how_they_went_and_a_dead_services_runs_are_abandoned(ledger: Ledger) -> None:
    database = ledger.database
    for number in range(2):
        run = jobs.begin(database, "sync:a", "host:1", AT)
        job = jobs.end(database, run, "sync:a", "failed", AT, message="no answer")
        assert job.failures == number + 1
    run = jobs.begin(database, "sync:a", "host:1", AT)
    assert jobs.end(database, run, "sync:a", "done", AT + MINUTE).failures == 0
    jobs.begin(database, "sync:b", "host:1", AT)
    jobs.plan(database, "gone", AT)
    assert jobs.take_over(database, ["sync:a", "sync:b"], AT + MINUTE) == 1
    assert {job.name: job.state for job in jobs.every(database)} == {"sync:a": "done", "sync:b": "abandoned"}
    assert [run.state for run in jobs.runs(database, "sync:a")].count("failed") == 2
    assert jobs.forget(database, AT + MINUTE) == 4
    found = jobs.find(database, "sync:a")
    assert found is not None
    assert found.ok_at == AT + MINUTE
