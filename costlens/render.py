"""Shows a report as a table for people, as CSV and as JSON; warehouse names are text, never formulas or markup."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from rich.console import Console
from rich.table import Table
from rich.text import Text

from costlens.report import month_end, utc
from costlens.rounding import rounded

if TYPE_CHECKING:
    import pandas as pd

    from costlens.report import Answer, Line, Section

_WIDTH = 110
#: A spreadsheet runs a cell that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def amount(value: Decimal) -> str:
    """Return money with thousands separators and cents."""
    return f"{value.quantize(Decimal('0.01')) + 0:,}"


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plain(text: str) -> Text:
    """Return a warehouse's name for a terminal: no markup, no line break, no control code works."""
    return Text("".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text))


def as_table(answer: Answer) -> str:
    """Return the report for a terminal."""
    buffer = io.StringIO()
    console = Console(file=buffer, width=_WIDTH, highlight=False, color_system=None)
    asked = answer.question
    whose = f", team {asked.team}" if asked.team else ""
    whose += f", source {asked.source}" if asked.source else ""
    console.print(plain(f"CostLens · {asked.month} by {asked.by}{whose}"))
    for section in answer.sections:
        console.print()
        console.print(_lines(section, asked.by, is_whole=_is_whole(answer)))
    console.print()
    for line in _footer(answer):
        console.print(Text(line))
    if asked.team:
        console.print(Text("All teams:"))
    for section in answer.sections:
        for line in section.reconciliation.lines():
            console.print(Text(line))
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"


def _is_whole(answer: Answer) -> bool:
    return answer.charged_until is not None and answer.charged_until >= month_end(answer.question.month)


def _lines(section: Section, by: str, *, is_whole: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_footer=True)
    table.add_column(by, footer="total", overflow="ellipsis", no_wrap=True, max_width=60)
    table.add_column(section.currency, footer=amount(section.total), justify="right")
    table.add_column("share", justify="right")
    befores = [line.before for line in section.lines if line.before is not None]
    if befores:
        table.add_column("month before", footer=amount(sum(befores, Decimal(0))), justify="right")
    if befores and is_whole:
        table.add_column("change", justify="right")
    counts = rounded([Decimal(str(line.queries)) for line in section.lines], unit=Decimal(1))
    table.add_column("queries", footer=f"{sum(counts):,}", justify="right")
    if any(line.note for line in section.lines):
        table.add_column("text")
    for line, count in zip(section.lines, counts, strict=True):
        then = (amount(line.before) if line.before is not None else "–", _change(line)) if befores else ()
        queries = f"{count:,}" if count else "–"
        cells = (amount(line.cost), _percent(line.share), *(then if is_whole else then[:1]), queries)
        table.add_row(
            plain(line.name), *cells, *((plain(_short(line.note, 18 if befores else 44)),) if line.note else ())
        )
    return table


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _percent(share: float) -> str:
    text = f"{share:.1%}"
    return "0.0%" if text == "-0.0%" else text


def _change(line: Line) -> str:
    """Return how much more or less it is; of what was or is no cost there is no such figure."""
    if line.before is None:
        return "new"
    if line.before <= 0 or line.cost < 0:
        return "–"
    return f"{float(line.cost / line.before) - 1:+,.0%}"


def _footer(answer: Answer) -> list[str]:
    until = f"final until {answer.final_until}" if answer.final_until else "nothing is final yet"
    lines = [
        f"idle: separate · as of {utc(answer.as_of):%Y-%m-%d %H:%M} UTC · {until} · snapshot {answer.snapshot_id}",
    ]
    if answer.charged_until and not _is_whole(answer):
        lines.append(f"{answer.question.month} so far: charges until {answer.charged_until}; the month before is whole")
    for section in answer.sections:
        parts = [] if answer.question.team else [f"attributed {section.attributed:.1%} of {section.currency}"]
        parts += [f"{amount(section.provisional)} {section.currency} is not final"] if section.provisional else []
        lines += [" · ".join(parts)] if parts else []
    if answer.problems:
        count = sum(problem.count for problem in answer.problems)
        lines.append(f"{count:,} problems with rows: `costlens check` lists them")
    return lines


def as_csv(answer: Answer) -> str:
    """Return the lines as CSV, one row a line and currency; the reconciliation is in the JSON form."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(
        ["month", answer.question.by, "cost", "currency", "share", "queries", "month_before", "provisional", "note"]
    )
    for section in answer.sections:
        for line in section.lines:
            before = "" if line.before is None else line.before
            queries = f"{line.queries:.6f}".rstrip("0").rstrip(".")
            row = [answer.question.month, safe_cell(line.name), line.cost, section.currency, f"{line.share:.6f}"]
            writer.writerow([*row, queries, before, line.provisional, safe_cell(line.note)])
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
        "charged_until": answer.charged_until.isoformat() if answer.charged_until else None,
        "idle": "separate",
        "sections": [_section(section) for section in answer.sections],
        "problems": [vars(problem) for problem in answer.problems],
    }
    return json.dumps(body, indent=2, default=str) + "\n"


def _section(section: Section) -> dict[str, Any]:
    return {
        "currency": section.currency,
        "total": str(section.total),
        "provisional": str(section.provisional),
        "attributed": section.attributed,
        "lines": [
            {**vars(line), "before": None if line.before is None else str(line.before)} for line in section.lines
        ],
        "reconciliation": section.reconciliation.as_dict(),
    }


def _cell(value: object) -> str:
    """Show a value, nothing for null."""
    return "" if value is None else str(value)


RENDER: dict[str, Callable[[Answer], str]] = {"table": as_table, "csv": as_csv, "json": as_json}


def frame_text(frame: pd.DataFrame, form: str) -> str:
    """Return the rows of a query for a terminal, as CSV or as JSON lines."""
    columns = [pa.array(frame.iloc[:, i]).to_pylist() for i in range(frame.shape[1])]
    rows = list(zip(*columns, strict=True))
    if form == "csv":
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(frame.columns)
        writer.writerows([safe_cell(v) if isinstance(v, str) else _cell(v) for v in row] for row in rows)
        return buffer.getvalue()
    if form == "json":
        return "".join(json.dumps(dict(zip(frame.columns, row, strict=True)), default=str) + "\n" for row in rows)
    buffer = io.StringIO()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for name in frame.columns:
        table.add_column(str(name), overflow="fold")
    for row in rows:
        table.add_row(*(plain(_cell(value)) for value in row))
    Console(file=buffer, width=_WIDTH * 2, highlight=False, color_system=None).print(table)
    return (
        "\n".join(line.rstrip() for line in buffer.getvalue().splitlines())
        + f"\n({len(frame):,} {'row' if len(frame) == 1 else 'rows'})\n"
    )
