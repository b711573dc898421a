"""What another setting of a pool would have cost, on pools small enough to reckon by hand."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from costlens.engine import Engine
from costlens.model import TABLES
from costlens_dashboard.questions import pools
from costlens_dashboard.what_if import SUSPENDS, options

SECOND = 1_000_000


def ran(kind: str, *spans: tuple[int, int]) -> dict[str, Any]:
    """Return the sums over queries that ran from and to those seconds."""
    rows = [
        {
            "source": "s",
            "pool": "p",
            "pool_id": "p",
            "pool_kind": kind,
            "started_at": first * SECOND,
            "ended_at": last * SECOND,
            "execution_ms": (last - first) * 1000,
        }
        for first, last in spans
    ]
    with Engine() as engine:
        kept = [column for column in TABLES["queries"].columns if column.name in rows[0]]
        asked = engine.register(pa.Table.from_pylist(rows), "asked", kept)
        (found,) = engine.rows(pools.intervals(asked, SUSPENDS))
    return found


def test_intervals_overlap_and_gaps_are_cut_to_the_suspend() -> None:
    found = ran("standard", (0, 100), (50, 200), (260, 300), (1300, 1400))
    assert found["ran"] == 200 + 40 + 100
    assert found["s60"] == 60 + 60
    assert found["s120"] == 60 + 120
    assert found["n60"] == 2, "the first start, and after 1,000 s"


def test_a_warehouse_that_waits_less_costs_less() -> None:
    # A SMALL has 2 credits an hour; one hour metered, 340 s of it in use.
    pool = {"own": 2.0, "idle": 8.0, "units": 2.0, "size": "SMALL"}
    pool |= ran("standard", (0, 100), (50, 200), (260, 300), (1300, 1400))
    found = {option.setting: option for option in options(pool)}
    assert found["auto-suspend 60 s"].cost == pytest.approx(10.0 * (340 + 120) / 3600)
    assert found["auto-suspend 60 s"].saved == pytest.approx(10.0 - found["auto-suspend 60 s"].cost)
    assert found["size XSMALL"].saved == pytest.approx(4.0), "half of idle; work costs the same"


def test_a_start_is_billed_a_minute_at_least() -> None:
    pool = {"own": 1.0, "idle": 9.0, "units": 1.0, "size": "XSMALL"} | ran("standard", (0, 5))
    found = {option.setting: option for option in options(pool)}
    assert found["auto-suspend 60 s"].cost == pytest.approx(10.0 * 60 / 3600)


def test_a_reservation_without_baseline_holds_slots_a_minute_longer() -> None:
    pool = {"own": 10.0, "idle": 30.0, "units": 100.0, "size": None} | ran(
        "reservation", (0, 300), (330, 630), (5000, 5600)
    )
    (found,) = options(pool)
    assert found.setting == "no baseline, autoscaled"
    assert found.cost == pytest.approx(10.0 * (1200 + 30 + 60) / 1200)
    assert found.saved == pytest.approx(40.0 - found.cost)


def test_nothing_is_said_of_what_is_not_known_or_no_cheaper() -> None:
    spans = ran("standard", (0, 3600))
    assert options({"own": 10.0, "idle": 0.0, "units": 1.0, "size": "XSMALL"} | spans) == []
    assert options({"own": 10.0, "idle": 5.0, "units": 1.0, "size": None} | spans) == []
    assert options({"own": 10.0, "idle": 5.0, "units": 0.0, "size": "SMALL"} | spans) == []
    assert options({"own": 10.0, "idle": 0.0, "units": 9.0} | ran("reservation", (0, 3600))) == []
