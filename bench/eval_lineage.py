"""Evaluates `costlens lineage` and the methods built on it: write targets, tenants by tables read, the node of every dbt statement."""

from __future__ import annotations

import csv
import gzip
import json
import logging
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlglot
from evaluation import Section
from sqlglot import exp

from costlens.attribute.deeds import deeds_of, kinds_of
from costlens.engine import Engine
from costlens.estate import Asset, Estate, Ownership
from costlens.lineage import read
from costlens.lineage.shapes import lineage_of
from costlens.lineage.tokens import plain
from costlens.masking import mask_text, shape_of
from costlens.settings.attribution import Settings

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))  # the worlds of the tests: facts from rows

from tests.attribute.world import TODAY, answers_of, facts_of  # noqa: E402
from tests.sample import untagged  # noqa: E402

DATA = ROOT / "tests" / "lineage" / "data"
BIGQUERY = ROOT / "tests" / "trace" / "data" / "bqetl_assets.jsonl.gz"
DBT_MODELS = ROOT / "tests" / "trace" / "data" / "dbt_models.jsonl.gz"
DBT_LOG = ROOT / "tests" / "dbt" / "data" / "openlineage_dbt_snowflake_run_logs.jsonl"


def evaluate() -> Iterator[Section]:
    """Yield the sections of all data."""
    yield targets()
    yield agreement()
    yield tenants()
    yield nodes()
    yield nobody_tagged()


def targets() -> Section:
    """Compare targets and sources with gold data, by kind of statement."""
    marks: dict[str, Counter[str]] = defaultdict(Counter)
    with gzip.open(DATA / "lineage_openlineage_dev.jsonl.gz", "rt") as lines:
        for row in map(json.loads, lines):
            kind = row["file"].rsplit("tests_", 1)[-1].removesuffix(".rs")
            for name in (kind, "all"):
                marks[name] += Counter(
                    ["n", *_right(row, row["sql"], ""), *_right(row, mask_text(row["sql"], row["dialect"]), " masked")]
                )
    columns = ("targets", "sources", "targets masked", "sources masked")
    return Section(
        "Lineage: statements whose targets, and whose sources, are all and only the gold's (OpenLineage's tests)",
        ("statements", "n", *columns),
        tuple(
            (kind, count["n"], *(count[name] / count["n"] for name in columns)) for kind, count in sorted(marks.items())
        ),
        (
            "Unit tests of another parser, mostly PostgreSQL's dialect: they do not show how often real statements are of these kinds.",
            "Scripts, stages, dynamic tables and multi-table inserts are in tests/lineage/data/cases.jsonl, judged by ourselves.",
        ),
    )


def _right(row: dict[str, Any], sql: str, suffix: str) -> list[str]:
    lineage = read(sql, row["dialect"])
    said = {"targets": lineage.targets, "sources": lineage.sources}
    return [f"{name}{suffix}" for name, names in said.items() if _names(names) == _names(row[name])]


def _names(names: Iterable[str]) -> set[str]:
    return {".".join(plain(part) for part in name.split(".")).replace("`", "") for name in names}


def agreement() -> Section:
    """Compare the tables of real BigQuery statements with those that sqlglot's parser finds."""
    with gzip.open(BIGQUERY, "rt") as lines:
        texts = [row["sql"] for row in map(json.loads, lines)]
    count: Counter[str] = Counter()
    logging.disable(logging.WARNING)
    for text in texts:
        try:
            parsed = _parsed(text)
        except (sqlglot.ParseError, sqlglot.TokenError):
            count["sqlglot cannot parse"] += 1
            continue
        lineage = read(text, "bigquery")
        ours = {name.replace("`", "").lower() for name in (*lineage.sources, *lineage.targets)}
        count["the same tables" if ours == parsed else "other tables"] += 1
    logging.disable(logging.NOTSET)
    return Section(
        "Tables written and read by real BigQuery statements (mozilla/bigquery-etl), beside sqlglot's parser",
        ("outcome", "statements"),
        tuple(count.most_common()),
        (
            "In each that differs sqlglot takes a function that is defined beside the query for a table: looked at by hand.",
        ),
    )


