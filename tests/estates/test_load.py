"""An estate is put together from YAML and dbt, and what is wrong in a file is told with its key."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from costlens.errors import ConfigError
from costlens.estate import Estate, PrincipalRule, Team
from costlens.estates import load_estate, ownership_rows

DATA = Path(__file__).parent / "data"
TEAMS = """
teams:
  - name: growth
    slack: "#growth-data"
    cost_center: CC-120
    owns:
      - {role: 'GROWTH_*'}
      - {user: GROWTH_SVC, valid_from: 2026-09-01}
      - {schema: growth_*}
      - {label: {team: growth}}
  - {name: finance, email: finance@example.org}
"""
ASSETS = """
assets:
  - key: marts/orders
    relations: [ANALYTICS.MARTS.ORDERS]
    ownership:
      - {team: growth, valid_to: 2026-10-15}
      - {team: finance, valid_from: 2026-10-15}
    owners: [a@example.org]
    kind: table
  - {key: marts/customers, team: growth, relations: [analytics.marts.customers]}
  - {key: ledger, owners: ["team:finance"]}
"""


def write(folder: Path, assets: str = ASSETS, teams: str = TEAMS) -> None:
    (folder / "assets.yml").write_text(assets)
    (folder / "teams.yml").write_text(teams)


def load(folder: Path, *assets: dict[str, Any]) -> Estate:
    return load_estate(assets or [{"yaml": "assets.yml"}], Path("teams.yml"), folder)


def owners(estate: Estate) -> set[tuple[str, str, int | None, int | None]]:
    return set(ownership_rows(estate))


def test_yaml_assets_and_teams(tmp_path: Path) -> None:
    write(tmp_path)
    estate = load(tmp_path)
    assert [asset.key for asset in estate.assets] == ["marts/orders", "marts/customers", "ledger"]
    assert estate.teams[0] == Team("growth", "#growth-data", "CC-120")
    assert estate.rules[0] == PrincipalRule("growth", "role", "GROWTH_*")
    assert estate.rules[1] == PrincipalRule("growth", "user", "GROWTH_SVC", date(2026, 9, 1))
    assert [rule.field for rule in estate.rules[2:]] == ["schema", "label:team"]
    day = (date(2026, 10, 15) - date(1970, 1, 1)).days
    assert owners(estate) == {
        ("marts/orders", "growth", None, day),
        ("marts/orders", "finance", day, None),
        ("marts/customers", "growth", None, None),
        ("ledger", "finance", None, None),
    }
    assert estate.conflicts == ()


WRONG = [
    ("assets", "assets:\n  - {kye: a}", r"assets\.yml: assets\[0\]\.key: field required"),
    ("assets", "assets:\n  - {key: a, relation: [x]}", r"assets\[0\]\.relation: unknown key: did you mean `relations`"),
    ("assets", "assets:\n  - {key: a, team: growht}", r"assets\[0\]\.team: no team 'growht'.*did you mean `growth`"),
    ("assets", "assets:\n  - {key: a}\n  - {key: a}", r"assets\[1\]\.key: a second 'a'"),
    (
        "assets",
        "assets:\n  - {key: a, ownership: [{tem: x}]}",
        r"assets\[0\]\.ownership\[0\]\.tem.*did you mean `team`",
    ),
    ("assets", "assets: [", r"assets\.yml, line \d+: not valid YAML"),
    ("assets", "- a", r"assets\.yml: the top level"),
    (
        "teams",
        "teams:\n  - {name: a, owns: [{rol: x}]}",
        r"teams\[0\]\.owns\[0\]\.rol: unknown key: did you mean `role`",
    ),
    ("teams", "teams:\n  - {name: a, owns: [{role: x, user: y}]}", r"owns\[0\]: name exactly one of user, role"),
    (
        "teams",
        "teams:\n  - {name: a, owns: [{role: x, valid_from: 2026-02-01, valid_to: 2026-01-01}]}",
        r"before valid_to",
    ),
    ("teams", "teams:\n  - {name: a}\n  - {name: a}", r"teams\[1\]\.name: a second 'a'"),
    ("teams", "team: x", r"teams\.yml: team.*did you mean `teams`"),
]


@pytest.mark.parametrize(("file", "text", "message"), WRONG)
def test_faults_name_file_and_key(tmp_path: Path, file: str, text: str, message: str) -> None:
    write(tmp_path, **{file: text})
    with pytest.raises(ConfigError, match=message):
        load(tmp_path)


ENTRIES: list[tuple[dict[str, Any], str]] = [
    ({"dtb": "x"}, r"assets\[0\]: unknown key 'dtb': did you mean `dbt`"),
    ({}, r"assets\[0\]: name one of airflow, codeowners"),
    ({"dbt": {"manifset": "x"}}, r"assets\[0\]\.dbt: manifest: field required"),
    ({"dbt": {"manifest": "none.json"}}, r"none\.json: no such file"),
    ({"dbt": {"manifest": "assets.yml"}}, r"assets\.yml, line \d+: not valid JSON"),
    ({"dbt": {"manifest": "teams.json"}}, r"teams\.json: not a dbt manifest"),
    ({"yaml": "assets.yml", "precedence": "high"}, r"assets\[0\]\.yaml: precedence"),
]


@pytest.mark.parametrize(("entry", "message"), ENTRIES)
def test_wrong_entries_are_refused(tmp_path: Path, entry: dict[str, Any], message: str) -> None:
    write(tmp_path)
    (tmp_path / "teams.json").write_text("{}")
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, entry)


def manifest(tmp_path: Path, nodes: dict[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """Write a manifest of today's schema and return the entry that loads it."""
    body = {
        "metadata": {"dbt_schema_version": "https://schemas.getdbt.com/dbt/manifest/v12.json"},
        "nodes": {
            unique_id: {
                "unique_id": unique_id,
                "resource_type": unique_id.split(".")[0],
                "package_name": unique_id.split(".")[1],
                "name": unique_id.split(".")[2],
                "alias": unique_id.split(".")[2],
                "database": "analytics",
                "schema": "marts",
                "config": {"materialized": "table"},
                "meta": {},
                "depends_on": {"nodes": []},
                "original_file_path": f"models/{unique_id.split('.')[2]}.sql",
                **node,
            }
            for unique_id, node in nodes.items()
        },
        **more,
    }
    (tmp_path / "manifest.json").write_text(json.dumps(body))
    return {"dbt": {"manifest": "manifest.json"}}


