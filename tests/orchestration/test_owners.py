"""`costlens owners` over files, CODEOWNERS and a running orchestrator: precedence, reorganisations, conflicts, orphans by money."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.commands import main
from costlens.estate import Asset, Catalog
from costlens.orchestration import pull
from costlens.orchestration.store import renewed
from tests.dagster.test_pull import recorded
from tests.sync.conftest import CONFIG, Company, small_export
from tests.webservice import Answer, Asked, web_service

DBT = "assets: [{dbt: {manifest: manifest.json}}, {yaml: assets.yml}]"
TEAMS = """
teams:
  - {name: growth, aliases: ["@encore/growth-data", team:growth-eng]}
  - {name: payments}
  - {name: platform}
  - {name: content}
  - {name: catalog}
  - {name: finance}
  - {name: ads}
  - {name: ml}
"""


def dagster_assets(owners: dict[str, list[dict[str, str]]]) -> Callable[[Asked], Answer]:
    """A Dagster that has these assets with these owners, and no runs."""
    nodes = [{"assetKey": {"path": key.split("/")}, "owners": told} for key, told in owners.items()]

    def answer(asked: Asked) -> Answer:
        if "assetNodes" in asked.body["query"]:
            return Answer({"data": {"assetNodes": nodes}})
        return Answer({"data": {"runsOrError": {"__typename": "Runs", "results": []}}})

    return answer


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Company:
    folder = tmp_path_factory.mktemp("owners")
    small_export(folder / "export", "{t} >= '2026-10-01' and {t} < '2026-10-02'")
    company = Company(folder, CONFIG)
    company.sync()
    return company


def with_assets(company: Company, entries: str) -> None:
    company.path.write_text(CONFIG.replace(DBT, f"assets: [{entries}]"))


def told(company: Company, *options: str) -> dict[str, Any]:
    found = CliRunner().invoke(main, ["owners", "--config", str(company.path), "--json", *options])
    assert found.exit_code == 0, found.output
    read: dict[str, Any] = json.loads(found.output)
    return {**read, "assets": {asset["asset"]: asset for asset in read["assets"]}}


def test_sources_by_precedence_conflicts_orphans_and_remedies(company: Company) -> None:
    manifest = json.loads((company.folder / "manifest.json").read_text())
    for node in manifest["nodes"].values():
        node.pop("group", None)
        node["config"].pop("group", None)
        for meta in (node.get("meta") or {}, node["config"].get("meta") or {}):
            meta.pop("team", None)
            meta.pop("owner", None)
    manifest["groups"] = {}
    (company.folder / "manifest.json").write_text(json.dumps(manifest))
    (company.folder / "teams.yml").write_text(TEAMS)
    (company.folder / "CODEOWNERS").write_text(
        "/dbt/models/growth/ @encore/growth-data\n/dbt/models/finance/ @nobody\n"
    )
    growth, content = "growth/daily_active_listeners", "content/artist_daily_streams"
    owners = {growth: [{"team": "payments"}], content: [{"email": "ann@example.org"}, {"team": "growth-eng"}]}
    with web_service(dagster_assets(owners)) as service:
        entries = "{dbt: {manifest: manifest.json}}, {yaml: assets.yml}, {codeowners: {file: CODEOWNERS, root: dbt}}"
        with_assets(company, f"{entries}, {{dagster: {{url: '{service.url}/graphql'}}}}")
        config = company.config
        with company.ledger() as ledger:
            pull(config, ledger, config.orchestrators[-1], until=datetime(2026, 9, 1, tzinfo=timezone.utc))
        company.sync()
    found = told(company)
    assert (found["month"], found["day"]) == ("2026-10", "2026-10-01")
    assets = found["assets"]
    claims = [(claim["team"], claim["origin"], claim["precedence"]) for claim in assets[growth]["claims"]]
    assert claims == [("payments", "dagster", 30), ("growth", "CODEOWNERS", 60)]
    assert (assets[growth]["state"], assets[growth]["team"]) == ("conflict", "payments")
    assert (assets[content]["state"], assets[content]["team"]) == ("owned", "growth"), (
        "a person owns nothing, a team does"
    )
    assert assets["raw/stripe/charge"]["team"] == "platform"
    orphans = [asset for asset in found["assets"].values() if asset["state"] == "orphan" and asset["path"]]
    assert orphans
    assert {asset["remedy"] for asset in orphans} == {
        f"give {asset['path']} an owner in CODEOWNERS" for asset in orphans
    }
    money = [sum(Decimal(cost) for cost in asset["cost"].values()) for asset in assets.values()]
    assert money == sorted(money, reverse=True)
    daily = company.sql("select sum(cost)::varchar from daily where asset is not null and billing_period = '2026-10'")
    assert sum(money) == Decimal(daily[0][0])
    shown = CliRunner().invoke(main, ["owners", "--config", str(company.path), "--top", "2"]).output
    assert "Nobody owns (" in shown
    assert "more: --top" in shown
    assert "payments by dagster (30), growth by CODEOWNERS (60)" in " ".join(shown.split())
    assert company.sql(f"select distinct team from daily where asset = '{growth}'") == [("payments",)]


def test_a_month_without_charges_is_told(company: Company) -> None:
    found = CliRunner().invoke(main, ["owners", "--config", str(company.path), "--month", "2025-01"])
    assert found.exit_code == 1
    assert "months with charges are 2026-09, 2026-10" in found.output


def test_a_reorganisation_holds_from_the_day_that_it_is_seen(tmp_path: Path) -> None:
    """Dagster says who owns now: what was is kept, so that last month's costs stay with who had them."""
    small_export(tmp_path / "export", "{t} >= '2026-10-01' and {t} < '2026-10-03'")
    company = Company(tmp_path, CONFIG)
    (tmp_path / "teams.yml").write_text(TEAMS)
    asset = "raw/stripe/charge"
    (tmp_path / "assets.yml").write_text(f"assets: [{{key: {asset}, relations: [RAW.STRIPE.CHARGE]}}]\n")
    owner = [{"team": "platform"}]
    with web_service(lambda asked: dagster_assets({asset: owner})(asked)) as service:
        with_assets(company, f"{{yaml: assets.yml}}, {{dagster: {{url: '{service.url}/graphql'}}}}")
        for day in (1, 2, 3):
            owner[0]["team"] = "platform" if day == 1 else "payments"
            config = company.config
            with company.ledger() as ledger:
                pull(config, ledger, config.orchestrators[-1], until=datetime(2026, 10, day, tzinfo=timezone.utc))
        company.sync()
    (asset_told,) = [one for one in told(company)["assets"].values() if one["asset"] == asset]
    spans = [
        (claim["team"], claim["valid_from"], claim["valid_to"]) for claim in asset_told["claims"] + asset_told["past"]
    ]
    assert spans == [("payments", "2026-10-02", None), ("platform", None, "2026-10-02")]
    paid = company.sql(f"select day::varchar, team from daily where asset = '{asset}' group by all order by all")
    assert paid == [("2026-10-01", "platform"), ("2026-10-02", "payments")]


