"""From the ledger to the channel: a jump in cost is found, explained and told to its owner once, and so is its end."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from costlens.anomaly.store import anomalies
from costlens.config import Config, load_config
from costlens.ledger import Ledger, outbox
from costlens.service.telling import Teller
from tests.alerts.slack import TOKEN, Slack
from tests.report import books
from tests.report.books import ledger_of, line

AT = datetime(2026, 11, 20, 7, tzinfo=timezone.utc)


def lines(until: date, *, jump: date, back: date | None = None) -> list[dict[str, Any]]:
    """Return eleven weeks of two assets, one of which costs three times as much from a day on."""
    first = date(2026, 9, 4)
    days = [first + timedelta(days=number) for number in range((until - first).days)]
    found = []
    for day in days:
        cost = 150 if day < jump or (back and day >= back) else 450
        weekend = 0.5 if day.weekday() > 4 else 1.0
        queries: dict[str, Any] = {"queries": 24.0, "seconds": cost * 24.0, "shape": "s1", "user": "DBT_PROD"}
        found.append(line(str(day), str(round(cost * weekend + day.day / 7, 2)), asset="raw/events", **queries))
        found.append(line(str(day), str(round(90 * weekend + day.day / 9, 2)), asset="marts/orders", **queries))
    return found


def config_of(folder: Path, slack: Slack) -> Config:
    told = {"slack": {"bot_token": TOKEN, "api_url": f"{slack.url}/api/"}, "dashboard_url": "https://costs.example.org"}
    source = {"name": "shop", "type": "snowflake", "export": "./export"}
    body = {"lake": "./lake", "database": "sqlite:///./costlens.db", "sources": [source], "alerts": told}
    (folder / "costlens.yml").write_text(json.dumps(body))
    return load_config(folder / "costlens.yml")


def test_a_jump_is_told_to_its_owner_and_so_is_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Slack() as slack:
        config = config_of(tmp_path, slack)
        with ledger_of(tmp_path, lines(AT.date(), jump=date(2026, 11, 17))) as ledger:
            teller = Teller(config, ledger, lambda name: None, lambda: AT)
            for _ in range(2):
                teller.detect()
                teller.deliver()
        (root,) = slack.roots()
        assert root.text.startswith("raw/events costs ")
        assert "since Tue 17 Nov" in root.text
        shown = json.dumps(root.blocks)
        assert "slack_file" in shown
        assert "platform" in shown
        assert "each run takes longer" in shown
        assert "https://costs.example.org/anomalies?id=" in shown
        later = AT + timedelta(days=6)
        monkeypatch.setattr(books, "AS_OF", later)
        with ledger_of(tmp_path, lines(later.date(), jump=date(2026, 11, 17), back=date(2026, 11, 21))) as ledger:
            teller = Teller(config, ledger, lambda name: None, lambda: later)
            teller.detect()
            teller.deliver()
            assert outbox.counts(ledger.database).keys() == {"sent"}
        assert any("back to what is expected" in post.text for post in slack.replies(root))
        assert slack.refused == []


def test_a_jump_that_stays_is_told_to_be_usual_by_now(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody acknowledged it: seven weeks later the thread ends, and the level is no news any more."""
    with Slack() as slack:
        config = config_of(tmp_path, slack)
        for weeks in (0, 3, 8):
            at = AT + timedelta(weeks=weeks)
            monkeypatch.setattr(books, "AS_OF", at)
            with ledger_of(tmp_path, lines(at.date(), jump=date(2026, 11, 17))) as ledger:
                teller = Teller(config, ledger, lambda name: None, lambda at=at: at)  # type: ignore[misc]
                for _ in range(2):
                    teller.detect()
                    teller.deliver()
                (stored,) = anomalies(ledger.database, asset="raw/events")
                assert stored.status == ("resolved" if weeks == 8 else "open")
        (root,) = slack.roots()
        assert root.text.startswith("raw/events costs 3.0× as much since Tue 17 Nov")
        ends = [post.text for post in slack.replies(root) if "from now on" in post.text]
        assert ends == ["raw/events: it did not come back, and is what is expected from now on"]
        assert "Usual by now" in json.dumps(root.blocks)


@pytest.mark.parametrize("job", ["digest", "close_notice", "detect"])
def test_before_the_first_sync_there_is_nothing_to_tell(tmp_path: Path, job: str) -> None:
    with Slack() as slack, Ledger.open(str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}") as ledger:
        teller = Teller(config_of(tmp_path, slack), ledger, lambda name: None, lambda: AT)
        assert getattr(teller, job)() == ""
