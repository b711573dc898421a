"""A statement as CSV, a row per line, and as JSON; money is text, so that no reader rounds it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from costlens.render import safe_cell
from costlens.report import utc
from costlens.statement.model import Row, Section, Statement

#: Columns of the CSV: `cost` in cents that add up, `cost_exact` as charged.
COLUMNS = (
    *("month", "team", "cost", "currency", "category", "asset", "kind", "rule", "origin_team", "corrects"),
    *("source", "account", "region", "service", "pool", "cause", "billed_as", "units", "unit", "queries", "runs"),
    *("seconds", "bytes", "cost_exact", "provisional"),
)


def as_csv(statement: Statement) -> str:
    """Return every line with its cents; the reconciliation is in the other forms."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    for section in statement.sections:
        for line in section.lines:
            values: dict[str, Any] = {
                **{name: getattr(line, name) for name in COLUMNS if hasattr(line, name)},
                "month": statement.month,
                "team": line.owner,
                "cost": f"{line.cents:.2f}",
                "cost_exact": f"{line.cost:f}",
                "provisional": f"{line.provisional:f}",
                "units": f"{line.units.normalize():f}",
                "bytes": f"{line.bytes:.0f}",
            }
            writer.writerow([_cell(values[name]) for name in COLUMNS])
    return buffer.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    text = str(value)
    return text if _is_number(text) else safe_cell(text)


def _is_number(text: str) -> bool:
    """Tell a figure of ours, which may be below zero, from a name that begins with a minus."""
    return text.lstrip("-").replace(".", "", 1).isdigit()


def as_json(statement: Statement) -> str:
    """Return the statement as JSON."""
    body = {
        "month": statement.month,
        "by": "team",
        "team": statement.team,
        "source": statement.source,
        "snapshot": statement.snapshot,
        "as_of": utc(statement.as_of).isoformat(),
        "final_until": statement.final_until,
        "charged_until": statement.charged_until,
        "policy": statement.policy,
        "idle": statement.policy[0].removeprefix("idle: ") if statement.policy else None,
        "closed": asdict(statement.closed) if statement.closed else None,
        "converted": statement.converted,
        "problems": statement.problems,
        "sections": [_section(section) for section in statement.sections],
    }
    return json.dumps(body, indent=2, default=_text, ensure_ascii=False) + "\n"


def _text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _section(section: Section) -> dict[str, Any]:
    return {
        "currency": section.currency,
        "total": section.total,
        "before": section.before,
        "provisional": section.provisional,
        "estimated": section.estimated,
        "attributed": round(section.attributed, 6),
        "lines": [_row(row, section) for row in section.owners],
        "categories": [_row(row, section) for row in section.categories],
        "sources": [_row(row, section) for row in section.sources],
        "assets": [_row(row, section) for row in section.assets],
        "allocated": [asdict(one) for one in section.allocated],
        "corrections": [asdict(one) for one in section.corrections],
        "drivers": [asdict(one) for one in section.drivers],
        "changes": list(section.changes),
        "budgets": [{**asdict(one), "share": round(one.share, 6)} for one in section.budgets],
        "unit_costs": asdict(section.units),
        "reconciliation": {
            **section.reconciliation.as_dict(),
            "days": [
                {
                    "source": day.source,
                    "service": day.service,
                    "day": day.day,
                    "metered": day.metered,
                    "adjusted": day.adjusted,
                    "estimated": day.estimated,
                    "charged": day.charged,
                    "billed": day.billed,
                    "residual": day.residual,
                    "reason": day.reason,
                }
                for day in section.reconciliation.days
            ],
        },
    }


def _row(row: Row, section: Section) -> dict[str, Any]:
    share = float(row.cost / section.total) if section.total else 0.0
    return {
        "name": row.name,
        "team": row.team,
        "cost": row.cost,
        "share": round(share, 6),
        "before": row.before,
        "change": row.change,
        "kinds": row.kinds,
        "provisional": row.provisional,
        "queries": round(row.queries, 6),
        "runs": row.runs,
        "seconds": round(row.seconds, 3),
        "bytes": row.bytes,
    }
