"""Months by integer arithmetic agree with the calendar on every day of the years it promises."""

from __future__ import annotations

import calendar
from datetime import date, timedelta

import pyarrow as pa

from costlens.engine import Engine
from costlens.model import Column
from costlens_snowflake.dates import billing_period, days_in_month


def test_every_day_from_1990_to_2099_has_its_month() -> None:
    epoch, first = date(1970, 1, 1), date(1990, 1, 1)
    days = [first + timedelta(days=n) for n in range((date(2099, 12, 31) - first).days + 1)]
    with Engine() as engine:
        held = pa.table({"day": pa.array([(day - epoch).days for day in days], pa.int32())})
        rows = engine.register(held, "days", [Column("day", "day")])
        found = engine.rows(
            rows.mutate(period=billing_period(rows.day), length=days_in_month(rows.day)).order_by("day")
        )
    for day, row in zip(days, found, strict=True):
        assert row["period"] == f"{day:%Y-%m}"
        assert row["length"] == calendar.monthrange(day.year, day.month)[1]
