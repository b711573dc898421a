"""Queries that run away: told of while they run, by money or by their shape's history; provisional, and nothing is cancelled."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlglot
from sqlglot import exp

from costlens.alerts.delivery import channels
from costlens.alerts.desk import Desk
from costlens.alerts.message import Message
from costlens.alerts.runaway_news import runaway_news
from costlens.estate import Estate
from costlens.ledger import Ledger, outbox
from costlens.runaway import Running
from costlens.service.tasks import shows_running
from costlens.service.telling import Teller
from costlens.settings.alerts import Settings
from costlens_bigquery import BigQuery
from costlens_snowflake import Snowflake
from costlens_snowflake.live import SnowflakeReader
from tests.alerts.slack import TOKEN, Slack
from tests.service.conftest import Make
from tests.sync.conftest import Company

#: Of Snowflake's reference: what INFORMATION_SCHEMA.QUERY_HISTORY returns.
DOCUMENTED = {
    *("query_id", "query_text", "database_name", "schema_name", "query_type", "session_id", "user_name", "role_name"),
    *("warehouse_name", "warehouse_size", "warehouse_type", "cluster_number", "query_tag", "execution_status"),
    *("start_time", "end_time", "total_elapsed_time", "query_hash", "query_parameterized_hash"),
}


@pytest.fixture
def slack() -> Iterator[Slack]:
    with Slack() as served:
        yield served


NOW = datetime(2026, 10, 20, 14, tzinfo=timezone.utc)


def row(query: str, hours: float, **other: Any) -> dict[str, Any]:
    """Return a row of the table function; the query began so many hours ago."""
    now = NOW
    base = {"query_id": query, "query_text": "select * from events where secret = 'hunter2'", "user_name": "ADA"}
    base |= {
        "role_name": "ANALYST",
        "warehouse_name": "ADHOC_WH",
        "warehouse_size": "X-Large",
        "warehouse_type": "STANDARD",
    }
    base |= {
        "execution_status": "RUNNING",
        "start_time": (now - timedelta(hours=hours)).isoformat(),
        "read_on": str(now.date()),
    }
    return {**base, **other}


@pytest.fixture
def company(make_synced: Make, export: Path, slack: Slack, tmp_path: Path) -> Company:
    """A company whose export also says what runs now."""
    shutil.copytree(export, tmp_path / "export")
    told = {"slack": {"bot_token": TOKEN, "api_url": f"{slack.url}/api/", "plots": False}}
    source = {
        "name": "prod",
        "type": "snowflake",
        "export": str(tmp_path / "export"),
        "rates": {"compute": 2.85, "currency": "USD"},
    }
    return make_synced(sources=[source], alerts=told)


def look(company: Company, *rows: dict[str, Any]) -> str:
    """Look at what runs, and deliver."""
    (company.folder / "export" / "running_queries.jsonl").write_text("".join(json.dumps(one) + "\n" for one in rows))
    config = company.config
    assert shows_running(config.sources[0])
    with company.ledger() as ledger:
        teller = Teller(config, ledger, lambda name: None, lambda: NOW)
        said = teller.runaways(config.sources[0])
        teller.deliver()
    return said


def test_a_query_that_costs_too_much_is_told_of_while_it_runs(company: Company, slack: Slack) -> None:
    """An X-Large takes 16 credits an hour: two hours are about 32, which is what the ledger's price makes of them."""
    price = float(
        company.sql(
            "select max(price)::double from rates where feed = 'resolved' and unit = 'credits' and service = 'WAREHOUSE_METERING'"
        )[0][0]
    )
    done = row("small", 0.01), row("queued", 9, execution_status="QUEUED"), row("none", 9, warehouse_size=None)
    said = look(company, row("large", 2), *done)
    assert said == "1 of 3 running queries cost too much; 1 alerts"
    (root,) = slack.roots()
    cost = float(root.text.split("about ")[1].split(" ")[0])
    assert cost == pytest.approx(32 * price, rel=0.01)
    shown = json.dumps(root.blocks)
    assert "ADA" in shown
    assert "XLARGE" in shown
    assert "provisional" in shown
    assert "hunter2" not in shown
    look(company, row("large", 2))
    assert len(slack.posts) == 1, "told once"
    look(company, row("large", 4.2))
    look(company, row("another", 0.01))
    assert [post.text.split(":")[0] for post in slack.replies(root)] == [
        slack.replies(root)[0].text.split(":")[0],
        "It has ended. What it cost is known when the warehouse has metered it",
    ]
    look(company, row("another", 0.01))
    assert len(slack.posts) == 3
    assert slack.refused == []


def test_a_query_beyond_its_shapes_history_is_told_of_earlier(company: Company, slack: Slack) -> None:
    shape, cost = company.sql(
        """
        with paid as (select shape, query_id, sum(cost)::double as cost from charges join queries using (query_id) group by all)
        select shape, quantile_cont(cost, 0.95)::double from paid where shape is not null group by all having sum(cost) > 0 order by 2
        """
    )[0]
    assert cost < 1
    assert look(company, row("usual", 0.2, query_parameterized_hash=shape)).startswith("1 of 1")
    assert "usually costs up to" in json.dumps(slack.roots()[0].blocks)
    assert (
        look(company, row("unknown", 0.2, query_parameterized_hash="other"))
        == "0 of 1 running queries cost too much; 1 alerts"
    )


def test_what_is_read_is_documented_and_asked_of_the_function() -> None:
    view = Snowflake.running
    assert view is not None
    placed = SnowflakeReader._placed(_Reader(), Snowflake.sql(view))  # type: ignore[arg-type]
    assert "from table(snowflake.information_schema.query_history(result_limit => 10000))" in placed
    tree = sqlglot.parse_one(placed, read="snowflake")
    assert {column.name.lower() for column in tree.find_all(exp.Column) if not column.table} <= DOCUMENTED
    job = BigQuery.running
    assert job is not None
    text = sqlglot.parse_one(BigQuery.sql(job).format(project="p", region="us"), read="bigquery")
    assert {column.name for column in text.find_all(exp.Column)} <= {column.name for column in job.columns}


class _Reader:
    """What `_placed` looks at."""

    class _settings:  # noqa: N801
        database, account_usage, organization_usage = "SNOWFLAKE", "ACCOUNT_USAGE", "ORGANIZATION_USAGE"


def test_mute_rules_hold_for_runaways_and_others_are_told_at_night(tmp_path: Path) -> None:
    at = datetime(2026, 11, 26, 2, tzinfo=timezone.utc)
    settings = Settings.model_validate({"mute": [{"kind": "runaway", "key": "LOADER"}], "quiet_hours": {"since": "20:00", "until": "07:00"},
                                        "webhook": {"url": "http://127.0.0.1:1/x", "secret": "y"}})  # fmt: skip
    desk = Desk.of(settings, channels(settings), Estate())
    runs = [Running("prod", name, user, "WH", "LARGE", at, None, None, Decimal(99), "USD", "size") for name, user in
            (("a", "LOADER"), ("b", "ADA"))]  # fmt: skip
    with Ledger.open(str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}") as ledger:
        outbox.add(ledger.database, runaway_news(desk, ledger.database, "prod", runs, {"a", "b"}, at), at)
        (alert,) = outbox.due(ledger.database, at)
    assert Message.of_json(alert.body).facts[0].text == "ADA"
