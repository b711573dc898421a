"""dbt-core as it is installed: an unmodified project, Snowflake and BigQuery, every statement tagged and charged by node."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from costlens.tagging import codec
from tests.integrations.orchestrators.arrivals import Statement, Together
from tests.integrations.orchestrators.books import charged, expected, timed
from tests.integrations.orchestrators.hooks import check_hooks
from tests.integrations.orchestrators.notes import note
from tests.integrations.orchestrators.standin import Warehouses

HERE = Path(__file__).parent
PROJECT = HERE / "dbt_shop"
#: The environment that dbt is installed in.
BIN = Path(os.environ["COSTLENS_DBT"])
TEAMS = ["platform", "finance", "growth"]
#: Name of a node -> its asset, by dagster-dbt's rule, and team.
ASSET = {
    "stg_orders": ("staging/stg_orders", "platform"),
    "stg_users": ("staging/stg_users", "platform"),
    "countries": ("countries", "platform"),
    "orders": ("marts/orders", "finance"),
    "revenue": ("marts/revenue", "growth"),
    "broken": ("marts/broken", "growth"),
}
#: What a test is for.
TESTED = {"unique_stg_users_id": "stg_users", "not_null_stg_users_id": "stg_users"}
TESTED |= {"not_null_orders_id": "orders", "revenue_is_positive": "revenue"}


@pytest.fixture(scope="module")
def standin() -> Iterator[Warehouses]:
    with Warehouses() as made:
        yield made


@pytest.fixture
def warehouses(standin: Warehouses) -> Warehouses:
    """Empty ones: dbt has not to parse its project again where they listen on the port of before."""
    standin.forget()
    standin.snowflake.clear()
    standin.bigquery.clear()
    return standin


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where dbt writes to."""
    return tmp_path_factory.mktemp("dbt")


@pytest.fixture
def installed() -> Iterator[None]:
    """Tagging is on in the whole environment, as the README says; and off again."""
    module = [BIN / "python", "-m", "costlens.tagging"]
    subprocess.run([*module, "--install"], check=True, capture_output=True)
    yield
    subprocess.run([*module, "--uninstall"], check=True, capture_output=True)


def dbt(
    warehouses: Warehouses,
    folder: Path,
    *arguments: str,
    prefix: tuple[str | Path, ...] = (),
    project: Path = PROJECT,
    **settings: str,
) -> subprocess.CompletedProcess[str]:
    """Run dbt on the project; what it writes goes to `folder`."""
    environment = {
        **os.environ,
        "STANDIN_PORT": str(warehouses.port),
        "DBT_PROFILES_DIR": str(PROJECT / "profiles"),
        "NO_COLOR": "1",
        **settings,
    }
    target = "bigquery" if "bigquery" in arguments else "snowflake"
    places = ["--project-dir", project, "--target-path", folder / target, "--log-path", folder / "logs"]
    command = [*prefix, BIN / "dbt", *arguments, *places]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def node_of(statement: Statement) -> str | None:
    """Return the node that dbt itself says a statement is for, in its comment."""
    found = re.search(r'"node_id": "([^"]+)"', statement.text)
    return found.group(1) if found else None


def whose(statement: Statement) -> list[tuple[str | None, str | None]]:
    """Return asset and team of a statement, by dbt's own comment alone; a test's cost is that of what it tests."""
    if "prod.audit" in statement.text.lower():
        return [("operation.shop.shop-on-run-start-0", None)]
    kind, _, name, *_ = str(node_of(statement)).split(".")
    return [ASSET[TESTED[name] if kind == "test" else name]]


def check_tags(statements: list[Statement]) -> None:
    """Every statement that names a node carries this node, each of one run the same run."""
    for statement in statements:
        node = node_of(statement)
        if statement.is_metered and node:
            assert statement.cl.get("n") == node, statement
        elif statement.is_metered:
            assert statement.cl.get("n", "").startswith("operation."), statement
    assert len({statement.cl["r"] for statement in statements if statement.is_metered}) == 1


@pytest.mark.parametrize("target", ["snowflake", "bigquery"])
def test_every_statement_of_every_node(
    target: str, warehouses: Warehouses, installed: None, folder: Path, tmp_path: Path
) -> None:
    warehouses.faults.failing["this model fails"] = -1
    warehouses.faults.unavailable["stg_users"] = 1
    both = Together('"node_id": "model.shop.stg_orders"', '"node_id": "model.shop.stg_users"')
    warehouses.faults.together = both
    first = dbt(warehouses, folder, "build", "--target", target)
    assert "PASS=10 WARN=0 ERROR=1 SKIP=0" in first.stdout, first.stdout + first.stderr
    assert both.have_met  # two nodes at once, in one process
    check_tags(warehouses.statements)
    ran = len(warehouses.statements)
    second = dbt(warehouses, folder, "build", "--target", target)  # now the incremental model is merged
    assert "ERROR=1" in second.stdout
    check_tags(warehouses.statements[ran:])
    merge = warehouses.of("merge into")[-1]
    assert merge.cl["n"] == "model.shop.revenue"
    assert merge.cl["f"].endswith("dbt_shop/models/marts/revenue.sql:1")
    check_what_is_the_users(warehouses.statements)
    (refused, *_) = warehouses.refused
    assert refused.cl["n"] == node_of(refused)  # what was refused had its tag, and so has what was sent again
    assert any(each.status == "FAIL" and each.cl["n"] == "model.shop.broken" for each in warehouses.statements)

    history = timed(warehouses.statements)
    assert len(history) > 20
    manifest: Any = [{"dbt": {"manifest": str(folder / target / "manifest.json")}}]
    costs, methods = charged(tmp_path / "books", history, manifest, TEAMS)
    assert costs == expected(history, whose)
    assert methods == {"tag"}
    note(
        BIN,
        "dbt-core",
        "models, incremental models, seeds, tests, hooks; two at once in four threads; failures; retries",
    )
    note(BIN, f"dbt-{target}", "all statements of a node, beside the user's own tag or labels")


