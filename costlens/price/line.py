"""The one shape that every priced line has before it becomes a charge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from costlens.price.money import EXACT

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

#: Column -> type. What a maker of lines does not give and its rows do not have is null.
LINE: dict[str, str] = {
    "day": "int32",
    "hour": "int64",
    "started_at": "int64",
    "ended_at": "int64",
    "account": "string",
    "region": "string",
    "service": "string",
    "category": "string",
    "cause": "string",
    "pool_id": "string",
    "pool": "string",
    "query_id": "string",
    "object_id": "string",
    "object": "string",
    "units": EXACT,
    "unit": "string",
    "price": EXACT,
    "list_price": EXACT,
    "currency": "string",
    "rate_origin": "string",
    "rate_is_final": "boolean",
    "method": "string",
    "is_estimated": "boolean",
}

#: A line with its money.
CHARGED: dict[str, str] = {**LINE, "cost": EXACT, "list_cost": EXACT, "billing_period": "string"}


def line(rows: ir.Table, columns: Mapping[str, str] = LINE, /, **given: Any) -> ir.Table:
    """Return rows as lines: columns given by name (values or constants), else the rows' own of that name, else null."""
    found = {}
    for name, kind in columns.items():
        value = given[name] if name in given else (rows[name] if name in rows.columns else None)
        if value is None:
            found[name] = ibis.null(kind)
        else:
            found[name] = (value if isinstance(value, ibis.Value) else ibis.literal(value)).cast(kind)
    return rows.select(**found)
