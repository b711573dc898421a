"""Writes the made-up project as a folder of exported views, as a user would export them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tests.bigquery.world import ADMIN, BILLING, PROJECT, SNAPSHOT_DAY, WORLD, Row

PACIFIC = ZoneInfo("America/Los_Angeles")


def write(folder: Path) -> Path:
    """Write every view as JSON lines below `folder`, region by region, and return it."""
    for region, views in WORLD.items():
        place = folder / f"region-{region}"
        place.mkdir(parents=True)
        for view, rows in views.items():
            dated = [row | {"snapshot_date": SNAPSHOT_DAY} for row in rows] if view == "capacity_commitments" else rows
            lines(place / f"{view}.jsonl", dated)
    lines(folder / "billing_export.jsonl", flat_billing())
    return folder


def lines(path: Path, rows: list[Row]) -> None:
    path.write_text("".join(json.dumps(row, default=_text) + "\n" for row in rows), encoding="utf-8")


def flat_billing() -> list[Row]:
    """Sum the billing export in plain Python: what `live/billing_export.sql` must give."""
    sums: dict[tuple[Any, ...], list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in BILLING:
        service, sku = row["service"]["description"], row["sku"]["description"]
        if not service.startswith("BigQuery") or "Attribution" in sku or row["project"]["id"] not in {PROJECT, ADMIN}:
            continue
        day = row["usage_start_time"].astimezone(PACIFIC).date()
        usage = row["usage"]
        place, kind = (row["project"]["id"], row["location"]["location"]), (row["cost_type"], row["currency"])
        key = (day, row["invoice"]["month"], *place, service, sku, *kind, usage["pricing_unit"])
        sums[key][0] += Decimal(str(usage["amount_in_pricing_units"]))
        sums[key][1] += Decimal(str(row["cost"])) + sum(Decimal(str(c["amount"])) for c in row["credits"])
    names = ("usage_date", "invoice_month", "project_id", "location", "service", "sku", "cost_type", "currency")
    return [
        dict(zip((*names, "pricing_unit", "amount", "cost"), (*key, *map(str, both)), strict=True))
        for key, both in sums.items()
    ]


def _text(value: object) -> str:
    assert isinstance(value, date | datetime)
    return value.isoformat()
