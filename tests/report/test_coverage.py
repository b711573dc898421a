"""Coverage: its sums are those of the charges, and each untagged client gets the line that would tag it."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.commands import main
from costlens.fixes import fix_of, tool_of
from tests import shared

MONTH = "2026-10"


def said(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, done.output
    return done.output


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(shared.demo(tmp_path_factory)[0])


@pytest.fixture(scope="module")
def found(config: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(said("coverage", "--config", config, "--month", MONTH, "--json"))
    return answer


def test_it_adds_up_to_the_charges(config: str, found: dict[str, Any], tmp_path: Path) -> None:
    said("export", "charges", "--config", config, "--out", str(tmp_path / "charges.csv"))
    spent: dict[str, Decimal] = {}
    asked: dict[str, set[tuple[str, str]]] = {}
    with (tmp_path / "charges.csv").open() as file:
        for row in csv.DictReader(file):
            if row["billing_period"] == MONTH and row["query_id"]:
                method = row["attribution_method"]
                spent[method] = spent.get(method, Decimal(0)) + Decimal(row["cost"])
                asked.setdefault(method, set()).add((row["source"], row["query_id"]))
    (total,) = found["total"]
    assert abs(Decimal(total["cost"]) - sum(spent.values())) < Decimal("1e-6")
    assert abs(Decimal(total["tagged_cost"]) - spent["tag"]) < Decimal("1e-6")
    assert abs(Decimal(total["marked_cost"]) - spent["comment"]) < Decimal("1e-6")
    assert total["tagged_queries"] == len(asked["tag"])
    assert total["queries"] == len(set().union(*asked.values()))
    for name, shares in found["by"].items():
        for column in ("cost", "tagged_cost", "marked_cost"):
            assert sum(Decimal(share[column]) for share in shares) == Decimal(total[column]), name
        assert sum(share["queries"] for share in shares) == total["queries"], name


def test_what_is_worst_stands_first(found: dict[str, Any]) -> None:
    groups = found["untagged"]
    keys = [tuple(-Decimal(group[name]) for name in ("lost_cost", "silent_cost", "cost")) for group in groups]
    assert keys == sorted(keys)
    by_application = {group["application"]: group["fix"]["line"] for group in groups}
    assert "costlens[airflow]" in by_application["airflow"]
    assert "--install" in by_application["dbt"]
    assert by_application["fivetran"] == "alter user FIVETRAN_USER set query_tag = 'cl_t=TEAM'"


def test_the_table_says_it_in_a_line(config: str) -> None:
    shown = said("coverage", "--config", config, "--month", MONTH, "--top", "3")
    assert shown.startswith(f"CostLens · coverage of {MONTH}\ntagged: ")
    assert "PythonConnector 4.8.1" in shown
    assert "--top shows more" in shown
    only = json.loads(said("coverage", "--config", config, "--source", "encore-analytics", "--json"))
    assert {share["name"] for share in only["by"]["connector"]} == {"bigquery"}


def test_the_lines_are_those_of_the_install_pages() -> None:
    connectors = Path(__file__).parents[2] / "connectors"
    for tool, page in (("dagster", "costlens_dagster"), ("airflow", "costlens_airflow"), ("dbt", "costlens_dbt")):
        text = (connectors / page / "README.md").read_text(encoding="utf-8")
        for line in fix_of("snowflake", tool, "PythonConnector 4.8.1", {}).line.split(" && "):
            assert line in text


def test_a_month_without_queries_is_said(config: str) -> None:
    assert "no queries were charged in 2020-01" in said("coverage", "--config", config, "--month", "2020-01", code=1)


@pytest.mark.parametrize(
    ("kind", "application", "marked", "connector", "session", "line"),
    [
        (
            "snowflake",
            "DagsterLabs_Dagster_SqlAlchemy",
            None,
            "PythonConnector 4.8.1",
            {},
            "costlens_dagster.boot.Boot",
        ),
        ("snowflake", "PythonConnector", "dbt", "PythonConnector 4.8.1", {}, "costlens[dbt]"),
        (
            "snowflake",
            "PythonConnector",
            None,
            "PythonConnector 5.2.0",
            {"path": "/srv/jobs/load_orders.py"},
            "costlens run --asset load_orders -- python /srv/jobs/load_orders.py",
        ),
        (
            "snowflake",
            None,
            None,
            "PythonConnector 5.2.0",
            {"path": "/srv/my jobs/load;x.py"},
            "costlens run --asset 'load;x' -- python '/srv/my jobs/load;x.py'",
        ),
        ("snowflake", None, None, "JDBC 3.24.2", {"user": 'Odd "User"'}, "- {user: 'Odd \"User\"'}"),
        ("snowflake", "Snowflake Web App (PROD)", None, "Snowflake UI", {"user": "ANN"}, "- {user: ANN}"),
        ("bigquery", None, None, "bigquery", {"user": "a@example.org"}, "- {user: a@example.org}"),
        ("bigquery", None, "airflow", "bigquery", {}, "pip install 'costlens[airflow]'"),
    ],
)
def test_the_line_that_would_tag_it(
    kind: str, application: str | None, marked: str | None, connector: str, session: dict[str, Any], line: str
) -> None:
    tool = tool_of(application, marked) or "(unknown)"
    fix = fix_of(kind, tool, connector, session)
    assert line in fix.line
    assert "\n" not in fix.line
