"""What is left is grouped by what one fix would attribute, and the fix is written where people keep their rules."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.attribute.known import Known
from costlens.attribute.people import roles_held
from costlens.commands import main
from costlens.config import load_config
from costlens.engine import Engine
from costlens.estate import Estate, PrincipalRule, Team
from costlens.ledger import Ledger
from costlens.settings.attribution import Settings
from costlens.sync import Request, sync
from costlens.unattributed import Group, holds, script_of, worked_for
from tests.attribute.world import TODAY, facts_of

NOW = datetime(2026, 10, 20, tzinfo=timezone.utc)
CONFIG = """
lake: ./lake
database: sqlite:///./costlens.db
sources:
  - {name: prod, type: snowflake, export: ./export, rates: {compute: 3.00, currency: USD}}
assets: [{yaml: assets.yml}]
teams: teams.yml
"""
#: user, session, statement
QUERIES = (
    ("ETL_SVC", "1", "insert into raw.shop.orders select 1"),
    ("ETL_SVC", "1", "insert into RAW.SHOP.ORDERS select 2"),
    ("ANN.LEE", "2", "create table analytics.ann.scratch as select 1"),
    ("JOB_SVC", "3", "select 1"),
    ("BI_SVC", "4", "select 1"),
    ("EVIL\x1b[31m=cmd()", "4", "select 1"),
)
SESSIONS = {
    "1": {},
    "2": {"APPLICATION": "DBeaver"},
    "3": {"APPLICATION_PATH": "/srv/jobs/nightly.py"},
    "4": {"APPLICATION_PATH": "/usr/bin/airflow"},
}


def _lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    export = folder / "export"
    export.mkdir()
    (folder / "costlens.yml").write_text(CONFIG)
    (folder / "assets.yml").write_text("# ours\nassets:\n  - {key: known, relations: [A.B.C]}\n")
    (folder / "teams.yml").write_text(
        "teams:\n  - name: growth # first\n    owns:\n      - {role: GROWTH}\n  - name: finance\n"
    )
    at = "2026-10-05 08:{:02}:00 +0000"
    place = {"WAREHOUSE_ID": "1", "WAREHOUSE_NAME": "WH", "WAREHOUSE_SIZE": "X-Small", "WAREHOUSE_TYPE": "STANDARD"}
    _lines(
        export / "query_history.jsonl",
        [
            {
                "QUERY_ID": f"q{n}",
                "QUERY_TEXT": text,
                "USER_NAME": user,
                "SESSION_ID": session,
                "START_TIME": at.format(n),
                "END_TIME": at.format(n + 1),
                "EXECUTION_TIME": 60_000,
                **place,
            }
            for n, (user, session, text) in enumerate(QUERIES)
        ],
    )
    _lines(
        export / "sessions.jsonl",
        [
            {"SESSION_ID": name, "CREATED_ON": at.format(0), "CLIENT_ENVIRONMENT": json.dumps(told)}
            for name, told in SESSIONS.items()
        ],
    )
    _lines(
        export / "warehouse_metering_history.jsonl",
        [{"START_TIME": at.format(0), "WAREHOUSE_ID": "1", "WAREHOUSE_NAME": "WH", "CREDITS_USED_COMPUTE": "6"}],
    )
    _sync(folder)
    return folder


def _sync(folder: Path) -> None:
    config = load_config(folder / "costlens.yml")
    with Ledger.open(config.root.lake, config.root.database) as ledger:
        sync(config, ledger, config.sources[0], Request(now=NOW, as_of=NOW))


def _run(home: Path, *arguments: str, code: int = 0, typed: str | None = None) -> str:
    done = CliRunner().invoke(main, ["unattributed", "--config", str(home / "costlens.yml"), *arguments], input=typed)
    assert done.exit_code == code, done.output
    return done.output


def test_each_query_is_in_the_group_that_the_quickest_fix_is_for(home: Path) -> None:
    groups = {
        (group["kind"], group["name"]): group["queries"]
        for group in json.loads(_run(home, "--month", "2026-10", "--json"))
    }
    assert groups == {
        ("relation", "raw.shop.orders"): 2,
        ("user", "ANN.LEE"): 1,
        ("script", "/srv/jobs/nightly.py"): 1,
        ("user", "BI_SVC"): 1,
        ("user", "EVIL\x1b[31m=cmd()"): 1,
    }


def test_one_column_may_be_asked_for(home: Path) -> None:
    groups = json.loads(_run(home, "--month", "2026-10", "--by", "application", "--json"))
    assert {(group["kind"], group["name"]) for group in groups} == {
        ("application", "DBeaver"),
        ("unknown", "no application"),
    }


def test_the_list_adds_up_and_shows_no_control_codes(home: Path) -> None:
    text = _run(home, "--month", "2026-10")
    assert "\x1b" not in text
    assert "(100.0%)" in text
    assert "a rule {user: ANN.LEE} of a team" in text


def test_nothing_is_written_without_a_yes_or_a_team(home: Path) -> None:
    before = (home / "teams.yml").read_text(), (home / "assets.yml").read_text()
    assert "needs --team" in _run(home, "--month", "2026-10", "--apply", "1", code=1)
    assert "there are 5 groups" in _run(home, "--month", "2026-10", "--apply", "9", "--team", "growth", code=1)
    for number in range(1, 6):
        listed = json.loads(_run(home, "--month", "2026-10", "--json"))[number - 1]
        if listed["kind"] != "script":
            assert "nothing was changed" in _run(
                home, "--month", "2026-10", "--apply", str(number), "--team", "growth", typed="n\n"
            )
    assert ((home / "teams.yml").read_text(), (home / "assets.yml").read_text()) == before


def test_a_rule_and_an_asset_are_written_and_attribute_at_the_next_sync(home: Path) -> None:
    for kind, name, team in (("user", "ANN.LEE", "finance"), ("relation", "raw.shop.orders", "growth")):
        listed = json.loads(_run(home, "--month", "2026-10", "--json"))
        number = next(group["number"] for group in listed if (group["kind"], group["name"]) == (kind, name))
        assert "written" in _run(home, "--month", "2026-10", "--apply", str(number), "--team", team, "--yes")
    assert "# first" in (home / "teams.yml").read_text()
    assert "# ours" in (home / "assets.yml").read_text()
    _sync(home)
    left = {group["name"] for group in json.loads(_run(home, "--month", "2026-10", "--json"))}
    assert left == {"/srv/jobs/nightly.py", "BI_SVC", "EVIL\x1b[31m=cmd()"}


@pytest.mark.parametrize(
    ("path", "script"),
    [
        ("/srv/jobs/nightly.py", "/srv/jobs/nightly.py"),
        ("C:\\jobs\\load.py", "C:\\jobs\\load.py"),
        ("/usr/bin/airflow", None),
        ("/x/ipykernel_launcher.py", None),
        ("", None),
        (None, None),
    ],
)
def test_a_launcher_is_no_script(path: str | None, script: str | None) -> None:
    assert script_of(path) == script


def test_a_user_who_also_works_in_a_role_of_one_team_is_told_so() -> None:
    rules = (PrincipalRule("growth", "role", "GROWTH_*"), PrincipalRule("finance", "role", "FINANCE_ETL"))
    known = Known(Estate(rules=rules), Settings())
    roles = [
        {"user": user, "role": role}
        for user, role in (
            ("ANN", "ANALYST"),
            ("ANN", "GROWTH_DEV"),
            ("BEN", "GROWTH_DEV"),
            ("BEN", "FINANCE_ETL"),
            ("EVA", "ANALYST"),
        )
    ]
    told = {name: worked_for(Group("user", name, "USD"), known, roles) for name in ("ANN", "BEN", "EVA")}
    assert told == {"ANN": "also works in role GROWTH_DEV of team growth", "BEN": "", "EVA": ""}


def test_a_role_with_a_teams_name_in_it_is_told_with_its_rule_where_it_is_one_teams() -> None:
    known = Known(Estate(teams=(Team("growth"), Team("finance"))), Settings())
    held = {
        "ann": ["ANALYST", "TEAM_GROWTH"],
        "ben": ["FINANCE_READER", "TEAM_GROWTH"],
        "eva@acme.example": ["okta-finance"],
        "kim": ["OUTGROWTH"],
    }
    told = {
        name: holds(Group("user", name, "USD"), known, held) for name in ("ANN", "BEN", "eva@acme.example", "KIM", "X")
    }
    assert told == {
        "ANN": "holds role TEAM_GROWTH: `granted_role: TEAM_GROWTH` under team growth tells all who do",
        "BEN": "",
        "eva@acme.example": "holds role okta-finance: `granted_role: okta-finance` under team finance tells all who do",
        "KIM": "",
        "X": "",
    }


def test_roles_held_are_those_of_the_newest_reading_by_name_and_address() -> None:
    rows = [
        {"day": TODAY - 1, "user": "ANN", "field": "granted_role", "value": "OLD"},
        {"day": TODAY, "user": "ANN", "field": "granted_role", "value": "TEAM_GROWTH"},
        {"day": TODAY, "user": "ANN", "field": "email", "value": "Ann@acme.example"},
    ]
    with Engine(threads=1) as engine:
        held = roles_held(facts_of(engine, {"users": rows})["users"], engine)
    assert held == {"ann": ["TEAM_GROWTH"], "ann@acme.example": ["TEAM_GROWTH"]}
