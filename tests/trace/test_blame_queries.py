"""`costlens blame --queries … --repo … --json`: a folder in, queries in, one answer a line out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.commands import main

ORDERS = """-- orders of a day
create or replace table marts.orders as
with paid as (
  select order_id, customer_id, amount, paid_at
  from raw.payments
  where status = 'settled' and paid_at >= '2026-01-01'
)
select p.order_id, p.customer_id, sum(p.amount) as amount, max(c.country) as country
from paid p
left join raw.customers c on c.customer_id = p.customer_id
group by p.order_id, p.customer_id
"""
JOB = '''
from textwrap import dedent


class Loader:
    def load(self, day, schema):
        sql = f"""
            select device_id, event_name, count(*) as events, min(received_at) as first_seen
            from {schema}.device_events
            where received_day = '{day}' and event_name not like 'debug_%'
            group by device_id, event_name
        """
        return self.run(sql)
'''


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    repo = tmp_path / "repo"
    (repo / "models").mkdir(parents=True)
    (repo / "models" / "orders.sql").write_text(ORDERS)
    (repo / "job.py").write_text(JOB)
    return repo


def ask(code: Path, texts: Mapping[Any, str]) -> dict[Any, dict[str, object]]:
    queries = code.parent / "queries.jsonl"
    queries.write_text(
        "".join(json.dumps({"id": name, "sql": text}, ensure_ascii=False) + "\n" for name, text in texts.items())
    )
    done = CliRunner().invoke(main, ["blame", "--queries", str(queries), "--repo", str(code), "--json"])
    assert done.exit_code == 0, done.output
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["id"] for row in rows] == list(texts)
    return {row["id"]: row for row in rows}


def test_a_statement_is_found_however_it_is_written(code: Path) -> None:
    body = ORDERS.split("as\n", 1)[1]
    rows = ask(
        code,
        {
            "as is": ORDERS,
            "select": body,
            "one line, upper": " ".join(body.upper().split()),
            "renamed": body.replace("paid", "paid_x").replace("paid_x_at", "paid_at") + " limit 100",
            "wrapped": f"select count(*) as failures from ({body}) dbt_internal_test",
            "masked": body.replace("'settled'", "?").replace("'2026-01-01'", "?"),
        },
    )
    assert {row["verdict"] for row in rows.values()} == {"found"}, rows
    assert {row["path"] for row in rows.values()} == {"models/orders.sql"}
    assert rows["as is"]["line"] == 2


def test_ids_come_back_as_they_were_and_texts_may_hold_any_line_end(code: Path) -> None:
    body = ORDERS.split("as\n", 1)[1]
    rows = ask(code, {7: body, "7": body.replace("\n", "\u2028\n"), -1: body.replace("\n", "\x85\n")})
    assert {row["verdict"] for row in rows.values()} == {"found"}


def test_an_f_string_is_found_with_its_function(code: Path) -> None:
    text = """select device_id, event_name, count(*) as events, min(received_at) as first_seen
      from prod.device_events where received_day = '2026-10-01' and event_name not like 'debug_%'
      group by device_id, event_name"""
    row = ask(code, {"q": text})["q"]
    assert (row["verdict"], row["path"], row["name"], row["line"]) == ("found", "job.py", "Loader.load", 8)


def test_what_is_only_alike_is_not_claimed(code: Path) -> None:
    rows = ask(
        code,
        {
            "other table": ORDERS.replace("raw.payments", "raw.refunds"),
            "other column": ORDERS.replace("country", "region"),
            "other target": ORDERS.replace("marts.orders", "marts.refunds"),
            "other literal": ORDERS.replace("settled", "disputed"),
            "else": "select warehouse, sum(credits) from account_usage.metering group by warehouse",
            "short": "select 1",
            "empty": "",
        },
    )
    assert "found" not in {row["verdict"] for row in rows.values()}
    assert rows["other table"]["verdict"] == "near-duplicate of"
    assert rows["else"]["verdict"] == "unknown"
    assert rows["else"]["path"] is None


def test_names_that_look_like_free_ones_are_not(code: Path) -> None:
    """A part called as the table that it reads, a dataset that is a number, what follows the statement."""
    own = "with users as (select * from crm.users where country = 'NL') select id, name, email, phone from users"
    number = "select visitor_id, page_path, hit_number, visit_start from `acme.65789850.ga_sessions_*` where device_kind = 'tv'"
    (code / "own.sql").write_text(own)
    (code / "number.sql").write_text(number)
    rows = ask(
        code,
        {
            "own": own,
            "own, other table": own.replace("crm.users", "crm.users_eu"),
            "number": number,
            "number, other table": number.replace("ga_sessions_", "ga_sessions_eu_"),
            "limited": own + " limit 100",
            "filtered": own + " where email = 'a@example.org'",
            "joined": ORDERS + " union all select 1, 2, 3, 'x'",
        },
    )
    assert {name for name, row in rows.items() if row["verdict"] == "found"} == {"own", "number", "limited"}


def test_what_dbt_made_and_what_people_read_are_no_rivals(code: Path) -> None:
    made = code / "target" / "compiled" / "shop" / "models"
    made.mkdir(parents=True)
    (made / "orders.sql").write_text(ORDERS)
    (code / "target" / "manifest.json").write_text(json.dumps({"nodes": {"orders": {"compiled_code": ORDERS}}}))
    (code / "README.md").write_text(f"# Orders\n\n```sql\n{ORDERS}```\n")
    row = ask(code, {"q": ORDERS})["q"]
    assert (row["verdict"], row["path"]) == ("found", "models/orders.sql")


def test_two_files_that_fit_equally_well_are_not_chosen_between(code: Path) -> None:
    (code / "models" / "copy.sql").write_text(ORDERS)
    row = ask(code, {"q": ORDERS})["q"]
    assert row["verdict"] == "near-duplicate of"
    assert row["why"] == "2 places fit equally well"


def test_a_file_that_is_no_queries_is_one_line_of_error(code: Path) -> None:
    queries = code / "bad.jsonl"
    queries.write_text('{"id": 1}\n')
    done = CliRunner().invoke(main, ["blame", "--queries", str(queries), "--repo", str(code), "--json"])
    assert done.exit_code == 1
    assert "bad.jsonl:1" in done.output
