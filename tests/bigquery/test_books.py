"""From an export to money: what the made-up project owes by list prices, worked out by hand."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa
import pytest

from costlens.engine import Engine
from costlens.errors import ViewUnavailable
from costlens.exports import ExportReader
from costlens.model import FACTS, RATES, TABLES
from costlens.price import needs, price, resolve_rates
from costlens_bigquery import BigQuery
from tests.bigquery.world import Row

SINCE = datetime(2026, 10, 1, tzinfo=timezone.utc)
UNTIL = datetime(2026, 12, 1, tzinfo=timezone.utc)
DAYS = range(20_754, 20_760)
API = "BigQuery Reservation API"
CENT = Decimal("0.000001")


@pytest.fixture(scope="module")
def charges(export: Path) -> list[Row]:
    """All charges but those that reconcile with the bill, which is left out here."""
    connector = BigQuery(BigQuery.Settings(name="b", type="bigquery", export=export))
    with Engine() as engine:
        reader, parts = ExportReader(connector, engine), defaultdict(list)
        for view in connector.views:
            if view.name == "billing_export":
                continue
            try:
                for fact in connector.normalise(view, reader.rows(view, SINCE, UNTIL)):
                    named = fact.rows.mutate(source=ibis.literal("b"), feed=ibis.literal(view.name))
                    parts[fact.table].append(named.select(*TABLES[fact.table].names))
            except ViewUnavailable:
                pytest.fail(f"the export lacks {view.name}")
        facts = {name: engine.materialise(ibis.union(*rows), name) for name, rows in parts.items()}
        facts = {name: facts.get(name, engine.files(TABLES[name], [])) for name in FACTS}
        settled = dict(connector.settle(facts))
        wanted = engine.rows(needs(settled, connector.billing, DAYS))
        as_of = int(UNTIL.timestamp()) * 1_000_000
        rates = resolve_rates([], [], connector.rates(), wanted, connector.billing, DAYS, as_of)
        held = pa.table(
            {c.name: pa.array([{**row, "source": "b"}.get(c.name) for row in rates]) for c in RATES.columns}
        )
        known = engine.register(held, "known", RATES.columns)
        return engine.rows(price(settled, known, connector.billing, DAYS, as_of, engine.materialise))


def total(charges: list[Row], **wanted: Any) -> Decimal:
    rows = [row for row in charges if all(row[name] == value for name, value in wanted.items())]
    return sum((row["cost"] for row in rows), Decimal(0))


def test_reservations_owe_commitments_then_baselines_then_what_was_scaled(charges: list[Row]) -> None:
    owed = sum(row["cost"] for row in charges if row["service"].startswith(API))
    committed, used, scaled = 2400 * Decimal("0.048"), 40 * Decimal("0.06"), 25 * Decimal("0.06")
    assert abs(owed - (committed + used + scaled)) < CENT
    unused = total(charges, object="unused commitment")
    assert abs(unused - 2200 * Decimal("0.048")) < CENT


def test_borrowed_slots_cost_the_borrower_nothing(charges: list[Row]) -> None:
    """At 15:00 `etl` used 56.7 of its 100; at 14:00 `bi` had 40 and used none: all idle."""
    assert total(charges, pool="bi", category="query") == 0
    assert total(charges, pool="bi", category="idle") > 0
    for hour in {row["hour"] for row in charges if row["pool"] == "etl"}:
        assert total(charges, pool="etl", hour=hour, category="query") > 0


def test_jobs_owe_the_bytes_that_were_billed(charges: list[Row]) -> None:
    gib = Decimal("6.25") / 1024
    costs = {
        row["query_id"].rpartition(".")[2]: row["cost"]
        for row in charges
        if row["method"] == "bytes" and ":US." in row["query_id"]
    }
    wanted = {"plain": Decimal("6.25"), "script_1": gib, "script_2": 2 * gib, "stopped": 2 * gib}
    wanted |= dict.fromkeys(("overnight", "before_month_end", "after_month_end"), gib)
    assert {name: cost for name, cost in costs.items() if cost} == pytest.approx(wanted, abs=CENT)
    assert sum(row["units"] for row in charges if row["method"] == "bytes") > 2


def test_months_are_pacific(charges: list[Row]) -> None:
    periods = {row["query_id"].rpartition(".")[2]: row["billing_period"] for row in charges if row["query_id"]}
    assert (periods["before_month_end"], periods["after_month_end"]) == ("2026-10", "2026-11")
    storage = {(row["day"], row["billing_period"]) for row in charges if row["category"] == "storage"}
    assert storage == {(20_757, "2026-10"), (20_758, "2026-11")}


def test_all_is_priced(charges: list[Row]) -> None:
    assert {row["rate_origin"] for row in charges if row["units"]} == {"list"}
