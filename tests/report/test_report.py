"""The report of small ledgers: who spent what, and that every form of it adds up."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.commands.report import BY
from costlens.errors import Problem, UsageError
from costlens.ledger import Ledger
from costlens.render import RENDER
from costlens.report import Answer

from .books import asked, ledger_of, line

GOLDEN = Path(__file__).parent / "golden"
HOSTILE = "=cmd|' /C calc'!A0"
ORDERS = {"asset": "marts/orders", "method": "tag", "queries": 3.0, "user": "dbt", "shape": "a" * 32}
LINES = (
    line("2026-09-01", "40.005", **ORDERS),
    line("2026-09-01", "9.5", asset="raw/events", category="storage", service="STORAGE", unit="TiB-months", pool=None),
    line("2026-09-30", "0.333333333333", category="idle"),
    line("2026-10-02", "50.123456789012", **ORDERS),
    line("2026-10-15", "10.001", **ORDERS),
    line("2026-10-16", "20.004", **{**ORDERS, "queries": 1.5}),
    line("2026-10-16", "5.5", rule_team=HOSTILE, method="principal", user="[red]eve\x1b[2J\nx", queries=1.5),
    line("2026-10-20", "7.7777", category="idle", status="provisional"),
    line("2026-10-20", "1.1", queries=12.0, user="nobody"),
    line("2026-10-20", "0.25", category="overhead", service="CLOUD_SERVICES", pool=None),
    line("2026-10-31", "-0.756", category="adjustment", pool=None),
    line("2026-10-31", "12.345", source="lake", currency="EUR", service="BigQuery", pool=None, queries=2.0),
)
SHAPES = ({"shape": "a" * 32, "text": "insert into marts.orders\n  select * from raw.orders where day = ?"},)
PROBLEMS = (Problem("shop", "queries from query_history", "query ends before it starts", count=3),)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with ledger_of(tmp_path_factory.mktemp("books"), LINES, SHAPES, PROBLEMS) as made:
        yield made


def table_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("form", RENDER)
@pytest.mark.parametrize(
    ("name", "question"),
    [("team", {}), ("asset-growth", {"by": "asset", "team": "growth"}), ("shape", {"by": "shape"})],
)
def test_reports_are_as_they_were(ledger: Ledger, name: str, question: dict[str, Any], form: str) -> None:
    """The golden files; a change of the report is a change of theirs."""
    text = RENDER[form](asked(ledger, **question))
    assert text == (GOLDEN / f"{name}.{form}").read_text(encoding="utf-8")


@pytest.mark.parametrize("by", BY)
def test_lines_add_up_in_every_form(ledger: Ledger, by: str) -> None:
    answer = asked(ledger, by=by, top=1)
    totals = {"USD": Decimal("94.00"), "EUR": Decimal("12.35")}
    rows = table_of(RENDER["csv"](answer))
    said = json.loads(RENDER["json"](answer))
    for section in answer.sections:
        lines = [Decimal(row["cost"]) for row in rows if row["currency"] == section.currency]
        assert sum(lines, Decimal(0)) == section.total == sum((mine.cost for mine in section.lines), Decimal(0))
        assert abs(section.total - totals[section.currency]) <= Decimal("0.01")
    for section in said["sections"]:
        assert sum(Decimal(row["cost"]) for row in section["lines"]) == Decimal(section["total"])


@pytest.mark.parametrize("by", BY)
def test_sources_add_up_to_the_whole(ledger: Ledger, by: str) -> None:
    whole = sum(section.total for section in asked(ledger, by=by).sections)
    parts = [section.total for source in ("shop", "lake") for section in asked(ledger, by=by, source=source).sections]
    assert sum(parts) == whole


def test_a_teams_report_holds_its_line_of_the_whole(ledger: Ledger) -> None:
    """An asset that changed hands within the month is each team's for its own days."""
    whole = {mine.name: mine.cost for mine in asked(ledger).sections[1].lines}
    assert (whole["growth"], whole["sales"]) == (Decimal("60.13"), Decimal("20.00"))
    for team in ("growth", "sales"):
        assert asked(ledger, team=team, by="category").sections[0].total == whole[team]


def test_currencies_are_sections_of_their_own(ledger: Ledger) -> None:
    assert [section.currency for section in asked(ledger).sections] == ["EUR", "USD"]
    assert all(section.reconciliation.currency == section.currency for section in asked(ledger).sections)


