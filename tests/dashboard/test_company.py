"""The made-up company of the benchmarks has books that balance."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

from costlens.ledger import Ledger
from costlens.reading import run_sql
from costlens.report import Question, report

ROOT = Path(__file__).parent.parent.parent


def test_the_companys_books_balance(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "bench" / "company.py"), str(tmp_path)]
    subprocess.run(
        [*command, "--queries", "100000", "--assets", "100", "--details", "400", "--months", "2"], check=True
    )
    with Ledger.open(str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}") as ledger:
        snapshot = ledger.snapshot()
        sums = run_sql(
            ledger,
            snapshot,
            """select (select sum(cost) from daily) as daily, (select sum(cost) from charges) as charges,
            (select sum(queries) from daily) as counted, (select count(*) from queries) as queries""",
        )
        answer = report(ledger, snapshot, Question("2026-10"))
    assert sums["daily"][0] == sums["charges"][0] > 0
    assert sums["counted"][0] == sums["queries"][0]
    (section,) = answer.sections
    assert section.reconciliation.residual == Decimal(0)
    assert abs(section.reconciliation.unexplained) < Decimal("0.000001")
