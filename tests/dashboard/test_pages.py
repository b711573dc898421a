"""Every page on the sample month, as Streamlit runs it."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from costlens.commands import main
from costlens_dashboard.frame import PAGES

from .conftest import Open, words


@pytest.mark.parametrize("page", [entry.name for entry in PAGES])
def test_a_page_shows_the_sample_month(show: Open, demo: Path, page: str) -> None:
    app = show(demo, page)
    assert not app.exception
    assert app.title[0].value
    assert any("snapshot 2" in caption.value for caption in app.caption), "a page says which snapshot it shows"


def test_the_overview_has_the_invoices_figure(show: Open, demo: Path) -> None:
    app = show(demo)
    shown = {metric.label: metric.value for metric in app.metric}
    assert shown["Charged, USD"] == r"38,081\.28"
    assert shown["Billed, USD"] == r"38,081\.28"
    assert shown["Residual, USD"] == r"0\.00"
    assert any("final before 1 Nov 2026" in caption.value for caption in app.caption), "as the report says"


def test_what_is_nobodys_of_a_month_is_what_its_report_says(show: Open, demo: Path) -> None:
    arguments = ["--config", str(demo), "--month", "2026-10"]
    done = CliRunner().invoke(main, ["report", *arguments, "--by", "team", "--format", "csv"])
    lines = {row["team"]: Decimal(row["cost"]) for row in csv.DictReader(io.StringIO(done.output))}
    nobodys = sum((lines[name] for name in ("(idle)", "(unattributed)", "(overhead)")), Decimal(0))
    more = Decimal("0.38")  # what Snowflake's bill adds; BigQuery's takes away, which is no spend
    app = show(demo, "unattributed")
    assert f"{nobodys + more:,.0f} USD" in words(app)
    assert "Of October 2026" in words(app)
    done = CliRunner().invoke(main, ["unattributed", *arguments, "--json"])
    groups = json.loads(done.output)
    assert (
        sum((Decimal(group["cost"]) for group in groups), Decimal(0)).quantize(Decimal("0.01"))
        == lines["(unattributed)"]
    )
    assert any(group["kind"] == "service" for group in groups), "data transfer is nobody's too"


def test_an_address_sets_the_filters(show: Open, demo: Path) -> None:
    app = show(demo, period="Last 30 days", team="growth")
    assert app.selectbox(key="period").value == "30d"
    assert app.selectbox(key="team").value == "growth"
    app.selectbox(key="source").set_value("encore-prod").run()
    assert not app.exception


def test_what_an_address_cannot_mean_is_left_out(show: Open, demo: Path) -> None:
    app = show(demo, period="1999-01", team="<script>", source="nowhere", by="nothing")
    assert not app.exception
    assert app.selectbox(key="team").value == "all"


@pytest.mark.parametrize(("page", "name"), [("asset", "old/[x](http://x)"), ("pools", "GONE_WH · encore-prod")])
def test_a_link_to_what_has_no_cost_says_so_and_shows_no_other(show: Open, demo: Path, page: str, name: str) -> None:
    key = {"pools": "pool"}.get(page, page)
    app = show(demo, page, **{key: name})
    assert not app.exception
    assert "has no cost in this period" in words(app)
    assert app.selectbox(key=key).value == name
    app.selectbox(key="source").set_value("encore-prod").run()
    assert app.selectbox(key=key).value == name, "another filter does not change what is asked for"
    app.selectbox(key=key).set_value(app.selectbox(key=key).options[0]).run()
    assert "has no cost in this period" not in words(app)
