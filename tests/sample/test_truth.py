"""The truth and the answer fit the exports, and each other."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import Any

import pytest
import yaml

from costlens_sample import folder

from .reading import jobs, queries, read, unique

TEAMS = {"growth", "payments", "content", "catalog", "finance", "platform"}


def october(day: Any) -> bool:
    return f"{day:%Y-%m}" == "2026-10"


def test_truth_covers_every_query_once() -> None:
    known = Counter((row["source"], row["query_id"]) for row in read("truth"))
    sent = {("encore-prod", q["QUERY_ID"]) for q in queries()}
    sent |= {("encore-analytics", f"encore-analytics:{j['region'].upper()}.{j['job_id']}") for j in jobs()}
    assert set(known) == sent
    assert max(known.values()) == 1
    assert 12_000 < len(queries()) < 20_000
    assert 5_000 < len(jobs()) < 8_000


def test_what_a_tag_or_comment_says_is_the_truth() -> None:
    truth = {row["query_id"]: row for row in read("truth")}
    said = Counter()  # type: Counter[str]
    for q in queries():
        row = truth[q["QUERY_ID"]]
        tag = json.loads(q["QUERY_TAG"] or "{}")
        if "_cl" in tag:
            assert [row["asset"]] == tag["_cl"]["a"]
            said["tag"] += 1
        elif "asset" in tag:
            assert (row["asset"], row["team"]) == (tag["asset"], tag["team"])
        elif '"node_id": "model.encore.' in q["QUERY_TEXT"]:
            name = q["QUERY_TEXT"].split('"node_id": "model.encore.')[1].split('"')[0]
            assert row["asset"].endswith(f"/{name}")
            said["comment"] += 1
    assert min(said.values()) > 1_000


def test_evidence_is_there_where_the_truth_says_so() -> None:
    truth = {row["query_id"]: row for row in read("truth")}
    children = {r["QUERY_ID"] for r in read("snowflake/query_attribution_history") if r["PARENT_QUERY_ID"]}
    for q in queries():
        evidence = truth[q["QUERY_ID"]]["evidence"]
        has_tag = '"_cl"' in q["QUERY_TAG"] or '"asset"' in q["QUERY_TAG"] or "costlens" in q["QUERY_TAG"]
        assert (evidence == "tag") == has_tag
        assert (evidence == "comment") == ('"app": "dbt"' in q["QUERY_TEXT"])
        assert (evidence == "parent") == (q["QUERY_ID"] in children)
        assert (evidence == "none") == (q["ROLE_NAME"] == "ANALYST")


def test_every_asset_of_the_truth_has_the_team_that_the_estate_gives_it() -> None:
    listed = yaml.safe_load((folder() / "assets.yml").read_text("utf-8"))["assets"]
    owners = {asset["key"]: asset["team"] for asset in listed if "team" in asset}
    moved = {asset["key"]: asset["ownership"] for asset in listed if "ownership" in asset}
    for name in ("manifest.json", "manifest_bigquery.json"):
        for node in json.loads((folder() / name).read_text("utf-8"))["nodes"].values():
            if node["resource_type"] == "model":
                owners[f"{node['schema']}/{node['name']}"] = node["meta"]["team"]
    ended = {q["QUERY_ID"]: q["END_TIME"].date() for q in queries()}
    assert moved
    for row in read("truth"):
        if row["asset"] in moved:
            first, second = moved[row["asset"]]
            is_moved = ended[row["query_id"]] >= second["valid_from"]
            assert row["team"] == (second if is_moved else first)["team"]
        elif row["asset"]:
            assert row["team"] == owners[row["asset"]], row
        assert row["team"] in TEAMS | {"costlens"}


def test_answer_has_the_pools_of_the_hourly_view(answer: dict[str, Any]) -> None:
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in unique(read("snowflake/warehouse_metering_history"), "WAREHOUSE_NAME", "START_TIME"):
        if october(row["START_TIME"]):
            part = sums[row["WAREHOUSE_NAME"]]
            part["compute"] += row["CREDITS_USED_COMPUTE"]
            part["overhead"] += row["CREDITS_USED_CLOUD_SERVICES"]
            part["own"] += row["CREDITS_ATTRIBUTED_COMPUTE_QUERIES"] or 0
    pools = answer["encore-prod"]["pools"]
    assert set(pools) == set(sums)
    for pool, part in pools.items():
        assert all(value is None or Decimal(value) == sums[pool][name] for name, value in part.items())


def test_answer_has_the_days_and_services_of_the_bill(answer: dict[str, Any]) -> None:
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for row in read("snowflake/usage_in_currency_daily"):
        if october(row["USAGE_DATE"]):
            sums[row["USAGE_DATE"].isoformat()][row["SERVICE_TYPE"]] += row["USAGE_IN_CURRENCY"]
    billed = answer["encore-prod"]["billed"]
    assert {d: {s: Decimal(c) for s, c in part.items()} for d, part in billed.items()} == sums
    total = sum(cost for part in sums.values() for cost in part.values())
    assert Decimal(answer["encore-prod"]["billed_total"]) == total
    invoice = sum(row["cost"] for row in read("bigquery/billing_export") if row["invoice_month"] == "202610")
    assert Decimal(answer["encore-analytics"]["billed_total"]) == pytest.approx(invoice, abs=Decimal("0.0001"))
    assert 30_000 < total + invoice < 60_000


def test_teams_and_idle_make_up_the_bill(answer: dict[str, Any]) -> None:
    """Transfer has no team; cents are lost where the money view rounds."""
    snowflake = answer["encore-prod"]
    transfer = sum(float(part["DATA_TRANSFER"]) for part in snowflake["billed"].values())
    for shares in (snowflake["teams"], snowflake["found"]):
        total = sum(cost for part in shares.values() for cost in part.values()) + snowflake["idle"] + transfer
        assert total == pytest.approx(float(snowflake["billed_total"]), abs=1)
    bigquery = answer["encore-analytics"]
    teams = sum(cost for part in bigquery["teams"].values() for cost in part.values()) + bigquery["idle"]
    used = sum(cost for part in bigquery["billed"].values() for cost in part.values())
    assert teams - 12.4 == pytest.approx(used, abs=0.1)  # a credit is nobody's
    found = sum(cost for part in bigquery["found"].values() for cost in part.values()) + bigquery["idle"]
    assert teams - found == pytest.approx(bigquery["hidden"], abs=0.01)


def test_most_of_the_money_can_be_found(answer: dict[str, Any]) -> None:
    found = nobody = 0.0
    for source in ("encore-prod", "encore-analytics"):
        for team, part in answer[source]["found"].items():
            found += sum(part.values()) if team != "none" else 0
            nobody += sum(part.values()) if team == "none" else 0
    assert 0.82 < found / (found + nobody) < 0.95
