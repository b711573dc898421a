"""Shows a report as a table for people, as CSV and as JSON; warehouse names are text, never formulas or markup."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table
from rich.text import Text

from costlens.report import utc

if TYPE_CHECKING:
    from costlens.report import Answer, Line, Section

_WIDTH = 110
#: A spreadsheet runs a cell that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def amount(value: Decimal) -> str:
    """Return money with thousands separators and cents."""
    return f"{value.quantize(Decimal('0.01')):,}"


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def as_table(answer: Answer) -> str:
    """Return the report for a terminal."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=_WIDTH, highlight=False, color_system=None)
    asked = answer.question
    whose = f", team {asked.team}" if asked.team else ""
    whose += f", source {asked.source}" if asked.source else ""
    console.print(Text(f"CostLens · {asked.month} by {asked.by}{whose}"))
    for section in answer.sections:
        console.print()
        console.print(_lines(section, asked.by))
    console.print()
    for line in _footer(answer):
        console.print(Text(line))
    for section in answer.sections:
        for line in section.reconciliation.lines():
            console.print(Text(line))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _lines(section: Section, by: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_footer=True)
    table.add_column(by, footer="total", overflow="ellipsis", no_wrap=True, max_width=48)
    table.add_column(section.currency, footer=amount(section.total), justify="right")
    table.add_column("share", justify="right")
    compares = any(line.before is not None for line in section.lines)
    for heading in ("month before", "change") if compares else ():
        table.add_column(heading, justify="right")
    table.add_column("queries", footer=f"{sum(line.queries for line in section.lines):,.0f}", justify="right")
    for line in section.lines:
        then = (amount(line.before) if line.before is not None else "–", _change(line)) if compares else ()
        queries = f"{line.queries:,.0f}" if line.queries else "–"
        table.add_row(Text(line.name), amount(line.cost), f"{line.share:.1%}", *then, queries)
    return table


def _change(line: Line) -> str:
    if line.before is None:
        return "new"
    if not line.before:
        return "–"
    return f"{float(line.cost / line.before) - 1:+.0%}"


def _footer(answer: Answer) -> list[str]:
    until = f"final until {answer.final_until}" if answer.final_until else "nothing is final yet"
    lines = [
        f"idle: separate · as of {utc(answer.as_of):%Y-%m-%d %H:%M} UTC · {until} · snapshot {answer.snapshot_id}",
        *(f"attributed {section.attributed:.1%} of {section.currency}" for section in answer.sections),
    ]
    if answer.problems:
        count = sum(problem.count for problem in answer.problems)
        lines.append(f"{count:,} problems with rows: `costlens check` lists them")
    return lines


def as_csv(answer: Answer) -> str:
    """Return the lines as CSV, one row a line and currency; the reconciliation is in the JSON form."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["month", answer.question.by, "cost", "currency", "share", "queries", "month_before", "provisional"]
    )
    for section in answer.sections:
        for line in section.lines:
            before = "" if line.before is None else line.before
            provisional = line.provisional.quantize(Decimal("0.01"))
            row = [answer.question.month, safe_cell(line.name), line.cost, section.currency, f"{line.share:.6f}"]
            writer.writerow([*row, f"{line.queries:.6g}", before, provisional])
    return buffer.getvalue()


def as_json(answer: Answer) -> str:
    """Return the report as JSON; money is text, so that no reader rounds it."""
    asked = answer.question
    body = {
        "month": asked.month,
        "by": asked.by,
        "team": asked.team,
        "source": asked.source,
        "snapshot": answer.snapshot_id,
        "as_of": utc(answer.as_of).isoformat(),
        "final_until": answer.final_until.isoformat() if answer.final_until else None,
        "idle": "separate",
        "sections": [_section(section) for section in answer.sections],
        "problems": [vars(problem) for problem in answer.problems],
    }
    return json.dumps(body, indent=2, default=str) + "\n"


def _section(section: Section) -> dict[str, Any]:
    return {
        "currency": section.currency,
        "total": str(section.total),
        "attributed": section.attributed,
        "lines": [
            {**vars(line), "before": None if line.before is None else str(line.before)} for line in section.lines
        ],
        "reconciliation": section.reconciliation.as_dict(),
    }


def _cell(value: object) -> str:
    """Show a value of a frame, nothing for null."""
    return "" if value is None or value is pd.NA else str(value)


RENDER: dict[str, Callable[[Answer], str]] = {"table": as_table, "csv": as_csv, "json": as_json}


def frame_text(frame: pd.DataFrame, form: str) -> str:
    """Return the rows of a query for a terminal, as CSV or as JSON lines."""
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows([safe_cell(_cell(value)) for value in row] for row in frame.itertuples(index=False))
        return buffer.getvalue()
    if form == "json":
        rows = frame.astype(object).where(frame.notna(), None).to_dict(orient="records")
        return "".join(json.dumps(row, default=str) + "\n" for row in rows)
    buffer = io.StringIO()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value)) for value in row))
    Console(file=buffer, width=_WIDTH * 2, highlight=False, color_system=None).print(table)
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + f"\n({len(frame):,} rows)\n"
