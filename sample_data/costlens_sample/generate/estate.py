"""The estate of the sample: `costlens.yml`, `assets.yml`, `teams.yml` and the manifests of two dbt projects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from costlens_sample.generate.bigquery_company import MODELS as BIGQUERY_MODELS
from costlens_sample.generate.bigquery_company import OTHER_ASSETS as BIGQUERY_ASSETS
from costlens_sample.generate.bigquery_company import PRINCIPALS, PROJECT
from costlens_sample.generate.company import (
    BIGQUERY,
    COST_CENTERS,
    JOBS,
    MODELS,
    SNOWFLAKE,
    SOURCES,
    TEAMS,
)
from costlens_sample.generate.services import VIEW

CONFIG = f"""\
# The sample month of Encore, a made-up music streaming start-up: two warehouses, read from exported views.
lake: ./.costlens/lake
database: sqlite:///./.costlens/costlens.db
sources:
  - name: {SNOWFLAKE}
    type: snowflake
    export: snowflake
    rates: {{compute: 2.85, storage: 23.00, currency: USD}} # used only where the account's rate sheet says nothing
  - name: {BIGQUERY}
    type: bigquery
    project: {PROJECT}
    regions: [us, eu]
    export: bigquery
assets:
  - dbt: {{manifest: manifest.json}}
  - dbt: {{manifest: manifest_bigquery.json}}
  - yaml: assets.yml
teams: teams.yml
budgets:
  limits:
    - {{team: catalog, amount: 6000, currency: USD}}
    - {{team: growth, amount: 7000, currency: USD}}
    - {{team: content, amount: 5000, currency: USD}}
    - {{pool: TRANSFORM_WH, source: {SNOWFLAKE}, amount: 8000, currency: USD}}
    - {{source: {BIGQUERY}, amount: 15000, currency: USD}}
"""

#: What each team owns by principal on Snowflake; nobody owns the shared ANALYST role.
_OWNS: dict[str, list[dict[str, str]]] = {
    "growth": [{"role": "GROWTH_*"}, {"pool": "GROWTH_AP_WH"}],
    "payments": [{"role": "PAYMENTS_*"}],
    "content": [{"role": "CONTENT_*"}],
    "catalog": [{"role": "CATALOG_*"}],
    "finance": [{"role": "FINANCE_*"}],
    "platform": [{"user": "FIVETRAN_USER"}, {"role": "PLATFORM_*"}],
}


def write(folder: Path) -> None:
    """Write the five files."""
    texts = {
        "costlens.yml": CONFIG,
        "assets.yml": _dump({"assets": list(_assets())}),
        "teams.yml": _dump({"teams": [_team(name) for name in TEAMS]}),
        "manifest.json": json.dumps(_manifest(), indent=1) + "\n",
        "manifest_bigquery.json": json.dumps(_bigquery_manifest(), indent=1) + "\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def _dump(body: object) -> str:
    return yaml.safe_dump(body, sort_keys=False, width=120)


def _team(name: str) -> dict[str, Any]:
    return {
        "name": name,
        "slack": f"#{name}-data",
        "cost_center": COST_CENTERS[name],
        "email": f"{name}@encore.example",
        "owns": [*_OWNS[name], *({"user": pattern} for pattern in PRINCIPALS.get(name, ()))],
    }


def _assets() -> Iterator[dict[str, Any]]:
    """What no dbt project knows: loaded tables, what Dagster and Airflow build, a materialized view."""
    for source in SOURCES:
        yield {"key": source.asset, "relations": [source.relation], "team": "platform"}
    yield {"key": "raw/app/play", "relations": ["RAW.APP.PLAY", "RAW.APP.PLAY_PIPE"], "team": "platform"}
    for job in JOBS:
        entry = {"key": job.asset, "relations": [job.relation], "path": job.code.partition(":")[0]}
        if job.moves:
            first = {"team": job.team, "valid_to": job.moves[0]}
            yield {**entry, "ownership": [first, {"team": job.moves[1], "valid_from": job.moves[0]}]}
        else:
            yield {**entry, "team": job.team}
    assert VIEW.asset
    assert VIEW.team
    yield {"key": VIEW.asset, "relations": [VIEW.name], "team": VIEW.team, "kind": "materialized view"}
    for asset, relation, team in BIGQUERY_ASSETS:
        yield {"key": asset, "relations": [relation], "team": team}


def _node(unique_id: str, database: str, schema: str, team: str, path: str, materialized: str) -> dict[str, Any]:
    kind, package, name = unique_id.split(".")
    return {
        "unique_id": unique_id,
        "resource_type": kind,
        "package_name": package,
        "name": name,
        "alias": name,
        "database": database,
        "schema": schema,
        "relation_name": f"{database}.{schema}.{name}",
        "path": path.partition("/")[2],
        "original_file_path": path,
        "fqn": [package, schema, name],
        "tags": [],
        "group": None,
        "meta": {"team": team, "owner": f"{team}@encore.example"},
        "config": {
            "materialized": materialized,
            "schema": schema,
            "meta": {"team": team, "owner": f"{team}@encore.example"},
        },
        "depends_on": {"macros": [], "nodes": []},
    }


def _project(name: str, adapter: str, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json",
            "dbt_version": "1.12.6",
            "generated_at": "2026-11-03T02:00:00.000000Z",
            "project_name": name,
            "adapter_type": adapter,
        },
        "nodes": {node["unique_id"]: node for node in nodes},
        "sources": {},
        "exposures": {},
        "groups": {},
        "parent_map": {},
        "child_map": {},
    }


def _test(name: str, model: dict[str, Any]) -> dict[str, Any]:
    """Return the node of a test: it has no relation, no owner and no team of its own."""
    package, schema = model["package_name"], model["schema"]
    node = _node(f"test.{package}.{name}", model["database"], schema, "", f"models/{schema}/schema.yml", "test")
    bare = {"relation_name": None, "meta": {}, "config": {"materialized": "test"}, "attached_node": model["unique_id"]}
    return {**node, **bare, "depends_on": {"macros": [], "nodes": [model["unique_id"]]}}


def _manifest() -> dict[str, Any]:
    by_relation = {m.relation: m.node for m in MODELS}
    nodes = []
    for m in MODELS:
        node = _node(m.node, "analytics", m.schema, m.team, m.path, m.materialized)
        upstream = [by_relation[f"ANALYTICS.{name}"] for name in m.reads if f"ANALYTICS.{name}" in by_relation]
        node["depends_on"]["nodes"] = upstream
        nodes += [node, _test(f"not_null_{m.name}_id", node)]
    return _project("encore", "snowflake", nodes)


def _bigquery_manifest() -> dict[str, Any]:
    nodes = []
    for m in BIGQUERY_MODELS:
        path = f"models/{m.schema}/{m.name}.sql"
        node = _node(m.node, PROJECT, m.schema, m.team, path, "incremental")
        nodes += [node, _test(f"not_null_{m.name}_session_id", node)]
    return _project("playback", "bigquery", nodes)
