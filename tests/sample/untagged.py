"""The sample company as if nobody had ever tagged anything: which share of spend finds its asset or team, and how much of that is right.

`python -m tests.sample.untagged` prints it by method and by tool; test_untagged.py holds the floor.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import duckdb
import yaml

from costlens.config import load_config
from costlens.ledger import Ledger
from costlens.reading import export
from costlens.sync import Request, sync
from costlens_sample import folder

AS_OF = datetime(2026, 11, 12, tzinfo=timezone.utc)
FILES = ("costlens.yml", "assets.yml", "teams.yml", "manifest.json", "manifest_bigquery.json")
#: A claim is right if it names the asset, or the team that pays; cost is of everything that a query is charged.
_SCORED = """
    create table scored as
    select c.query_id, c.asset, c.team, c.attribution_method as method, c.cost::double as cost, t.tool, t.purpose as true_purpose,
        t.environment as true_environment,
        c.asset is not null or c.team is not null as is_claimed,
        coalesce(c.asset = t.asset, false) or coalesce(c.team = t.team, false) as is_right,
        coalesce(c.asset = t.asset, false) as is_asset
    from charges c join truth t on c.query_id = t.query_id and c.source = t.source
    where c.query_id is not null
"""


def strip(home: Path) -> None:
    """Write the sample below a folder without any tag, comment or label."""
    for name in FILES:
        shutil.copy(folder() / name, home / name)
    for name in ("snowflake", "bigquery"):
        shutil.copytree(folder() / name, home / name)
    with duckdb.connect() as connection:
        connection.create_function("bare", _bare, [str], str)
        _rewrite(
            connection, home / "snowflake" / "query_history.parquet", "'' as QUERY_TAG, bare(QUERY_TEXT) as QUERY_TEXT"
        )
        for jobs in sorted(home.glob("bigquery/*/jobs.parquet")):
            _rewrite(connection, jobs, "null::struct(key varchar, value varchar)[] as labels, bare(query) as query")


def name_groups(home: Path) -> None:
    """Say of each team which role the directory gives to its members: one line a team."""
    path = home / "teams.yml"
    body = yaml.safe_load(path.read_text())
    for team in body["teams"]:
        team["owns"].append({"granted_role": f"TEAM_{team['name'].upper()}"})
    path.write_text(yaml.safe_dump(body, sort_keys=False))


def _bare(text: str) -> str:
    return re.sub(r"/\*.*?\*/|--[^\n]*", " ", text, flags=re.DOTALL)


def _rewrite(connection: duckdb.DuckDBPyConnection, path: Path, replaced: str) -> None:
    connection.execute(f"create or replace table rewritten as select * replace ({replaced}) from '{path}'")
    connection.execute(f"copy rewritten to '{path}' (format parquet)")


def load(home: Path) -> Ledger:
    """Sync the stripped sample and return its ledger."""
    config = load_config(home / "costlens.yml")
    ledger = Ledger.open(config.root.lake, config.root.database)
    for connector in config.sources:
        sync(config, ledger, connector, Request(now=AS_OF, as_of=AS_OF))
    return ledger


def scores(home: Path, ledger: Ledger) -> duckdb.DuckDBPyConnection:
    """Return a connection with `scored`: each query's charge with what was claimed of it and whether that is right."""
    out = home / "charges.parquet"
    export(ledger, ledger.snapshot(), "charges", out, None, None, None)
    connection = duckdb.connect()
    connection.execute(f"create table charges as select * from '{out}'")
    connection.execute(f"create view truth as select * from '{folder() / 'truth.parquet'}'")
    connection.execute(_SCORED)
    return connection


def share(connection: duckdb.DuckDBPyConnection, where: str = "true") -> tuple[float, float, float, float]:
    """Return spend, the share of it that is claimed, the share of claims that is right, and that names the very asset."""
    row = connection.execute(
        f"""select sum(cost), sum(cost) filter (is_claimed) / sum(cost),
            sum(cost) filter (is_claimed and is_right) / sum(cost) filter (is_claimed),
            sum(cost) filter (is_claimed and is_asset) / sum(cost) filter (is_claimed)
        from scored where {where}"""
    ).fetchone()
    assert row is not None
    spend, *parts = (value or 0.0 for value in row)
    return spend, parts[0], parts[1], parts[2]


def _print(title: str, rows: Sequence[Sequence[Any]]) -> None:
    print(title)
    for name, spend, claimed, right, asset in rows:
        print(f"  {name!s:14} {spend:10,.2f} USD  claimed {claimed:7.2%}  right {right:7.2%}  by asset {asset:7.2%}")


def scored_sample(*, groups: bool = False) -> duckdb.DuckDBPyConnection:
    """Strip, load and score the sample in a temporary folder; `groups`: the roles of the teams' members are named."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        strip(home)
        if groups:
            name_groups(home)
        with load(home) as ledger:
            return scores(home, ledger)


def main() -> None:
    """Print the scores."""
    _print("with one rule a team on the roles that persons hold", [("all", *share(scored_sample(groups=True)))])
    connection = scored_sample()
    _print("all", [("all", *share(connection))])
    for column in ("method", "tool"):
        names = [row[0] for row in connection.execute(f"select distinct {column} from scored order by 1").fetchall()]
        _print(column, [(name, *share(connection, f"{column} = '{name}'")) for name in names])
    wrong = connection.execute(
        "select tool, method, team, asset, sum(cost) from scored where is_claimed and not is_right group by all order by 5 desc limit 10"
    ).fetchall()
    for row in wrong:
        print("  wrong:", *row)


if __name__ == "__main__":
    main()