def test_how_many_lines_are_shown_changes_no_cent(ledger: Ledger) -> None:
    few, all_lines = asked(ledger, by="user", top=1).sections[1], asked(ledger, by="user", top=None).sections[1]
    everything = {mine.name: mine for mine in all_lines.lines}
    assert "(rest)" not in everything
    for mine in few.lines:
        assert mine.name == "(rest)" or mine == everything[mine.name]
    assert few.total == all_lines.total


def test_the_month_before_is_what_its_own_report_says(ledger: Ledger) -> None:
    then = {mine.name: mine.cost for mine in asked(ledger, month="2026-09", by="asset").sections[0].lines}
    now = {mine.name: mine.before for mine in asked(ledger, by="asset").sections[1].lines}
    assert {name: before for name, before in now.items() if before is not None} == then
    assert now["raw/events"] == Decimal("9.50")  # it cost nothing this month, and is named all the same


def test_a_month_that_goes_on_is_not_compared_by_per_cent(tmp_path: Path) -> None:
    lines = [line(f"2026-09-{day:02}", "1", asset="marts/orders") for day in range(1, 31)]
    with ledger_of(tmp_path, [*lines, line("2026-10-01", "1", asset="marts/orders")]) as ledger:
        text = RENDER["table"](asked(ledger))
    assert "month before" in text
    assert "change" not in text
    assert "2026-10 so far: charges until 2026-10-02" in text


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ({"month": "2026-13"}, "no month"),
        ({"month": "0000-01"}, "no month"),
        ({"month": "9999-12"}, "no month"),
        ({"month": "2026-12"}, "months with charges are 2026-09, 2026-10"),
        ({"team": "nosuch"}, "teams with charges are =cmd"),
        ({"source": "nosuch"}, "known are lake, shop"),
        ({"source": "lake", "month": "2026-09"}, "months with charges are 2026-10"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(ledger: Ledger, question: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        asked(ledger, **question)
    assert "\n" not in str(caught.value)


def test_hostile_names_are_text(ledger: Ledger) -> None:
    table = RENDER["table"](asked(ledger, by="user"))
    assert "[red]eve\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}x" in table
    assert "\x1b" not in table
    cells = [row["team"] for row in table_of(RENDER["csv"](asked(ledger)))]
    assert f"'{HOSTILE}" in cells
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) for cell in cells)


def test_numbers_of_csv_are_numbers(ledger: Ledger) -> None:
    rows = table_of(RENDER["csv"](asked(ledger, by="category")))
    assert {row["category"]: row["cost"] for row in rows}["adjustment"] == "-0.76"


def test_a_million_queries_are_a_number(tmp_path: Path) -> None:
    with ledger_of(tmp_path, [line("2026-10-01", "1", queries=1_234_567.0)]) as ledger:
        assert table_of(RENDER["csv"](asked(ledger)))[0]["queries"] == "1234567"


amounts = st.decimals("-1e6", "1e6", places=12)
rows_of_a_month = st.lists(
    st.tuples(
        amounts, st.sampled_from(["a", "b", "c", None]), st.sampled_from(["query", "idle", "overhead", "adjustment"])
    ),
    min_size=1,
    max_size=10,
)


def columns_add_up(answer: Answer, lines: Sequence[dict[str, Any]]) -> None:
    for section in answer.sections:
        total = sum((row["cost"] for row in lines if row["billing_period"] == "2026-10"), Decimal(0))
        assert (
            section.total == sum((mine.cost for mine in section.lines), Decimal(0)) == total.quantize(Decimal("0.01"))
        )
        before = sum((row["cost"] for row in lines if row["billing_period"] == "2026-09"), Decimal(0))
        shown = sum((mine.before for mine in section.lines if mine.before is not None), Decimal(0))
        assert shown == before.quantize(Decimal("0.01"))


@settings(max_examples=15, deadline=None)
@given(rows_of_a_month, rows_of_a_month, st.integers(1, 4))
def test_both_columns_add_up_to_the_cent_for_any_rows(
    now: list[tuple[Decimal, str | None, str]], then: list[tuple[Decimal, str | None, str]], top: int
) -> None:
    lines = [line("2026-10-01", str(c), asset=a, category=k) for c, a, k in now]
    lines += [line("2026-09-01", str(c), asset=a, category=k) for c, a, k in then]
    with TemporaryDirectory() as folder, ledger_of(Path(folder), lines) as ledger:
        columns_add_up(asked(ledger, by="asset", top=top), lines)
