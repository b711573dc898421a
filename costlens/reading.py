"""Reads the ledger for people: SQL over its tables, exports, and the team that owned an asset on a day."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import ibis

from costlens.engine import Engine
from costlens.errors import UsageError
from costlens.estates import ownership_rows
from costlens.model import TABLES, Column, Table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pandas as pd

    from costlens.estate import Estate
    from costlens.ledger import Ledger, Snapshot

_EPOCH = date(1970, 1, 1).toordinal()
#: Bounds, in days, of what has none.
_EVER = (-(2**30), 2**30)
_OWNERSHIP = (Column("asset", "text"), Column("team", "text"), Column("valid_from", "day"), Column("valid_to", "day"))


def day_number(day: date) -> int:
    """Return a day as days since 1970."""
    return day.toordinal() - _EPOCH


def with_team(engine: Engine, rows: ir.Table, estate: Estate) -> ir.Table:
    """Add `team` to rows with asset, rule_team and day: the asset's owner on that day, else the rule's team, else null."""
    owned = engine.values(ownership_rows(estate), "ownership", _OWNERSHIP)
    # Plain comparisons of filled bounds make it a hash join; with `is null or` it would compare each row with each owner.
    owned = owned.select(
        owned_asset="asset",
        owned_team="team",
        owned_from=owned.valid_from.fill_null(_EVER[0]),
        owned_to=owned.valid_to.fill_null(_EVER[1]),
    )
    joined = rows.left_join(
        owned, [rows.asset == owned.owned_asset, rows.day >= owned.owned_from, rows.day < owned.owned_to]
    )
    joined = joined.mutate(team=ibis.coalesce(joined.owned_team, joined.rule_team))
    return joined.drop("owned_asset", "owned_team", "owned_from", "owned_to")


def run_sql(ledger: Ledger, snapshot: Snapshot, query: str) -> pd.DataFrame:
    """Run a select over the ledger's tables, in DuckDB's SQL; times are timestamps in UTC, days are dates, money is exact.

    Raises UsageError with DuckDB's own words for what is no single select, or a wrong one.
    """
    with Engine() as engine:
        for name in TABLES:
            if re.search(rf"\b{name}\b", query, re.IGNORECASE):
                rows, table = ledger.table(name, snapshot, engine), TABLES[name]
                if name == "daily":
                    rows, table = with_team(engine, rows, ledger.estate(snapshot)), _DAILY_WITH_TEAM
                lake_view(engine, rows, table, name)
        try:
            statements = duckdb.extract_statements(query)
            if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
                raise UsageError("sql: one select is wanted; the ledger is changed by `costlens sync` only")
            found = engine.connection.execute(statements[0]).to_arrow_table()
        except duckdb.Error as error:
            raise UsageError(f"sql: {str(error).splitlines()[0]}") from None
    import pandas as pd  # a report needs no frame, and loading pandas takes a third of its time

    return found.to_pandas(types_mapper=pd.ArrowDtype)


def lake_view(engine: Engine, rows: ir.Table, table: Table, name: str) -> None:
    """Make a view of rows in the lake's types, as people read them."""
    from costlens.engine import to_lake

    columns = ", ".join(f'{to_lake(c, chr(34) + c.name + chr(34))} as "{c.name}"' for c in table.columns)
    engine.connection.execute(f'create or replace temp view "{name}" as select {columns} from ({engine.sql(rows)})')


def export(
    ledger: Ledger,
    snapshot: Snapshot,
    name: str,
    out: Path,
    since: datetime | None,
    until: datetime | None,
    source: str | None,
) -> int:
    """Write a table's rows of [since, until) to a Parquet or CSV file; return how many.

    Charges come joined with their attribution and the team of the day: a row per charge and asset share, `units` and `cost` split by it;
    `daily` comes with the team. In CSV a text that a spreadsheet would run begins with an apostrophe.
    """
    if out.suffix not in {".parquet", ".csv"}:
        raise UsageError(f"export: {out}: name it .parquet or .csv")
    if not out.parent.is_dir():
        raise UsageError(f"export: {out}: there is no folder {out.parent}: make it first")
    if since and until and since >= until:
        raise UsageError(f"export: --since {since:%Y-%m-%d} is not before --until: nothing lies between them")
    sources = snapshot.info.get("types", {})
    if source and source not in sources:
        raise UsageError(f"export: no source {source!r}: known are {', '.join(sorted(sources))}")
    with Engine() as engine:
        rows = ledger.table(name, snapshot, engine, source=source)
        rows = _between(rows, since, until)
        table = TABLES[name]
        if name == "charges":
            attributions = ledger.table("attributions", snapshot, engine, source=source)
            rows, table = _with_attribution(engine, rows, attributions, ledger.estate(snapshot)), _CHARGES_EXPORT
        elif name == "daily":
            rows, table = with_team(engine, rows, ledger.estate(snapshot)), _DAILY_WITH_TEAM
        lake_view(engine, rows, table, "exported")
        kind = "format parquet, compression zstd" if out.suffix == ".parquet" else "format csv, header"
        target = str(out).replace("'", "''")
        order = "day, source" + (", query_id" if "query_id" in table.names else "")
        cells = "*" if out.suffix == ".parquet" else ", ".join(_safe_cell(column) for column in table.columns)
        _open_for_writing(out)
        done = engine.connection.execute(
            f"copy (select {cells} from exported order by {order}) to '{target}' ({kind})"
        ).fetchone()
    return int(done[0]) if done else 0


def _open_for_writing(out: Path) -> None:
    """Raise UsageError where a file cannot be written: DuckDB's own error looks like one of the ledger's files."""
    try:
        out.open("ab").close()
    except OSError as error:
        raise UsageError(f"export: {out} cannot be written: {error.strerror}: name another file with --out") from None


def _safe_cell(column: Column) -> str:
    """Return a column so that no text of it is a spreadsheet's formula."""
    name = f'"{column.name}"'
    if column.type != "text":
        return name
    return f"case when regexp_matches({name}, '^[=+@\\t\\r\\n-]') then '''' || {name} else {name} end as {name}"


def _between(rows: ir.Table, since: datetime | None, until: datetime | None) -> ir.Table:
    if since:
        rows = rows.filter(rows.day >= day_number(since.date()))
    if until:
        rows = rows.filter(rows.day < day_number(until.date()))
    return rows


_DAILY_WITH_TEAM = replace(TABLES["daily"], columns=(*TABLES["daily"].columns, Column("team", "text")))
_CHARGES_EXPORT = Table(
    "charges",
    "charge x asset share",
    (
        *(Column(c.name, c.type) for c in TABLES["charges"].columns),
        Column("asset", "text"),
        Column("team", "text"),
        Column("share", "double"),
        Column("attribution_method", "text"),
        Column("confidence", "double"),
    ),
    (),
    is_fact=False,
)


def _with_attribution(engine: Engine, charges: ir.Table, attributions: ir.Table, estate: Estate) -> ir.Table:
    from costlens.daily import attributed

    rows = attributed(charges, attributions)
    rows = rows.mutate(attribution_method=rows.told_method.fill_null("none"), share=rows.share.fill_null(1.0))
    return with_team(engine, rows, estate)
