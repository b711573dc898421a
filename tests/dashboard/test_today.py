"""The Anomalies page of a day that is not over: until when it is known, each day up to the same hour."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

from costlens.anomaly import watch
from costlens.settings.anomalies import Settings
from tests.anomaly.hourly import at, ledger_until, steady, times
from tests.dashboard.conftest import Open, words


def test_the_page_says_that_the_day_is_not_over(show: Open, tmp_path: Path) -> None:
    morning = at(0) - timedelta(minutes=20)
    dear = times(steady(6), 4, morning, morning + timedelta(days=1))
    source = {"name": "shop", "type": "snowflake", "export": "./export"}
    body = {"lake": f"{tmp_path}/lake", "database": f"sqlite:///{tmp_path}/costlens.db", "sources": [source]}
    (tmp_path / "costlens.yml").write_text(json.dumps(body))
    with ledger_until(tmp_path, {"raw/events": dear, "marts/orders": steady(4)}, at(5)) as ledger:
        watch(ledger, ledger.snapshot(), Settings(), at(5), at(5))
    app = show(tmp_path / "costlens.yml", "anomalies")
    assert not app.exception
    said = words(app).replace("\\", "").replace("\u2060", "")
    assert "by 05:00 UTC, a day that is not over: money is provisional; open" in said
    assert "Cost by 09:00 UTC of each day, of the last one by 05:00" in said
    (chart,) = [chart for chart in app.get("vega_lite_chart") if "up to the same hour" in json.dumps(str(chart.proto))]
    assert chart is not None
