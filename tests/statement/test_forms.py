"""Every form of the statement: golden files, opened by the readers that people have, and it adds up in each."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import sync_playwright
from pypdf import PdfReader

from costlens.config import Config
from costlens.focus.printing import printed_focus
from costlens.ledger import Ledger
from costlens.statement.asked import Asked
from costlens.statement.build import Facts, statement
from costlens.statement.forms import FORMS

from .company import FORMULA, SCRIPT, total, world
from .goldens import GOLDEN, SAMPLE, file_of, readable, sample_facts

CHROMIUM = Path("/usr/bin/chromium")
CENT = Decimal("0.01")


@pytest.fixture(scope="module")
def sample() -> Facts:
    return sample_facts()


@pytest.mark.parametrize("team", [None, "growth"])
@pytest.mark.parametrize("name", FORMS)
def test_statements_are_as_they_were(facts: Facts, name: str, team: str | None) -> None:
    """The golden files; a change of the statement is a change of theirs."""
    body = FORMS[name].render(statement(facts, team))
    assert FORMS[name].render(statement(facts, team)) == body  # nothing but the figures decides the bytes
    assert readable(name, body) == file_of(GOLDEN, name, team).read_text(encoding="utf-8")


@pytest.mark.parametrize("team", [None, "growth"])
@pytest.mark.parametrize("name", FORMS)
def test_statements_of_the_sample_month_are_as_they_were(sample: Facts, name: str, team: str | None) -> None:
    body = FORMS[name].render(statement(sample, team))
    assert readable(name, body) == file_of(SAMPLE, name, team).read_text(encoding="utf-8")


def test_the_focus_file_is_as_it_was(settings: Config, ledger: Ledger) -> None:
    made = printed_focus(settings, ledger, Asked("2026-10", form="focus", suffix=".csv"))
    assert made.decode() == (GOLDEN / "all.focus.csv").read_text(encoding="utf-8")


def test_every_table_adds_up_to_the_same_cents(facts: Facts) -> None:
    whole = statement(facts)
    for section in whole.sections:
        for rows in (section.owners, section.categories, section.sources, section.assets):
            assert sum(row.cost for row in rows) == section.total
            assert all(sum(row.kinds.values()) == row.cost for row in rows)
        assert sum(line.cents for line in section.lines) == section.total
        assert section.total == total(world(), section.currency).quantize(CENT)
        teams = [statement(facts, team) for team in facts.teams]
        parts = [one.total for told in teams for one in told.sections if one.currency == section.currency]
        nobody = [row.cost for row in section.owners if row.name.startswith("(")]
        assert sum(parts + nobody) == section.total
    dollars = next(section for section in whole.sections if section.currency == "USD")
    assert sum(driver.amount for driver in dollars.drivers) == dollars.total - (dollars.before or 0)
    assert dollars.before == total(world(), month="2026-09").quantize(CENT)


def test_csv_and_json_add_up_and_hold_no_formula(facts: Facts) -> None:
    told = statement(facts)
    rows = list(csv.DictReader(io.StringIO(FORMS["csv"].render(told).decode())))
    said = json.loads(FORMS["json"].render(told))
    for section in said["sections"]:
        mine = [Decimal(row["cost"]) for row in rows if row["currency"] == section["currency"]]
        assert sum(mine) == Decimal(section["total"]) == sum(Decimal(row["cost"]) for row in section["lines"])
        exact = sum(Decimal(row["cost_exact"]) for row in rows if row["currency"] == section["currency"])
        assert exact == total(world(), section["currency"])
    assert f"'{FORMULA}" in {row["team"] for row in rows}
    for row in rows:
        for name, value in row.items():
            assert not value.startswith(("=", "+", "@", "\t", "\r")), (name, value)


def test_a_workbook_has_typed_cells_formulas_and_a_sheet_a_team(facts: Facts) -> None:
    book = load_workbook(io.BytesIO(FORMS["xlsx"].render(statement(facts))))
    assert {"Summary USD", "Lines USD", "growth USD", "sales USD", "Reconciliation EUR"} <= set(book.sheetnames)
    formulas = [
        cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
    ]  # fmt: skip
    assert formulas
    assert all(
        re.fullmatch(r"=SUM\([A-Z]+\d+:[A-Z]+\d+\)|='[^']*(''[^']*)*'!B\d+", str(cell.value)) for cell in formulas
    )
    names = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value == FORMULA]
    assert names
    assert all(cell.data_type == "s" and cell.quotePrefix for cell in names)
    summary = book["Summary USD"]
    growth = next(row for row in summary.iter_rows() if row[0].value == "growth")
    assert _calculated(book, growth) == next(
        row.cost
        for section in statement(facts).sections
        if section.currency == "USD"
        for row in section.owners
        if row.name == "growth"
    )


def _calculated(book: Any, row: Any) -> Decimal:
    """Follow a team's cost from the summary to its sheet, and add up there."""
    link = next(cell.value for cell in row if str(cell.value).startswith("='"))
    name, cell = re.fullmatch(r"='(.*)'!(B\d+)", link).groups()  # type: ignore[union-attr]
    first, last = re.fullmatch(r"=SUM\((B\d+):(B\d+)\)", book[name][cell].value).groups()  # type: ignore[union-attr]
    return sum((Decimal(str(cells[0].value)) for cells in book[name][f"{first}:{last}"]), Decimal(0)).quantize(CENT)


def test_a_pdf_has_numbered_pages_with_plots_and_the_total(facts: Facts) -> None:
    reader = PdfReader(io.BytesIO(FORMS["pdf"].render(statement(facts))))
    texts = [page.extract_text() for page in reader.pages]
    assert [f"page {n} of {len(texts)}" in text for n, text in enumerate(texts, 1)] == [True] * len(texts)
    assert sum(len(page.images) for page in reader.pages) >= 2
    for section in statement(facts).sections:
        assert f"{section.total:,.2f} {section.currency}" in " ".join(texts)
    assert "policy: idle: fair" in texts[0]


def test_a_browser_shows_the_page_and_runs_nothing(facts: Facts, tmp_path: Path) -> None:
    page = tmp_path / "statement.html"
    page.write_bytes(FORMS["html"].render(statement(facts)))
    text = page.read_text(encoding="utf-8")
    assert SCRIPT not in text
    assert not re.search(r"(src|href)\s*=\s*[\"'](?!data:|#)", text)  # needs no other file
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM if CHROMIUM.exists() else None,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        shown = browser.new_page(color_scheme="dark")
        asked: list[str] = []
        dialogs: list[str] = []
        shown.on("request", lambda request: asked.append(request.url))
        shown.on("dialog", lambda dialog: dialogs.append(dialog.message))
        shown.goto(page.as_uri())
        for section in statement(facts).sections:
            rows = shown.locator(f"#teams-{section.currency} tbody tr").all_inner_texts()
            assert len(rows) == len(section.owners)
            foot = shown.locator(f"#teams-{section.currency} tfoot").inner_text()
            assert f"{section.total:,.2f}" in foot
        assert f"a/{SCRIPT}" in shown.locator("#assets-USD").inner_text()
        assert shown.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(24, 27, 31)"
        assert shown.locator("figure svg").count() >= 2
        assert (dialogs, asked) == ([], [page.as_uri()])
        browser.close()