def check_what_is_the_users(statements: list[Statement]) -> None:
    """The tag and labels that the project itself gives its model are there, beside ours."""
    orders = [statement for statement in statements if statement.cl.get("n") == "model.shop.orders"]
    assert orders
    for statement in orders:
        if statement.warehouse == "snowflake":
            assert json.loads(statement.tag or "")["tag"] == "nightly"
        else:
            assert "dbt_invocation_id" in statement.labels


def test_by_command_for_one_asset(warehouses: Warehouses, folder: Path) -> None:
    named = (BIN / "python", "-m", "costlens.tagging", "--asset", "nightly/shop", "--team", "growth", "--")
    assert dbt(warehouses, folder, "run", prefix=named, COSTLENS_CALLER="0").returncode == 0
    check_tags(warehouses.statements)
    metered = [statement for statement in warehouses.statements if statement.is_metered]
    assert {(*each.cl["a"], each.cl["t"]) for each in metered} == {("nightly/shop", "growth")}
    assert not any({"f", "c"} & each.cl.keys() for each in metered)


def test_off_is_off(warehouses: Warehouses, installed: None, folder: Path) -> None:
    assert dbt(warehouses, folder, "run", "--select", "+orders", COSTLENS_DISABLED="1").returncode == 0
    assert not any(statement.cl for statement in warehouses.statements)
    texts = [statement.text.partition("\n")[0] for statement in warehouses.statements]
    assert "alter session set query_tag = 'nightly'" in texts
    assert "alter session unset query_tag" in texts


def relation_of(statement: Statement) -> str:
    """Return the name of the first relation of ours in a statement: the one it makes, or the one it tests."""
    text = re.sub(r"/\*.*?\*/", "", statement.text, flags=re.DOTALL)
    found = re.search(r"(?<![-\w])prod(?:_\w+)?[`\"]?\.[`\"]?(\w+)", text, flags=re.IGNORECASE)
    return found.group(1).lower().removesuffix("__dbt_tmp") if found else ""


@pytest.fixture(scope="module")
def with_package(tmp_path_factory: pytest.TempPathFactory, standin: Warehouses) -> Path:
    """The project with the lines of the README for dbt Cloud and Fusion: no Python of ours runs."""
    project = tmp_path_factory.mktemp("with_package") / "shop"
    shutil.copytree(PROJECT, project)
    package = HERE.parents[2] / "connectors" / "costlens_dbt" / "dbt_package"
    (project / "packages.yml").write_text(f"packages: [{{local: {package}}}]\n")
    with (project / "dbt_project.yml").open("a") as lines:
        lines.write('query-comment: {comment: "{{ costlens.query_comment(node) }}", append: true, job-label: true}\n')
        lines.write("dispatch: [{macro_namespace: dbt, search_order: [shop, costlens, dbt]}]\n")
    done = subprocess.run(
        [BIN / "dbt", "deps", "--project-dir", project],
        env={**os.environ, "STANDIN_PORT": str(standin.port), "DBT_PROFILES_DIR": str(PROJECT / "profiles")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return project


@pytest.mark.parametrize("target", ["snowflake", "bigquery"])
def test_the_package_does_it_by_macros(target: str, warehouses: Warehouses, with_package: Path, tmp_path: Path) -> None:
    off = {"COSTLENS_DISABLED": "1"}
    done = dbt(warehouses, tmp_path, "build", "--target", target, project=with_package, **off)
    assert "ERROR=0" in done.stdout, done.stdout
    metered = [statement for statement in warehouses.statements if statement.is_metered]
    for statement in metered:
        said = statement.cl if target == "bigquery" else codec.decode_comment(statement.text) or {}
        assert said["o"] == "dbt", statement
        assert said.keys() <= {"v", "o", "n", "f", "k", "a", "l", "h"}, "nothing of one run stands in a text"
        if relation_of(statement) != "audit":
            kind, _, name, *_ = said["n"].split(".")
            assert (TESTED[name] if kind == "test" else name) == relation_of(statement), statement
            assert said["f"].endswith((".sql:1", ".csv:1", ".yml:1"))
    if target == "snowflake":
        tags = [json.loads(each.tag or "{}") for each in metered if relation_of(each) == "orders"]
        assert {tag["tag"] for tag in tags if "tag" in tag} == {"nightly"}
        assert [each.text for each in warehouses.statements if "unset query_tag" in each.text]
    history = timed(each for each in metered if relation_of(each) != "audit")
    manifest: Any = [{"dbt": {"manifest": str(tmp_path / target / "manifest.json")}}]
    costs, methods = charged(tmp_path / "books", history, manifest, TEAMS)
    assert costs == expected(history, lambda statement: [ASSET[relation_of(statement)]])
    assert methods == {"tag"}


def test_a_fault_of_ours_is_not_noticed() -> None:
    check_hooks(BIN, "dbt", trusted=set())
