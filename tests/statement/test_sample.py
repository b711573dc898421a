"""The statement of the sample month: it is what was billed, in every form, and the month can be closed."""

from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook
from pypdf import PdfReader

from costlens.commands import main
from costlens.focus.checking import check_file
from tests import shared
from tests.statement.goldens import SAMPLE, sample_focus


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shared.demo(tmp_path_factory)[0].parent


def said(demo: Path, *words: str) -> bytes:
    done = CliRunner().invoke(main, [words[0], "--config", str(demo / "costlens.yml"), *words[1:]])
    assert done.exit_code == 0, done.output
    return done.stdout_bytes


def test_the_sample_month_is_what_was_billed_in_every_form(demo: Path, tmp_path: Path) -> None:
    report = ("report", "--month", "2026-10", "--format")
    told = json.loads(said(demo, *report, "json"))
    (section,) = told["sections"]
    total = Decimal(section["total"])
    assert total == Decimal(section["reconciliation"]["billed"])
    assert Decimal(section["reconciliation"]["residual"]) == 0
    rows = list(csv.DictReader(io.StringIO(said(demo, *report, "csv").decode())))
    assert sum(Decimal(row["cost"]) for row in rows) == total
    for row in section["lines"]:
        assert sum(Decimal(line["cost"]) for line in rows if line["team"] == row["name"]) == Decimal(row["cost"])
    shown = f"{total:,.2f}"
    assert shown in said(demo, *report, "table").decode()
    assert shown in said(demo, *report, "html").decode()
    for form in ("xlsx", "pdf", "focus"):
        said(demo, *report, form, "--out", str(tmp_path / f"statement.{form}"))
    assert {"growth", "Summary", "Lines", "Reconciliation"} <= set(
        load_workbook(tmp_path / "statement.xlsx").sheetnames
    )
    assert shown in PdfReader(tmp_path / "statement.pdf").pages[0].extract_text()
    focus = tmp_path / "focus.csv"
    focus.write_bytes((tmp_path / "statement.focus").read_bytes())
    assert check_file(focus).conforms
    costs = [Decimal(row["BilledCost"]) for row in csv.DictReader(io.StringIO(focus.read_text(encoding="utf-8")))]
    assert sum(costs, Decimal(0)).quantize(Decimal("0.01")) == total


def test_the_sample_months_focus_files_are_as_they_were(demo: Path) -> None:
    for name, focus in sample_focus(demo).items():
        with (SAMPLE / name).open(encoding="utf-8", newline="") as kept:
            assert focus == kept.read(), f"{name}: see tests/statement/goldens.py"


def test_the_sample_month_is_closed_and_verified(demo: Path) -> None:
    said(demo, "close", "2026-10")
    first = said(demo, "report", "--month", "2026-10", "--team", "growth")
    assert said(demo, "report", "--month", "2026-10", "--team", "growth", "--policy", "idle=causal") != first
    assert said(demo, "report", "--month", "2026-10", "--team", "growth") == first
    assert b"as they were written" in said(demo, "close", "--verify")