def test_a_catalog_told_in_parts_keeps_what_a_part_does_not_tell() -> None:
    first = Asset("a", ("D.S.A",), owners=("growth",), path="a.py")
    second, third = Asset("a", ("X.Y.A",)), Asset("b", owners=("payments",))
    day = date(2026, 10, 1)
    kept = Catalog()
    for number, assets in enumerate(([first], [second], [third])):
        kept = renewed(
            kept, assets, is_complete=False, day=day + timedelta(days=number), origin="openlineage", precedence=50
        )
    assert [(asset.key, asset.relations, asset.owners, asset.path) for asset in kept.assets] == [
        ("a", ("X.Y.A", "D.S.A"), ("growth",), "a.py"),
        ("b", (), ("payments",), None),
    ]
    assert [(claim.asset, claim.team, claim.valid_from, claim.valid_to) for claim in kept.ownership] == [
        ("a", "growth", None, None),
        ("b", "payments", None, None),
    ]


def test_the_recorded_dagster_is_read_by_sync_and_check(company: Company) -> None:
    with web_service(recorded) as service:
        with_assets(company, f"{{yaml: assets.yml}}, {{dagster: {{url: '{service.url}/graphql'}}, name: prod-dagster}}")
        done = CliRunner().invoke(main, ["sync", "--config", str(company.path), "--source", "prod-dagster"])
        assert done.exit_code == 0, done.output
        assert "prod-dagster: 3 runs, 2 materializations; 3 assets" in done.output
    gone = CliRunner().invoke(main, ["sync", "--config", str(company.path)])
    assert gone.exit_code == 1
    assert "prod: " in gone.output
    assert "costlens: prod-dagster: Dagster: http://127.0.0.1" in gone.output
    assert "growth" in {claim["team"] for claim in told(company)["assets"]["marts/orders"]["claims"]}
