"""Anomalies as the detector records them, with explanations as `costlens.anomaly` makes them."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from costlens.anomaly.store import Changes, Found, Judged, record
from costlens.ledger import Ledger

AT = datetime.fromisoformat("2026-10-20T06:00:00+00:00")
DAY = timedelta(days=1)


def explanation(driver: str = "seconds per run", pool: str = "WH", amount: str = "540") -> dict[str, Any]:
    """Return why: a shape of the asset takes longer since a commit."""
    text = "insert into marts.orders select o.*, c.region from raw.orders o join raw.customers c on o.customer_id = c.id where o.day >= ?"
    query: dict[str, Any] = {
        "source": "shop",
        "query_id": "01b2-77",
        "user": "DBT_PROD",
        "pool": pool,
        "pool_size": "LARGE",
    }
    query |= {"ended_at": "2026-10-17T02:40:00+00:00", "seconds": 2210.0, "cost": "71.40"}
    shape = {
        "name": "a1b2c3",
        "before": "360",
        "after": "900",
        "change": amount,
        "drivers": {driver: amount},
        "text": text,
        "queries": [query],
    }
    asset = {
        "name": "marts/orders",
        "before": "420",
        "after": "1005",
        "change": "585",
        "drivers": {driver: amount, "runs": "45"},
        "parts": [shape],
    }
    run = {"run_id": "8f2e1c", "orchestrator": "dagster", "started_at": "2026-10-17T02:02:00+00:00"}
    code = {
        "code_ref": "models/marts/orders.sql",
        "code_version": "9c1fe02ab41",
        "code_version_before": "77aa01bc2d",
        "first_day": "2026-10-17",
    }
    also = [{"kind": "team", "key": "growth", "source": "", "money": "590"}]
    part = {"before": "420", "after": "1005", "change": "585", "drivers": {}}
    return {
        "currency": "USD", "before": "420", "after": "1005", "change": "585",
        "drivers": [{"driver": driver, "amount": amount, "meaning": ""}, {"driver": "runs", "amount": "45", "meaning": ""}],
        "assets": {"parts": [asset], "rest": "0"}, "users": {"parts": [{"name": "DBT_PROD", **part}], "rest": "0"},
        "pools": {"parts": [{"name": pool, **part}], "rest": "0"},
        "origin": {"asset": "marts/orders", "run": run, "code": code},
        "compared_with": "2026-09-19 to 2026-10-10", "days_compared_with": 12,
        "also": also,
    }  # fmt: skip


def found(
    key: str = "marts/orders", *, money: str = "585", days: int = 3, team: str | None = "growth", **other: Any
) -> Found:
    """Return an anomaly of an asset from the 17th of October on."""
    first = date(2026, 10, 17)
    expected = Decimal(140 * days)
    base: dict[str, Any] = {
        "kind": "asset", "key": key, "source": "shop", "currency": "USD", "form": "shift", "first_day": first,
        "last_day": first + (days - 1) * DAY, "actual": expected + Decimal(money), "expected": expected,
        "low": Decimal(110 * days), "high": Decimal(170 * days), "money": Decimal(money),
        "per_month": Decimal(money) / days * 30, "team": team, "explanation": explanation(),
    }  # fmt: skip
    return Found(**{**base, **other})


def recorded(ledger: Ledger, *ones: Found, at: datetime = AT) -> Changes:
    """Record what was found as a detection of the last 35 days does."""
    judged = Judged(date(2026, 9, 15), at.date(), ("asset", "team", "pool"))
    return record(ledger.database, list(ones), judged=judged, snapshot=1, at=at)
