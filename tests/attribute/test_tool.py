"""Tools are known by whom, with what and into which schema they run; rules of the configuration come first."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from costlens.attribute.tools import AUTOMATIC, Tools, mark_of
from costlens.engine import Engine
from costlens.estate import Asset, Estate, Team
from costlens.settings.attribution import Settings, ToolRule

from .test_target import facts_with_deeds
from .world import TODAY, answers_of

ESTATE = Estate(
    assets=(Asset("reports/weekly"), Asset("db/apps/board"), Asset("metabase/dashboard/12")), teams=(Team("payments"),)
)


def _answer(query: dict[str, Any], *rules: dict[str, Any]) -> dict[str, Any]:
    settings = Settings.model_validate({"tools": rules})
    with Engine(threads=2) as engine:
        facts = facts_with_deeds(engine, [{"query_id": "q", "text": "select 1", **query}], sessions=[SESSION])
        (row,) = answers_of(engine, facts, ESTATE, settings, {TODAY})
    return row


SESSION = {"session_id": "s", "application": "report-runner"}


@pytest.mark.parametrize(
    ("fields", "tool"),
    [
        ({"user": ["g-acme-events@fivetran-production.iam.gserviceaccount.com"]}, "fivetran"),
        ({"target": ["raw.fivetran_stripe_staging.charge_1"]}, "fivetran"),
        ({"tag:mc_monitor_id": ["0f0e0d0c-0b0a-0908-0706-050403020100"]}, "monte-carlo"),
        ({"client": ["TableauServer"]}, "tableau"),
        ({"client": ["Looker"]}, "looker"),
        ({"label:looker-context-history_slug": ["x"]}, "looker"),
        ({"client": ["hex"]}, "hex"),
        ({"mark:project_id": ["0f0e-11"]}, "hex"),
        ({"mark:dashboardId": ["12"]}, "metabase"),
        ({"client": ["Sigma Σ"]}, "sigma"),
        ({"user": ["METABASE_SVC"]}, "metabase"),
        ({"target": ["db.hightouch_audit.x"]}, "hightouch"),
        ({"client": ["airbyte_cloud"]}, "airbyte"),
        ({"target": ["db.elementary.test_results"]}, "elementary"),
        ({"target": ["db.sqlmesh__marts.orders__1"]}, "sqlmesh"),
        ({"tag:StreamlitName": ["DB.APPS.BOARD"]}, "streamlit"),
        ({"client": ["Snowflake Web App (PROD)"]}, "snowsight"),
        ({"client": ["DagsterLabs_Dagster"]}, "dagster"),
        ({"client": ["AIRFLOW"]}, "airflow"),
        ({"client": ["dltHub_dlt"]}, "dlt"),
        ({"client": ["Power BI Desktop"]}, "power-bi"),
        ({"label:requestor": ["looker_studio"]}, "looker-studio"),
        ({"text": [mark_of(ToolRule(tool="dbt", when={"text": "x"}, purpose="test"))]}, "dbt"),
    ],
)
def test_each_tool_is_known(fields: dict[str, list[str]], tool: str) -> None:
    tools = Tools([])
    match = tools.first(range(len(tools.rules)), fields)
    assert match is not None
    assert match.rule.tool == tool


def test_a_persons_program_is_no_service() -> None:
    tools = Tools([])
    consoles = [rule for rule in tools.rules if rule.tool in ("snowsight", "dbeaver", "hex")]
    assert consoles
    assert not {rule.kind for rule in consoles} & AUTOMATIC


def test_a_rule_names_asset_and_team_by_what_it_caught() -> None:
    rule = {
        "tool": "reports",
        "when": {"client": "^report-(?P<who>runner)", "schema": "(?P<name>WEEKLY)"},
        "asset": "reports/{name}",
    }
    row = _answer({"schema": "WEEKLY"}, rule)
    assert (row["asset"], row["method"], row["confidence"]) == ("reports/weekly", "tool", 0.8)
    assert _answer({"schema": "DAILY"}, rule)["method"] == "none"
    team = {"tool": "reports", "when": {"client": "report"}, "team": "PAYMENTS", "purpose": "read", "confidence": 0.6}
    row = _answer({}, team)
    assert (row["rule_team"], row["method"], row["purpose"], row["confidence"]) == ("payments", "tool", "read", 0.6)


def test_a_rule_on_statement_tag_and_user_holds_only_together() -> None:
    rule = {
        "tool": "x",
        "when": {"target": r"^analytics\.marts\.", "tag:job": "^nightly$", "user": "SVC"},
        "team": "payments",
    }
    query = {"text": "insert into t select 1", "tag": '{"job":"nightly"}', "user": "ETL_SVC"}
    assert _answer(query, rule)["rule_team"] == "payments"
    for change in ({"text": "insert into o.t select 1"}, {"tag": '{"job":"daily"}'}, {"user": "ANN"}):
        assert _answer({**query, **change}, rule)["rule_team"] is None


def test_a_dashboard_that_the_estate_knows_pays_for_its_reads() -> None:
    mark = '{"tool":"metabase","client":"Metabase","dashboardId":12,"cardId":3}'
    row = _answer({"mark": mark, "text": "select * from x.y.z"})
    assert (row["asset"], row["method"], row["purpose"]) == ("metabase/dashboard/12", "tool", "read")
    unknown = _answer({"mark": mark.replace("12", "13"), "text": "select * from x.y.z"})
    assert (unknown["asset"], unknown["purpose"]) == (None, "read")


def test_an_asset_that_the_estate_does_not_know_is_not_claimed() -> None:
    row = _answer({}, {"tool": "x", "when": {"client": "report"}, "asset": "nowhere/{tool}"})
    assert (row["asset"], row["method"]) == (None, "none")


def test_a_test_of_dbt_is_a_test_without_any_comment() -> None:
    text = "select count(*) from (select id from analytics.marts.x where id is null) dbt_internal_test"
    assert Tools([]).marks(text) == ["dbt test"]


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({"tool": "x", "when": {"usr": "a"}}, "no field 'usr'"),
        ({"tool": "x", "when": {"user": "("}}, "no regular expression"),
        ({"tool": "x", "when": {}}, "at least 1 item"),
        ({"tool": "x", "when": {"user": "a"}, "purpose": "fun"}, "build"),
        ({"tool": "x", "when": {"user": "a"}, "asset": "a/{b"}, "braces"),
    ],
)
def test_a_wrong_rule_is_told(rule: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Settings.model_validate({"tools": [rule]})
