"""A cost that a vendor tells as a whole and by object counts once, to the last digit."""

from __future__ import annotations

from decimal import Decimal
from itertools import count

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.details import once
from costlens.engine import Engine
from costlens.model import USAGE

HOUR = 3_600_000_000
DETAILS = {"PIPE": ("hourly", "by_pipe"), "STORAGE": ("by_account", "by_database", "by_table")}
_types = {"instant": pa.int64(), "day": pa.int32(), "decimal": pa.decimal128(38, 12)}
_number = count()


def line(
    feed: str, units: str, *, service: str = "PIPE", object_id: str | None = None, hour: int = 8
) -> dict[str, object]:
    return {
        "source": "prod",
        "day": 0,
        "feed": feed,
        "service": service,
        "category": "ingest",
        "kind": f"line {next(_number)}",
        "object_id": object_id,
        "object": object_id,
        "started_at": hour * HOUR,
        "ended_at": (hour + 1) * HOUR,
        "unit": "credits",
        "units": Decimal(units),
    }


def told_once(lines: list[dict[str, object]]) -> list[dict[str, object]]:
    schema = pa.schema([(c.name, _types.get(c.type, pa.string())) for c in USAGE.columns])
    with Engine() as engine:
        usage = engine.register(pa.Table.from_pylist(lines, schema=schema), "usage", USAGE.columns)
        result = once(usage, DETAILS)
        assert result.columns == usage.columns
        return sorted(engine.rows(result), key=lambda row: str(row["object_id"]))


def units(rows: list[dict[str, object]]) -> dict[object, Decimal]:
    return {row["object_id"]: Decimal(str(row["units"])) for row in rows}


def test_objects_take_the_place_of_the_whole_and_the_rest_stays() -> None:
    rows = told_once(
        [line("hourly", "1.0"), line("by_pipe", "0.3", object_id="a"), line("by_pipe", "0.5", object_id="b")]
    )
    assert units(rows) == {"a": Decimal("0.3"), "b": Decimal("0.5"), None: Decimal("0.2")}
    assert [row["kind"] for row in rows if row["object_id"] is None] == ["remainder"]


def test_the_whole_stays_where_no_object_is_told() -> None:
    rows = told_once([line("hourly", "1.0", object_id="entity"), line("by_pipe", "0.4", object_id="a", hour=9)])
    assert units(rows) == {"entity": Decimal(1), "a": Decimal("0.4")}


def test_objects_that_tell_more_than_the_whole_are_scaled_to_it_exactly() -> None:
    rows = told_once([line("hourly", "1"), *(line("by_pipe", "0.7", object_id=name) for name in "abc")])
    assert sum(units(rows).values()) == Decimal(1)
    assert len(rows) == 3
    assert max(units(rows).values()) - min(units(rows).values()) < Decimal("1e-11")


def test_a_middle_view_is_used_only_where_the_finest_is_silent() -> None:
    lines = [line("by_account", "10", service="STORAGE"), line("by_database", "8", service="STORAGE", object_id="db")]
    assert units(told_once(lines)) == {"db": Decimal(8), None: Decimal(2)}
    lines.append(line("by_table", "5", service="STORAGE", object_id="t"))
    assert units(told_once(lines)) == {"t": Decimal(5), None: Decimal(5)}


def test_services_that_are_told_once_are_left_alone() -> None:
    lines = [line("hourly", "1", service="TRUST_CENTER"), line("elsewhere", "2", service="TRUST_CENTER", object_id="x")]
    assert units(told_once(lines)) == {None: Decimal(1), "x": Decimal(2)}


amounts = st.decimals(min_value=0, max_value=1000, places=9).map(str)


@settings(max_examples=25, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=4), st.lists(amounts, min_size=0, max_size=5))
def test_the_whole_is_kept_to_the_last_digit(wholes: list[str], parts: list[str]) -> None:
    lines = [line("hourly", value) for value in wholes]
    lines += [line("by_pipe", value, object_id=f"o{n}") for n, value in enumerate(parts)]
    rows = told_once(lines)
    assert sum(units_list(rows)) == sum(Decimal(value) for value in wholes)
    assert all(value >= 0 for value in units_list(rows))


def units_list(rows: list[dict[str, object]]) -> list[Decimal]:
    return [Decimal(str(row["units"])) for row in rows]
