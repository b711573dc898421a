"""Small ledgers made by hand: `daily` rows, the charges behind them and a bill."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from costlens.errors import Problem
from costlens.estate import Estate, Ownership
from costlens.ledger import Ledger
from costlens.report import Answer, Question, report

AS_OF = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
EPOCH = date(1970, 1, 1).toordinal()
KINDS = {"shop": "snowflake", "lake": "bigquery"}
ESTATE = Estate(
    ownership=(
        Ownership("marts/orders", "growth", valid_to=date(2026, 10, 16)),
        Ownership("marts/orders", "sales", valid_from=date(2026, 10, 16)),
        Ownership("raw/events", "platform"),
    )
)


def line(day: str, cost: str, **other: Any) -> dict[str, Any]:
    """Return a row of `daily`; what is not said is a final query charge in USD."""
    base = {"source": "shop", "billing_period": day[:7], "category": "query", "service": "WAREHOUSE_METERING"}
    base |= {"currency": "USD", "unit": "credits", "status": "final", "method": "none", "pool": "WH"}
    row: dict[str, Any] = {**base, "day": date.fromisoformat(day), "cost": Decimal(cost), "queries": 0.0, **other}
    is_final = row["status"] == "final"
    return {
        **row,
        "units": row["cost"],
        "list_cost": row["cost"],
        "provisional_cost": Decimal(0) if is_final else row["cost"],
    }


def ledger_of(
    folder: Path,
    lines: Sequence[dict[str, Any]],
    shapes: Sequence[dict[str, Any]] = (),
    problems: Sequence[Problem] = (),
) -> Ledger:
    """Write a ledger whose charges and bill say what `lines` say."""
    ledger = Ledger.open(str(folder / "lake"), f"sqlite:///{folder / 'costlens.db'}")
    charges = [
        {**{k: row.get(k) for k in ("source", "day", "billing_period", "category", "service", "currency", "unit")}}
        | {"cost": row["cost"], "units": row["units"], "status": row["status"]}
        | {"method": "metered" if row["category"] == "adjustment" else "billed", "pool": row.get("pool")}
        for row in lines
    ]
    bill = [{**row, "feed": "bill"} for row in charges]
    texts = [{"source": "shop", "day": date(2026, 10, 1), "feed": "queries", **row} for row in shapes]
    with ledger.write("run", "test") as writer:
        for name, rows in (("daily", lines), ("charges", charges), ("bill", bill), ("shapes", texts)):
            for source in {row["source"] for row in rows}:
                mine = [row for row in rows if row["source"] == source]
                days = {row["day"].toordinal() - EPOCH for row in mine}
                writer.replace(name, source, days, _table(name, mine))
        kinds = {row["source"]: KINDS[row["source"]] for row in lines}
        writer.commit(AS_OF, problems=problems, estate=ESTATE, info={"types": kinds})
    return ledger


def asked(ledger: Ledger, **question: Any) -> Answer:
    """Ask for October, unless another month is named."""
    return report(ledger, ledger.snapshot(), Question(**{"month": "2026-10", **question}))


def _table(name: str, rows: Sequence[dict[str, Any]]) -> pa.Table:
    from costlens.model import TABLES

    kinds = {
        "decimal": pa.decimal128(38, 12),
        "day": pa.date32(),
        "double": pa.float64(),
        "text": pa.string(),
        "int": pa.int64(),
    }
    columns = [column for column in TABLES[name].columns if any(column.name in row for row in rows)]
    return pa.table({c.name: pa.array([row.get(c.name) for row in rows], kinds[c.type]) for c in columns})