def _parsed(text: str) -> set[str]:
    found: set[str] = set()
    for statement in filter(None, sqlglot.parse(text, dialect="bigquery")):
        ctes = {cte.alias_or_name.lower() for cte in statement.find_all(exp.CTE)}
        for table in statement.find_all(exp.Table):
            name = ".".join(part.name for part in table.parts).lower()
            if isinstance(table.this, exp.Identifier) and name not in ctes:
                found.add(name)
    return found


@dataclass(frozen=True)
class Query:
    """A query whose owner is known, and the milliseconds that it ran."""

    query_id: str
    text: str
    owner: str
    weight: float = 1.0
    session: str = "s"


def tenants() -> Section:
    """Attribute the queries of 16 tenants that share a warehouse by the tables that they read."""
    with gzip.open(DATA / "cab_shared_16nodes.csv.gz", "rt") as lines:
        rows = list(csv.DictReader(lines))
    queries = [
        Query(row["query_id"], row["query_text"], f"tenant {row['gold_tenant']}", float(row["execution_ms"]))
        for row in rows
    ]
    tables = {name for query in queries for name in (*read(query.text).sources, *read(query.text).targets)}
    assets = tuple(Asset(name, relations=(name,)) for name in sorted(tables))
    ownership = tuple(Ownership(name, f"tenant {name.rsplit('_', 1)[-1]}") for name in sorted(tables))
    owners = {claim.asset: claim.team for claim in ownership}
    told = _attributed(queries, Estate(assets, ownership), user="BENCH_SVC")
    said = {number: {owners[asset] for asset in found} for number, found in told.items()}
    return Section(
        "Tenants by the tables that their queries read or write (CAB, a real run on Snowflake)",
        ("weighted by", "n", "claimed", "right of claimed"),
        (
            ("queries", len(queries), *_claims(queries, said, by_time=False)),
            ("time", len(queries), *_claims(queries, said, by_time=True)),
        ),
        (
            "Each tenant has tables of its own here, named by its number: the data does not show tables that tenants share.",
        ),
    )


def nodes() -> Section:
    """Attribute the statements that dbt issues for each node, without their comments."""
    sections = []
    with gzip.open(DBT_MODELS, "rt") as lines:
        models = [row for row in map(json.loads, lines) if row.get("relation") and row.get("compiled_code")]
    queries = [query for at, row in enumerate(models) for query in _statements(row, at)]
    estate = Estate(tuple(Asset(row["unique_id"], relations=(row["relation"],)) for row in models))
    told = _attributed(queries, estate, user="DBT_SVC")
    sections.append(("dbt_netsuite, as materialized", len(queries), *_claims(queries, told, by_time=False)))
    logged = list(_logged())
    relations = {query.owner: query.owner.rsplit(".", 1)[-1] for query in logged}
    estate = Estate(
        tuple(Asset(node, relations=(f"REPORTING.TEST_GENERAL.{name}",)) for node, name in relations.items())
    )
    told = _attributed(logged, estate, user="DBT_SVC")
    sections.append(("jaffle_shop, as logged", len(logged), *_claims(logged, told, by_time=False)))
    return Section(
        "The node of every dbt statement by what it writes, comments taken out",
        ("project", "n", "claimed", "right of claimed"),
        tuple(sections),
        (
            "dbt_netsuite holds compiled models; the statements around them (temporary table, merge, swap, drop) are written as dbt-snowflake writes them.",
            "The log of jaffle_shop holds one statement of a node: a check of form, not a measure.",
        ),
    )