def test_dbt_keys_follow_dagster(tmp_path: Path) -> None:
    entry = manifest(
        tmp_path,
        {
            "model.shop.plain": {},
            "model.shop.with_schema": {"config": {"schema": "core"}},
            "model.shop.named": {"config": {"schema": "core", "meta": {"dagster": {"asset_key": ["a", "b"]}}}},
            "model.shop.versioned": {"version": 2, "alias": "versioned_v2"},
            "model.shop.off": {"config": {"materialized": "ephemeral"}},
            "snapshot.shop.snap": {"config": {"materialized": "snapshot"}},
            "model.other.plain": {},
            "operation.shop.hook": {},
        },
        sources={
            "source.shop.raw.events": {
                "resource_type": "source",
                "source_name": "raw",
                "name": "events",
                "identifier": "events_v1",
                "database": "lake",
                "schema": "raw",
            }
        },
    )
    estate = load_estate([entry], None, tmp_path)
    by_node = {asset.dbt_node: asset for asset in estate.assets}
    assert {node: asset.key for node, asset in by_node.items()} == {
        "model.shop.plain": "plain",
        "model.shop.with_schema": "core/with_schema",
        "model.shop.named": "a/b",
        "model.shop.versioned": "versioned_v2",
        "model.shop.off": "off",
        "snapshot.shop.snap": "snap",
        "model.other.plain": "other/plain",
        "source.shop.raw.events": "raw/events",
    }
    assert by_node["model.shop.off"].relations == ()
    assert by_node["source.shop.raw.events"].relations == ("lake.raw.events_v1",)
    assert any("plain" in conflict for conflict in estate.conflicts)


def test_dbt_teams_owners_and_tests(tmp_path: Path) -> None:
    write(tmp_path)
    entry = manifest(
        tmp_path,
        {
            "model.shop.orders": {"meta": {"team": "growth", "owner": "a@example.org"}},
            "model.shop.customers": {"config": {"group": "finance"}, "depends_on": {"nodes": ["model.shop.orders"]}},
            "model.shop.users": {"config": {"meta": {"owner": ["@x", "Finance@example.org"]}}},
            "model.shop.lone": {"meta": {"team": "ghosts"}},
            "test.shop.unique_orders_id.ab": {"depends_on": {"nodes": ["model.shop.orders"]}},
            "test.shop.fk.cd": {
                "depends_on": {"nodes": ["model.shop.customers", "model.shop.orders"]},
                "attached_node": "model.shop.orders",
            },
        },
        groups={"group.shop.finance": {"name": "finance", "owner": {"email": "fin@example.org", "name": "Fin"}}},
    )
    estate = load(tmp_path, entry)
    assert owners(estate) == {
        ("orders", "growth", None, None),
        ("customers", "finance", None, None),
        ("users", "finance", None, None),
        ("lone", "ghosts", None, None),
    }
    by_key = {asset.key: asset for asset in estate.assets}
    assert by_key["customers"].owners == ("fin@example.org",)
    assert by_key["customers"].upstream == ("orders",)
    assert by_key["test.shop.unique_orders_id.ab"].kind == "test"
    assert by_key["test.shop.fk.cd"].upstream[0] == "orders"
    assert any("ghosts" in conflict for conflict in estate.conflicts)
    assert "ghosts" in [team.name for team in estate.teams]


