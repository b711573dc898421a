"""Writes a month's statement as FOCUS: a row per day, owner and what it was for, all 57 columns of 1.2 and the allocation of 1.3."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from costlens.allocate import allocate
from costlens.engine import Engine
from costlens.focus.mapping import SERVICES, host_of, provider, unit_of
from costlens.focus.select import SELECT
from costlens.model import Column
from costlens.settings.statements import Settings
from costlens.statement.books import books
from costlens.statement.gather import MEMORY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlens.allocate import Policy
    from costlens.estate import Estate
    from costlens.ledger import Ledger, Snapshot
    from costlens.statement.lines import Line

_LINE = (
    "source",
    "account",
    "region",
    "service",
    "category",
    "cause",
    "pool",
    "asset",
    "team",
    "billed_as",
    "currency",
)
_TEXT_OF_LINE = (*_LINE, "unit", "kind", "rule", "origin_team", "corrects")
_AMOUNTS_OF_LINE = ("units", "cost", "list_cost")


def focus_rows(
    ledger: Ledger, snapshot: Snapshot, month: str, policy: Policy, corrections: Sequence[Line], settings: Settings
) -> pa.Table:
    """Return the rows of a month, in FOCUS' columns and types, sorted; their BilledCost is the month's exact total."""
    kinds: Mapping[str, str] = snapshot.info.get("types", {})
    with Engine(memory=MEMORY) as engine:
        rows = allocate(books(ledger, snapshot, engine, [month]), policy, engine)
        engine.keep(rows)
        connection = engine.connection
        connection.execute(f"create temp view allocated_rows as select * from ({engine.sql(rows)})")
        _register(engine, "corrections", _corrections(corrections))
        found = connection.execute(
            "select distinct source, region, unit from ("
            "select source, region, unit from allocated_rows union all select source, region, unit from corrections)"
        ).fetchall()
        _register(engine, "providers", _providers(found, kinds, settings, month))
        _register(engine, "units", _units({row[2] for row in found}))
        _register(engine, "services", _services())
        _register(engine, "centers", _centers(ledger.estate(snapshot)))
        return connection.execute(SELECT).to_arrow_table()


def _register(engine: Engine, name: str, table: pa.Table) -> None:
    columns = [Column(field.name, _kind(field.type)) for field in table.schema]
    made = engine.register(table, name, columns)
    engine.connection.execute(f'create temp view "{name}" as select * from "{made.get_name()}"')


def _kind(kind: pa.DataType) -> Any:
    return "decimal" if pa.types.is_decimal(kind) else "instant" if pa.types.is_int64(kind) else "text"


def _corrections(lines: Sequence[Line]) -> pa.Table:
    mine = [line for line in lines if line.kind == "correction"]
    texts = {name: pa.array([getattr(line, name) for line in mine], pa.string()) for name in _TEXT_OF_LINE}
    money = {name: pa.array([getattr(line, name) for line in mine], pa.decimal128(38, 12)) for name in _AMOUNTS_OF_LINE}
    return pa.table({**texts, **money})


def _providers(found: Sequence[tuple[Any, ...]], kinds: Mapping[str, str], settings: Settings, month: str) -> pa.Table:
    rows = []
    for source, region in sorted({(row[0], row[1]) for row in found}, key=str):
        one = provider(source, kinds.get(source, "snowflake"), settings.accounts.get(source), month)
        rows.append(
            {
                "p_source": source,
                "p_region": region or "",
                "p_name": one.name,
                "p_issuer": one.issuer,
                "p_host": host_of(region, one),
                "p_pool": one.pool_type,
                "p_sub": one.account_type,
                "p_id": one.billing_account_id,
                "p_title": one.billing_account_name,
                "p_whole": one.billing_account_type,
                "p_start": f"{one.billing_start:%Y-%m-%dT%H:%M:%SZ}",
                "p_end": f"{one.billing_end:%Y-%m-%dT%H:%M:%SZ}",
            }
        )
    names = list(rows[0]) if rows else ["p_source"]
    return pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in names})


def _units(units: set[str | None]) -> pa.Table:
    known = sorted(unit for unit in units if unit)
    return pa.table(
        {"u_unit": pa.array(known, pa.string()), "u_name": pa.array([unit_of(unit) for unit in known], pa.string())}
    )


def _services() -> pa.Table:
    names = sorted(SERVICES)
    return pa.table(
        {
            "s_category": names,
            "s_service": [SERVICES[name][0] for name in names],
            "s_sub": [SERVICES[name][1] for name in names],
        }
    )


def _centers(estate: Estate) -> pa.Table:
    teams = {team.name: team.cost_center for team in estate.teams}
    return pa.table(
        {"c_team": pa.array(list(teams), pa.string()), "c_center": pa.array(list(teams.values()), pa.string())}
    )


def written(rows: pa.Table, suffix: str, team: str | None = None, source: str | None = None) -> bytes:
    """Return rows as a file: Parquet where the suffix says so, else CSV; narrowed to a team or a source."""
    with duckdb.connect(":memory:") as connection, tempfile.TemporaryDirectory(prefix="costlens-") as folder:
        connection.execute("set timezone = 'UTC'; set threads = 1; set memory_limit = '500MB'")
        connection.register("found", rows)
        kept = [
            f"\"{name}\" = '{value.replace(chr(39), chr(39) * 2)}'"
            for name, value in (("x_Team", team), ("x_Source", source))
            if value is not None
        ]
        where = f" where {' and '.join(kept)}" if kept else ""
        place = Path(folder) / "focus"
        if suffix == ".parquet":
            body, form = "*", "format parquet, compression zstd"
        else:
            body, form = ", ".join(_cell(field) for field in rows.schema), "format csv, header"
        connection.execute(f"copy (select {body} from found{where}) to '{place}' ({form})")
        return place.read_bytes()


def _cell(field: pa.Field) -> str:
    """Return a column as FOCUS writes it in a CSV; a name that a spreadsheet would run begins with an apostrophe."""
    name = f'"{field.name}"'
    if pa.types.is_timestamp(field.type):
        return f"strftime({name}::timestamp, '%Y-%m-%dT%H:%M:%SZ') as {name}"
    if pa.types.is_decimal(field.type):
        trimmed = f"rtrim(rtrim({name}::varchar, '0'), '.')"
        return f"case when {name} is null then null when {trimmed} in ('', '-', '-0') then '0' else {trimmed} end as {name}"
    return f"case when regexp_matches({name}, '^[=+@\\t\\r\\n-]') then '''' || {name} else {name} end as {name}"


def read(body: bytes) -> pa.Table:
    """Return the rows of a Parquet file that `written` made."""
    import pyarrow.parquet as pq

    return pq.read_table(pa.BufferReader(body))
