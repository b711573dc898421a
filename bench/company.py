"""Writes the ledger of a made-up company straight into the lake: 13 months, 10 M queries, 2,000 assets, 30 teams.

`python bench/company.py FOLDER` makes FOLDER/costlens.yml with its lake and database; nothing is pulled or priced, so it takes a
minute or two. `daily`, `metering`, `bill` and `rates` hold every day. What is kept per query (`queries`, `charges`, `attributions`,
`shapes`, `pool_events`, `runs`, `materializations`) holds the last `--details` days only (default 62: the open month and the one
before), `--details 400` all. All sums agree: charges = daily, own + idle = metered, charged = billed.

Planted, for those who look for them (asset numbers are ranks of cost): asset 3 runs six times as often on 2026-10-14 and -15; asset 5
takes twice as long since 2026-10-20; asset 8 grows 1 % a day since 2026-09-01; assets 1900 and above are new since 2026-08-01.
"""

from __future__ import annotations

import argparse
import shutil
import time
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import ibis
from company_sql import DETAILS, EVERY_DAY, ROLL, WORLD

from costlens.engine import Engine, schema_of
from costlens.estate import Asset, Estate, Ownership, PrincipalRule, Team
from costlens.ledger import Ledger, Writer
from costlens.model import TABLES

TEAMS = (
    "growth", "payments", "content", "catalog", "finance", "platform", "marketing", "search", "ads", "discovery",
    "risk", "fraud", "logistics", "pricing", "sales", "support", "mobile", "web", "science", "ml-platform",
    "security", "legal", "people", "partners", "inventory", "checkout", "identity", "messaging", "insights", "labs",
)  # fmt: skip
LAYERS = ("staging", "intermediate", "marts", "reports", "ml")
SUBJECTS = ("orders", "sessions", "events", "invoices", "users", "listings", "features", "scores", "funnel", "ledger")
SOURCES = {"prod": ("eu-west-1", 0.8), "labs": ("us-east-1", 0.2)}
FIRST, AS_OF = date(2025, 11, 1), datetime(2026, 11, 21, 6, tzinfo=timezone.utc)
EPOCH = date(1970, 1, 1)
CONFIG = """# A made-up company, for benchmarks: its ledger was written directly, there is nothing to sync.
lake: ./lake
database: sqlite:///./costlens.db
"""


