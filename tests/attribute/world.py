"""Small worlds: facts as rows, one attribution, its answers as dictionaries."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import date
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from costlens.attribute import attribute
from costlens.engine import Engine
from costlens.estate import Estate
from costlens.model import ATTRIBUTIONS, TABLES
from costlens.settings.attribution import Settings

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.trace.code import Code

TODAY = (date(2026, 10, 10) - date(1970, 1, 1)).days
ARROW = {
    "text": pa.string(),
    "instant": pa.int64(),
    "day": pa.int32(),
    "integer": pa.int64(),
    "double": pa.float64(),
    "decimal": pa.decimal128(38, 12),
    "boolean": pa.bool_(),
}

Row = Mapping[str, Any]


def facts_of(engine: Engine, rows: Mapping[str, Iterable[Row]]) -> dict[str, ir.Table]:
    """Register rows as fact tables; what a row does not say is null, but for source and day."""
    facts = {}
    for name, listed in rows.items():
        columns = TABLES[name].columns
        filled = [{"source": "prod", "day": TODAY, **row} for row in listed]
        arrow = pa.table({c.name: pa.array([row.get(c.name) for row in filled], ARROW[c.type]) for c in columns})
        facts[name] = engine.register(arrow, name, columns)
    return facts


def answers(
    estate: Estate | None = None,
    settings: Settings | None = None,
    days: Iterable[int] = (TODAY,),
    **rows: Iterable[Row],
) -> list[dict[str, Any]]:
    """Attribute and return the rows, sorted, their evidence read."""
    with Engine(threads=2) as engine:
        facts = facts_of(engine, {"queries": [], **rows})
        return answers_of(engine, facts, estate or Estate(), settings or Settings(), days)


def answers_of(
    engine: Engine,
    facts: Mapping[str, ir.Table],
    estate: Estate,
    settings: Settings,
    days: Iterable[int],
    code: Code | None = None,
) -> list[dict[str, Any]]:
    """Attribute facts and return the rows, sorted, their evidence read."""
    found = engine.rows(attribute(facts, estate, settings, [*days], engine, code))
    for row in found:
        assert tuple(row) == ATTRIBUTIONS.names
        row["evidence"] = json.loads(row["evidence"])
    return sorted(
        found, key=lambda row: [str(row[name]) for name in ("subject_kind", "subject_id", "asset", "rule_team")]
    )


def answer(estate: Estate | None = None, settings: Settings | None = None, /, **query: Any) -> dict[str, Any]:
    """Attribute one query and return its one row."""
    (row,) = answers(estate, settings, queries=[{"query_id": "q", **query}])
    return row


def short(row: Row) -> tuple[Any, ...]:
    """Return asset, team and method."""
    return row["asset"], row["rule_team"], row["method"]
