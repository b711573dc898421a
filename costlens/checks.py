"""Sorts out staged facts that cannot be: each kind is counted as a problem, none is dropped in silence."""

from __future__ import annotations

from pathlib import Path

from costlens.engine import Engine
from costlens.errors import Problem
from costlens.model import Table

#: Table -> what is wrong -> SQL over the lake's types.
_RULES: dict[str, dict[str, str]] = {
    "queries": {
        "query ends before it starts": "ended_at < started_at or ended_at < submitted_at",
        "negative bytes, slots or time": "bytes_billed < 0 or slot_ms < 0 or execution_ms < 0 or overhead_units < 0",
    },
    "query_usage": {"negative or unreadable units": "units < 0 or isnan(units) or isinf(units)"},
    "metering": {"negative units": "units < 0 or own_units < 0 or overhead_units < 0"},
    "usage": {"negative units": "units < 0", "line ends before it starts": "ended_at < started_at"},
    "rates": {"negative price": "price < 0"},
}


def sort_out(
    engine: Engine, table: Table, source: str, feed: str, paths: list[Path]
) -> tuple[list[Path], list[Problem]]:
    """Return the files without the rows that cannot be and without repeated keys, and what was taken out.

    A row that comes twice alike is kept once and not mentioned further than its count; of rows that share a key and differ, the one that
    sorts last by all columns is kept, so that the choice does not depend on their order.
    """
    if not paths:
        return [], []
    listed = "[" + ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths) + "]"
    rows = f"read_parquet({listed}, hive_partitioning=false)"
    rules = {"no day": "day is null", **_RULES.get(table.name, {})}
    counts = engine.connection.execute(
        "select " + ", ".join(f"count(*) filter (where {rule})" for rule in rules.values()) + f" from {rows}"
    ).fetchone()
    bad = dict(zip(rules, counts or (), strict=True))
    key = ", ".join(f'"{name}"' for name in table.key)
    repeated = engine.connection.execute(
        f"select count(*), coalesce(sum(n - 1), 0)::bigint from (select count(*) as n from {rows} group by {key} having count(*) > 1)"
    ).fetchone() or (0, 0)
    problems = [
        Problem(source, f"{table.name} from {feed}", reason, count=count) for reason, count in bad.items() if count
    ]
    if repeated[1]:
        problems.append(
            Problem(source, f"{table.name} from {feed}", "the same key again: one row kept", count=int(repeated[1]))
        )
    if not problems:
        return paths, []
    good = " and ".join(f"({rule}) is not true" for rule in rules.values())
    order = ", ".join(f'"{name}" desc nulls last' for name in table.names)
    target = paths[0].with_name(paths[0].stem + "-sorted.parquet")
    engine.connection.execute(
        f"copy (select * from {rows} where {good} qualify row_number() over (partition by {key} order by {order}) = 1) "
        f"to '{str(target).replace(chr(39), chr(39) * 2)}' (format parquet, compression zstd)"
    )
    for path in paths:
        path.unlink()
    return [target], problems
