"""Reads a month's lines from one snapshot of the ledger, allocated by a policy."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import ibis

from costlens.allocate import DIMENSIONS, MEASURES, OPTIONAL, Books, allocate
from costlens.ledger.lake import select
from costlens.model import Column
from costlens.reading import day_number
from costlens.statement.lines import ACTIVITY, AMOUNTS, KEYS, Line, in_cents

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.allocate import Policy
    from costlens.engine import Engine
    from costlens.estate import Estate
    from costlens.ledger import Ledger, Snapshot

#: A query may end days after the hour it is charged in.
_REACH = 4
_TABLES = ("charges", "daily", "attributions", "queries", "pool_events", "bill")
_MEASURED = attrgetter(*AMOUNTS, *ACTIVITY)
#: The columns that are read: the rest of a wide table costs time and memory.
_COLUMNS = {
    "charges": (
        *("source", "day", "hour", "billing_period", "account", "region", "service", "category", "cause", "pool_id"),
        *("pool", "query_id", "units", "unit", "cost", "list_cost", "currency", "status"),
    ),
    "daily": (
        *("source", "day", "billing_period", "account", "region", "service", "category", "cause", "pool", "object"),
        *("asset", "rule_team", "method", "currency", "unit", "status", "user", "role", "environment", "purpose"),
        *("units", "cost", "list_cost", "queries", "runs", "seconds", "bytes"),
    ),
    "attributions": ("source", "day", "subject_kind", "subject_id", "asset", "rule_team", "share", "method"),
    "queries": ("source", "day", "query_id", "pool_id", "started_at", "ended_at"),
    "pool_events": ("source", "day", "pool_id", "at", "event", "cluster"),
    "bill": ("source", "day", "service", "kind", "billing_period"),
}


def books(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, months: Sequence[str], estate: Estate | None = None
) -> Books:
    """Return what there is to allocate of billing months that follow each other; `estate` is by default the snapshot's."""
    start = day_number(date.fromisoformat(f"{min(months)}-01"))
    end = day_number(date.fromisoformat(f"{max(months)}-01")) + 33
    tables: dict[str, ir.Table] = {}
    for name in _TABLES:
        far = 0 if name in ("charges", "daily", "bill") else _REACH
        days = range(start - 1 - far, end + far)
        tables[name] = ledger.table(name, snapshot, engine, days=days, columns=_COLUMNS.get(name))
    mine = {
        name: tables[name].filter(tables[name].billing_period.isin(list(months)))
        for name in ("charges", "daily", "bill")
    }
    return Books(
        daily=mine["daily"],
        charges=mine["charges"],
        attributions=tables["attributions"],
        queries=tables["queries"],
        pool_events=tables["pool_events"],
        billed_as=_billed_as(mine["bill"], engine),
        estate=estate or ledger.estate(snapshot),
        days=range(start - 1, end),
    )


def _billed_as(bill: ir.Table, engine: Engine) -> ir.Table:
    """Return, per source and service, what it is where only the bill knows it: credit, tax or support."""
    is_support = bill.service.fill_null("").re_search(r"(?i)\bsupport\b")
    told = bill.mutate(told=ibis.ifelse(is_support & (bill.kind == "other"), "support", bill.kind))
    sums = told.group_by("source", "service").agg(told=told.told.max(), least=told.told.min())
    found = [
        row
        for row in engine.rows(sums)
        if row["told"] == row["least"] and row["told"] in ("credit", "tax", "support") and row["service"]
    ]
    names = ("source", "service", "told")
    rows = [[row[name] for name in names] for row in found]
    return engine.values(rows, "billed_as", [Column(name, "text") for name in names]).rename(billed_as="told")


def _allocated_lines(allocated: ir.Table, engine: Engine) -> dict[str, tuple[Line, ...]]:
    """Return the lines of each month, with cents, from what `allocate` made of it; days and objects are summed."""
    zero = ibis.literal(0).cast("decimal(38, 12)")
    keys = [name for name in KEYS if name != "corrects"]
    rows = allocated.filter(allocated.currency.notnull())
    is_open = rows.status.isin(["provisional", "estimated"]).fill_null(False)
    grouped = rows.group_by("billing_period", *keys).agg(
        **{name: rows[name].sum() for name in MEASURES},
        provisional=ibis.ifelse(is_open, rows.cost, zero).sum(),
        estimated=ibis.ifelse((rows.status == "estimated").fill_null(False), rows.cost, zero).sum(),
    )
    found: dict[str, list[Line]] = {}
    for period, line in _rows(engine, grouped):
        found.setdefault(period, []).append(line)
    return {month: in_cents(lines) for month, lines in found.items()}


def _rows(engine: Engine, rows: ir.Table) -> Iterable[tuple[str, Line]]:
    """Yield the lines, without cents, with their billing period; a year of them is many, so by columns."""
    table = engine.arrow(rows.mutate(corrects=ibis.null("string")))
    columns: dict[str, list[Any]] = {name: table.column(name).to_pylist() for name in table.column_names}
    # A sum over doubles depends on the order of its rows; people see six places, so that is what counts.
    for name in ("queries", "seconds", "bytes"):
        columns[name] = [round(value or 0.0, 0 if name == "bytes" else 6) for value in columns[name]]
    columns["runs"] = [int(value or 0) for value in columns["runs"]]
    lines = map(Line, *(columns[name] for name in Line._fields if name in columns))
    for period, line in zip(columns["billing_period"], lines, strict=True):
        if any(_MEASURED(line)):
            yield period, line


def month_lines(
    ledger: Ledger, snapshot: Snapshot, engine: Engine, month: str, policy: Policy, estate: Estate | None = None
) -> tuple[Line, ...]:
    """Return the lines of a billing month under a policy, with cents; none where nothing was charged."""
    return lines_of_months(ledger, snapshot, engine, [month], policy, estate).get(month, ())


def lines_of_months(
    ledger: Ledger,
    snapshot: Snapshot,
    engine: Engine,
    months: Sequence[str],
    policy: Policy,
    estate: Estate | None = None,
) -> dict[str, tuple[Line, ...]]:
    """Return the lines of months that follow each other, by month: sooner than one after the other."""
    with engine.scratch():
        kept = [name for name in DIMENSIONS if name not in OPTIONAL]
        allocated = allocate(books(ledger, snapshot, engine, months, estate), policy, engine, kept)
        return _allocated_lines(allocated, engine)


def fingerprint(ledger: Ledger, snapshot: Snapshot, month: str) -> str:
    """Return a hash of the files that hold a month: days that were not written again have the same ones."""
    start = day_number(date.fromisoformat(f"{month}-01"))
    digest = hashlib.sha256()
    for name in ("charges", "daily", "attributions"):
        version = snapshot.versions.get(name)
        files: Collection[Any] = ()
        if version is not None:
            files = ledger.lake.select(name, version, select(None, range(start - 1, start + 33), None, None))
        for path in sorted(file.path for file in files):
            digest.update(f"{name}/{path}\n".encode())
    return digest.hexdigest()
