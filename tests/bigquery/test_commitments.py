"""Committed slots pay for baselines first, and are owed where there is none: no slot-hour is lost or paid twice."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.engine import Engine
from costlens.model import METERING, MICROSECONDS_PER_DAY, MICROSECONDS_PER_HOUR, USAGE, Table
from costlens_bigquery.commitments import settle

DAY = 20_756
API = "BigQuery Reservation API"
Row = dict[str, Any]


def metered(pool: str, hour: int, units: str, edition: str = "ENTERPRISE", part: str = "baseline", **more: Any) -> Row:
    at = DAY * MICROSECONDS_PER_DAY + hour * MICROSECONDS_PER_HOUR
    row = {"source": "s", "feed": "reservations_timeline", "day": DAY, "pool_id": pool, "pool": pool, "hour": at}
    row |= {"pool_kind": "reservation", "account": "admin", "region": "us", "service": f"{API}/{part} {edition}"}
    return row | {"unit": "slot-hours", "units": Decimal(units)} | more


def committed(name: str, slots: int, plan: str = "ANNUAL", edition: str = "ENTERPRISE", **more: Any) -> Row:
    at = DAY * MICROSECONDS_PER_DAY
    row = {"source": "s", "feed": "capacity_commitments", "day": DAY, "account": "admin", "region": "us"}
    row |= {"service": f"{API}/commitment {edition} {plan}", "category": "other", "kind": "commitment"}
    row |= {"object_id": name, "object": name, "started_at": at, "ended_at": at + MICROSECONDS_PER_DAY}
    return row | {"unit": "slot-hours", "units": Decimal(slots * 24)} | more


Settled = Callable[[list[Row], list[Row]], tuple[list[Row], list[Row]]]


class Books:
    """Two tables of a connection, and what settles them: written once, run often; of tables without a row nothing would be written."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.tables = {
            table.name: self.engine.register(arrow(table, [row]), table.name, table.columns)
            for table, row in ((METERING, metered("any", 0, "1")), (USAGE, committed("any", 1)))
        }
        found = settle(self.tables)
        assert all(rows.schema() == self.tables[name].schema() for name, rows in found.items())
        self.statements = {name: self.engine.sql(rows) for name, rows in found.items()}

    def settled(self, metering: list[Row], usage: list[Row]) -> tuple[list[Row], list[Row]]:
        for table, rows in ((METERING, metering), (USAGE, usage)):
            name = self.tables[table.name].get_name()
            self.engine.connection.execute(f'delete from "{name}"')
            self.engine.connection.register("given", arrow(table, rows))
            self.engine.connection.execute(f'insert into "{name}" by name select * from given')
        results = (self.engine.connection.execute(sql).to_arrow_table().to_pylist() for sql in self.statements.values())
        after_metering, after_usage = results
        return after_metering, after_usage


def arrow(table: Table, rows: list[Row]) -> pa.Table:
    return pa.table({c.name: pa.array([row.get(c.name) for row in rows]) for c in table.columns})


@pytest.fixture(scope="module")
def settled() -> Iterator[Settled]:
    """Settles metering and usage lines of one day."""
    with Engine() as engine:
        yield Books(engine).settled


def units(rows: list[Row]) -> dict[str, Decimal]:
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["service"].removeprefix(f"{API}/")] += row["units"]
    return {service: amount for service, amount in sums.items() if amount}


def test_commitments_pay_for_baselines_first(settled: Settled) -> None:
    metering, usage = settled([metered("a", 3, "150")], [committed("c", 100)])
    assert units(metering) == {"baseline ENTERPRISE": 50, "commitment ENTERPRISE ANNUAL": 100}
    assert units(usage) == {"commitment ENTERPRISE ANNUAL": 23 * 100}
    assert {row["object"] for row in usage} == {"unused commitment"}


def test_a_commitment_without_reservation_is_all_unused(settled: Settled) -> None:
    metering, usage = settled([], [committed("c", 100), committed("d", 20)])
    assert not metering
    assert units(usage) == {"commitment ENTERPRISE ANNUAL": 2880}


def test_reservations_share_a_commitment_by_their_baselines(settled: Settled) -> None:
    metering, _ = settled([metered("a", 3, "300"), metered("b", 3, "100")], [committed("c", 100)])
    parts = {(row["pool"], row["service"].split("/")[1]): row["units"] for row in metering}
    assert parts["a", "commitment ENTERPRISE ANNUAL"] == 75
    assert parts["b", "commitment ENTERPRISE ANNUAL"] == 25


def test_plans_are_used_in_proportion_and_keep_their_own_price(settled: Settled) -> None:
    metering, usage = settled([metered("a", 3, "200")], [committed("c", 100), committed("d", 300, "THREE_YEAR")])
    assert units(metering) == {"commitment ENTERPRISE ANNUAL": 50, "commitment ENTERPRISE THREE_YEAR": 150}
    assert units(usage) == {"commitment ENTERPRISE ANNUAL": 2350, "commitment ENTERPRISE THREE_YEAR": 7050}


@pytest.mark.parametrize(
    "other", [{"region": "eu"}, {"account": "else"}, {"edition": "ENTERPRISE_PLUS"}, {"part": "autoscale"}]
)
def test_a_commitment_covers_baselines_of_its_own_kind_only(settled: Settled, other: dict[str, str]) -> None:
    row = metered("a", 3, "150", **other)
    metering, usage = settled([row], [committed("c", 100)])
    assert units(metering) == {row["service"].removeprefix(f"{API}/"): 150}
    assert units(usage) == {"commitment ENTERPRISE ANNUAL": 2400}


def test_other_lines_stay_as_they_were(settled: Settled) -> None:
    line = committed(
        "t", 1, category="storage", kind="active logical storage", service="BigQuery/active logical storage"
    )
    _, usage = settled([], [line, committed("c", 1)])
    assert next(row for row in usage if row["category"] == "storage")["units"] == 24


amounts = st.decimals("0", "5000", places=12)


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.tuples(st.integers(0, 23), amounts), max_size=6),
    st.lists(st.tuples(st.sampled_from(["ANNUAL", "THREE_YEAR"]), st.integers(1, 3000)), max_size=3),
)
def test_no_slot_hour_is_lost(settled: Settled, hours: list[tuple[int, Decimal]], plans: list[tuple[str, int]]) -> None:
    metering = [metered(f"p{n}", hour, str(amount)) for n, (hour, amount) in enumerate(hours)]
    usage = [committed(f"c{n}", slots, plan) for n, (plan, slots) in enumerate(plans)]
    now_metered, now_used = settled(metering, usage)
    for row in metering:
        same = [r["units"] for r in now_metered if (r["pool_id"], r["hour"]) == (row["pool_id"], row["hour"])]
        assert sum(same) == row["units"]
        assert min(same) >= 0
    paid = units([row for row in now_metered if "commitment" in row["service"]] + now_used)
    for service, owed in units(usage).items():
        assert abs(paid[service] - owed) < Decimal("1e-8")