def test_a_real_manifest_of_2021() -> None:
    estate = load_estate([{"dbt": {"manifest": "jaffle_shop_manifest_v2.json"}}], None, DATA)
    kinds = [asset.kind for asset in estate.assets]
    assert (len(kinds), kinds.count("test"), kinds.count("seed"), kinds.count("view")) == (28, 20, 3, 3)
    customers = next(asset for asset in estate.assets if asset.key == "customers")
    assert customers.relations == ("DEMO_DB.public.customers",)
    assert customers.path == "models/customers.sql"
    assert customers.upstream == ("stg_customers", "stg_orders", "stg_payments")


@pytest.mark.parametrize("version", range(2, 13))
def test_every_manifest_version_is_read(tmp_path: Path, version: int) -> None:
    entry = manifest(tmp_path, {"model.shop.orders": {}})
    file = tmp_path / "manifest.json"
    file.write_text(file.read_text().replace("v12.json", f"v{version}.json"))
    assert [asset.key for asset in load_estate([entry], None, tmp_path).assets] == ["orders"]


@pytest.mark.parametrize("junk", [None, 1, "x", [1, "x"], {"x": [1]}, [[]], {}])
def test_odd_values_of_a_manifest_do_no_harm(tmp_path: Path, junk: Any) -> None:
    names = ["config", "meta", "depends_on", "tags", "original_file_path", "attached_node", "group", "alias", "version"]
    nodes = {f"model.shop.m{number}": {name: junk} for number, name in enumerate(names)}
    nodes["model.shop.deep"] = {"config": {"meta": junk, "group": junk, "schema": junk}, "meta": {"dagster": junk}}
    nodes["model.shop.owner"] = {"meta": {"owner": junk, "team": junk, "dagster": {"asset_key": junk, "owners": junk}}}
    entry = manifest(tmp_path, nodes, groups=junk, sources=junk, unit_tests=junk)
    assert len(load_estate([entry], None, tmp_path).assets) == len(nodes)


def test_a_manifest_that_is_too_old_is_refused(tmp_path: Path) -> None:
    entry = manifest(tmp_path, {})
    file = tmp_path / "manifest.json"
    file.write_text(file.read_text().replace("v12.json", "v1.json"))
    with pytest.raises(ConfigError, match=r"manifest v1 is too old"):
        load_estate([entry], None, tmp_path)


def test_yaml_wins_over_dbt_unless_configured_and_the_conflict_is_told(tmp_path: Path) -> None:
    write(tmp_path, assets="assets:\n  - {key: orders, team: finance, relations: [analytics.marts.orders]}")
    dbt = manifest(tmp_path, {"model.shop.orders": {"meta": {"team": "growth"}}})
    estate = load(tmp_path, dbt, {"yaml": "assets.yml"})
    assert owners(estate) == {("orders", "finance", None, None)}
    assert estate.conflicts == ("asset orders: owned by finance (assets.yml), growth (dbt): finance has it",)
    (orders,) = estate.assets
    assert orders.dbt_node == "model.shop.orders"
    assert orders.relations == ("analytics.marts.orders",)
    assert owners(load(tmp_path, {**dbt, "precedence": 1}, {"yaml": "assets.yml"})) == {
        ("orders", "growth", None, None)
    }


def test_a_yaml_key_names_the_dbt_node(tmp_path: Path) -> None:
    write(tmp_path, assets="assets:\n  - {key: marts/orders, dbt_node: model.shop.orders}")
    dbt = manifest(
        tmp_path,
        {
            "model.shop.orders": {"meta": {"team": "growth"}},
            "test.shop.t.ab": {"depends_on": {"nodes": ["model.shop.orders"]}},
        },
    )
    estate = load(tmp_path, dbt, {"yaml": "assets.yml"})
    by_key = {asset.key: asset for asset in estate.assets}
    assert set(by_key) == {"marts/orders", "test.shop.t.ab"}
    assert by_key["test.shop.t.ab"].upstream == ("marts/orders",)
    assert owners(estate) == {("marts/orders", "growth", None, None)}