def _statements(row: dict[str, Any], at: int) -> Iterator[Query]:
    relation, node, code = row["relation"], row["unique_id"], row["compiled_code"]
    helper = relation[:-1] + '__dbt_tmp"' if relation.endswith('"') else relation + "__dbt_tmp"
    forms = {
        "view": [f"create or replace view {relation} as (\n{code}\n)"],
        "table": [
            f"create or replace transient table {relation} as (\n{code}\n)",
            f"alter table {relation} cluster by (x)",
        ],
        "incremental": [
            f"create or replace temporary table {helper} as (\n{code}\n)",
            f"merge into {relation} as DBT_INTERNAL_DEST using {helper} as DBT_INTERNAL_SOURCE on (a = b) when matched then delete",
            f"drop table if exists {helper} cascade",
        ],
    }
    for number, text in enumerate(forms.get(row["materialized"], [])):
        yield Query(f"{at} {number}", text, node, session=f"session {at}")


def _logged() -> Iterator[Query]:
    for number, line in enumerate(DBT_LOG.read_text(encoding="utf-8").splitlines()):
        event = json.loads(line)
        node = event["data"].get("node_info", {}).get("unique_id")
        if event["info"]["name"] == "SQLQuery" and node:
            yield Query(str(number), event["data"]["sql"].partition("*/")[2], node)


def _attributed(queries: list[Query], estate: Estate, user: str) -> dict[str, set[str]]:
    """Return the assets of each query, as a ledger would have them."""
    rows = [
        {"query_id": q.query_id, "shape": shape_of(q.text), "user": user, "session_id": q.session, "started_at": at}
        for at, q in enumerate(queries)
    ]
    shapes = [{"shape": shape_of(q.text), "text": mask_text(q.text)} for q in queries]
    with Engine() as engine:
        facts = facts_of(engine, {"queries": rows, "shapes": shapes, "lineage": []})
        facts["lineage"] = lineage_of(facts["shapes"], facts["lineage"], "snowflake", "1", lambda _: [], engine)
        facts |= {"deeds": deeds_of(facts), "kinds": kinds_of(facts)}
        found: dict[str, set[str]] = defaultdict(set)
        for row in answers_of(engine, facts, estate, Settings(), {TODAY}):
            if row["asset"]:
                found[row["subject_id"]].add(row["asset"])
    return found


def _claims(queries: list[Query], said: dict[str, set[str]], *, by_time: bool) -> tuple[float, float]:
    """Return the share that something was claimed of, and the share of that which is right."""
    weights = {query.query_id: query.weight if by_time else 1.0 for query in queries}
    claimed = [query for query in queries if said.get(query.query_id)]
    right = [query for query in claimed if said[query.query_id] == {query.owner}]
    of_claimed = sum(weights[query.query_id] for query in claimed)
    return of_claimed / sum(weights.values()), sum(weights[query.query_id] for query in right) / (of_claimed or 1.0)


def nobody_tagged() -> Section:
    """Attribute the sample company without tags, comments and labels; by money."""
    connection = untagged.scored_sample()
    names = [row[0] for row in connection.execute("select distinct tool from scored order by 1").fetchall()]
    rows = [
        ("all", *untagged.share(connection)),
        ("all, with the roles of teams' members", *untagged.share(untagged.scored_sample(groups=True))),
        *((name, *untagged.share(connection, f"tool = '{name}'")) for name in names),
    ]
    return Section(
        "The sample company without any tag, comment or label, by money",
        ("tool", "USD", "claimed", "right of claimed", "right to the very asset"),
        tuple((name, round(spend, 2), *parts) for name, spend, *parts in rows),
        (
            "The sample is made up by the authors of CostLens: real estates have more names that no estate knows.",
            "What is left is persons' reads: what one reads does not tell one's team. One rule a team on `granted_role` does, by Snowflake's",
            "GRANTS_TO_USERS: one person of fifteen is in no group, one in two, and one in that of the team that he left (made up, too).",
        ),
    )