def key(number: int) -> str:
    layer, subject = LAYERS[number % 5], SUBJECTS[number // 5 % 10]
    return f"{layer}/{team(number)}_{subject}_{number:04}"


def team(number: int) -> str:
    return TEAMS[number * 7 % 30]


def relation(number: int) -> str:
    layer, name = key(number).upper().replace("-", "_").split("/")
    return f"ANALYTICS.{layer}.{name}"


def estate(assets: int) -> Estate:
    """Return assets that each read up to three cheaper numbers, their owners and a rule per team."""
    made, owned = [], []
    for number in range(assets):
        tool = ("dbt", "dagster", "airflow")[number % 3]
        upstream = tuple(dict.fromkeys(key(number * 7 // (11 + step)) for step in range(number % 4) if number > 20))
        made.append(
            Asset(
                key(number),
                (relation(number),),
                owners=(f"{team(number)}@company.example",),
                dbt_node=f"model.company.{key(number).replace('/', '_')}" if tool == "dbt" else None,
                tags=(tool, "critical") if number % 17 == 0 else (tool,),
                path=f"models/{key(number)}.sql",
                upstream=upstream,
                origin=tool,
            )
        )
        owned.append(Ownership(key(number), team(number)))
    teams = tuple(Team(name, f"#{name}-data", f"CC-{100 + place}") for place, name in enumerate(TEAMS))
    rules = tuple(PrincipalRule(name, "role", f"{name.upper().replace('-', '_')}_*") for name in TEAMS)
    return Estate(tuple(made), tuple(owned), teams, rules)


def months(first: date, last: date) -> list[tuple[date, date]]:
    """Cut [first, last) where months begin."""
    found = []
    while first < last:
        after = min((first.replace(day=1) + timedelta(days=32)).replace(day=1), last)
        found.append((first, after))
        first = after
    return found


def number_of(day: date) -> int:
    return (day - EPOCH).days


def put(writer: Writer, engine: Engine, name: str, source: str, days: range, select: str) -> None:
    """Write a select, whose columns are of the model and in pipeline types, in place of the days of a table."""
    made = engine.name(name)
    engine.connection.execute(f"create temp table {made} as {select}")
    there = {row[0] for row in engine.connection.execute(f"describe {made}").fetchall()}
    columns = [column for column in TABLES[name].columns if column.name in there]
    writer.replace(name, source, days, ibis.table(schema_of(columns), name=made), engine)
    engine.connection.execute(f"drop table {made}")


def month(
    writer: Writer, engine: Engine, source: str, span: tuple[date, date], per_day: int, details_from: date
) -> None:
    """Write one month of a source."""
    region = SOURCES[source][0]
    days = range(number_of(span[0]), number_of(span[1]))
    values = {"source": source, "region": region, "first": days[0], "last": days[-1] + 1, "per_day": per_day}
    values |= {"final": number_of(AS_OF.date()) - 3, "detailed": number_of(details_from)}
    with engine.scratch():
        for name, sql in WORLD.items():
            engine.connection.execute(f"create temp table {name} as {sql.format(**values)}")
        for name, sql in EVERY_DAY.items():
            put(writer, engine, name, source, days, sql.format(**values))
        detailed = range(max(days[0], number_of(details_from)), days[-1] + 1)
        if detailed:
            for name, sql in DETAILS.items():
                put(writer, engine, name, source, detailed, sql.format(**values))


def make(folder: Path, queries: int, assets: int, details: int, count: int) -> None:
    """Write the company's ledger into `folder`; one that is there is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(folder / "lake", ignore_errors=True)
    for left in folder.glob("costlens.db*"):
        left.unlink()
    (folder / "costlens.yml").write_text(CONFIG, encoding="utf-8")
    last = AS_OF.date()
    per_day = queries / (last - FIRST).days
    with (
        Ledger.open(str(folder / "lake"), f"sqlite:///{folder.resolve() / 'costlens.db'}") as ledger,
        Engine(memory="3GB") as engine,
        ledger.write("company", "bench") as writer,
    ):
        engine.connection.execute(ROLL)
        engine.connection.execute(
            "create table assets (n integer, key varchar, team varchar, relation varchar, tool varchar)"
        )
        rows = [[n, key(n), team(n), relation(n), ("dbt", "dagster", "airflow")[n % 3]] for n in range(assets)]
        engine.connection.executemany("insert into assets values (?, ?, ?, ?, ?)", rows)
        engine.connection.execute("create table teams (n integer, team varchar)")
        engine.connection.executemany("insert into teams values (?, ?)", [[n, name] for n, name in enumerate(TEAMS)])
        for span in months(FIRST, last)[-count:]:
            started = time.monotonic()
            for source, (_, part) in SOURCES.items():
                month(writer, engine, source, span, round(per_day * part), last - timedelta(days=details))
            print(f"{span[0]:%Y-%m}  {time.monotonic() - started:5.1f} s", flush=True)
        pulled = {source: {"pulled_at": AS_OF.isoformat(), "as_of": AS_OF.isoformat()} for source in SOURCES}
        info = {"types": dict.fromkeys(SOURCES, "snowflake"), "sources": pulled}
        views = ("query_history", "warehouse_metering_history", "usage_in_currency_daily")
        cursors = {
            (source, view): AS_OF - timedelta(hours=3 + place) for source in SOURCES for place, view in enumerate(views)
        }
        writer.commit(AS_OF, cursors=cursors, info=info, estate=estate(assets))


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the ledger of a made-up company.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--queries", type=int, default=10_000_000)
    parser.add_argument("--assets", type=int, default=2_000)
    parser.add_argument("--details", type=int, default=62, metavar="DAYS", help="days with rows per query")
    parser.add_argument("--months", type=int, default=13, help="the last so many only, each as large as of thirteen")
    given = parser.parse_args()
    started = time.monotonic()
    make(given.folder, given.queries, given.assets, given.details, given.months)
    size = sum(path.stat().st_size for path in given.folder.rglob("*") if path.is_file())
    print(f"{time.monotonic() - started:.0f} s, {size / 1e6:,.0f} MB in {given.folder}")


if __name__ == "__main__":
    main()
