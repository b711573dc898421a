"""A dear day is told in Slack while it lasts, in one thread that the day after continues; a dear morning that evens out is said to."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

from costlens.ledger import outbox
from costlens.service.telling import Teller
from tests.alerts.slack import Slack
from tests.anomaly.hourly import TODAY, Cost, at, ledger_until, steady, times
from tests.service.test_detect import config_of

MORNING = at(0) - timedelta(minutes=20)
TOMORROW = at(6) + timedelta(days=1)


def told_at(folder: Path, slack: Slack, cost: Cost, now: datetime) -> None:
    """Sync, detect and deliver at an instant, twice: the same again says nothing."""
    config = config_of(folder, slack)
    with ledger_until(folder, {"raw/events": cost, "marts/orders": steady(4)}, now) as ledger:
        teller = Teller(config, ledger, lambda name: None, lambda: now)
        for _ in range(2):
            teller.detect()
            teller.deliver()
        assert outbox.counts(ledger.database).keys() == {"sent"}


def test_a_dear_day_is_one_thread_from_its_morning_on(tmp_path: Path) -> None:
    dear = times(steady(6), 4, MORNING, MORNING + timedelta(days=1))
    with Slack() as slack:
        told_at(tmp_path, slack, dear, at(5))
        (root,) = slack.roots()
        assert root.text.startswith("raw/events cost 2.3× by 05:00 UTC on Thu 19 Nov what it usually does by 09:00")
        assert "known until 05:00 UTC, money is provisional" in json.dumps(root.blocks)
        assert "slack_file" in json.dumps(root.blocks)
        told_at(tmp_path, slack, dear, at(6))
        assert (len(slack.replies(root)), root.updates) == (0, 1), "an hour more of the same is no reply"
        told_at(tmp_path, slack, dear, at(20))
        assert len(slack.replies(root)) == 1
        told_at(tmp_path, slack, dear, TOMORROW)
        assert slack.roots() == [root]
        assert root.text.startswith("raw/events costs 4.1× as much on Thu 19 Nov")
        assert "Over: raw/events" in json.dumps(root.blocks)
        assert "the day is not over" not in json.dumps(root.blocks)
        assert slack.refused == []


def test_a_dear_morning_that_evens_out_is_said_to(tmp_path: Path) -> None:
    def early(hour: datetime) -> float:
        usual = steady(6)(hour)
        return usual if hour.date() != TODAY else usual * (2.6 if hour.hour < 6 else 0.5)

    with Slack() as slack:
        for now in (at(6), at(12), TOMORROW):
            told_at(tmp_path, slack, early, now)
        (root,) = slack.roots()
        (reply,) = slack.replies(root)
        assert reply.text == "raw/events: the day as a whole stayed within what is expected"
        assert "Over: raw/events" in json.dumps(root.blocks)
