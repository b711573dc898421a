"""The golden files: each form of a statement as text, of a made-up company and of the sample month.

`python -m tests.statement.goldens` writes them anew; look at the difference before you commit it. What the sample month is made of is kept
beside its statements (`sample/facts.json`): they change when a form changes, not when a query is attributed in another way.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from click.testing import CliRunner
from openpyxl import load_workbook
from pypdf import PdfReader

from costlens.allocate import Policy
from costlens.commands import main
from costlens.commands._options import open_config, open_ledger
from costlens.estate import Estate
from costlens.focus.printing import printed_focus
from costlens.statement.asked import Asked, ask, facts_of
from costlens.statement.build import Facts, statement
from costlens.statement.forms import FORMS
from costlens.statement.lines import as_row, of_row
from costlens.statement.stored import balances_of, budgets_of, content

from . import company

GOLDEN = Path(__file__).parent / "golden"
SAMPLE = GOLDEN / "sample"
MONTH = "2026-10"
#: Of so many distinct values of a column all are told.
FEW = 12


def readable(name: str, body: bytes) -> str:
    """Return a form as text: pictures are left out, a workbook is its cells, a PDF what a reader extracts."""
    if name == "html":
        return re.sub(r"<svg.*?</svg>", "<svg/>", body.decode(), flags=re.DOTALL)
    if name == "xlsx":
        book = load_workbook(io.BytesIO(body))
        rows = ((sheet.title, *(cell.value for cell in row)) for sheet in book for row in sheet.iter_rows())
        return "".join(json.dumps(row, default=str, ensure_ascii=False) + "\n" for row in rows)
    if name == "pdf":
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(body)).pages]
        return "\f\n".join(pages) + "\n"
    return body.decode()


def file_of(folder: Path, name: str, team: str | None) -> Path:
    suffix = FORMS[name].suffix if name not in ("xlsx", "pdf") else f"{name}.txt"
    return folder / f"{team or 'all'}.{suffix}"


def sample_facts() -> Facts:
    """Return the sample month as it was when the golden files were written."""
    kept = json.loads((SAMPLE / "facts.json").read_text(encoding="utf-8"))
    body = kept["content"]
    return Facts(
        month=MONTH,
        lines=tuple(of_row(dict(zip(kept["columns"], row, strict=True))) for row in kept["lines"]),
        before=None,
        policy=tuple(body["policy_words"]),
        balances=balances_of(body["balances"]),
        snapshot=1,
        as_of=datetime.fromisoformat(body["as_of"]),
        final_until=date.fromisoformat(body["final_until"]),
        charged_until=date.fromisoformat(body["charged_until"]),
        budgets=budgets_of(body["budgets"]),
        problems=body["problems"],
    )


def focus_told(body: str) -> str:
    """Return what a FOCUS file holds, a line for each column and for each service, category, kind and team."""
    rows = list(csv.DictReader(io.StringIO(body)))
    told = [f"{len(rows)} rows"]
    for name in rows[0]:
        values = sorted({row[name] for row in rows})
        told.append(f"{name}: {' | '.join(values) if len(values) <= FEW else f'{len(values)} values'}")
    costs: Counter[tuple[str, ...]] = Counter()
    sums: dict[tuple[str, ...], Decimal] = {}
    for row in rows:
        place = tuple(row[name] for name in ("ServiceName", "ChargeCategory", "x_Kind", "x_Team"))
        costs[place] += 1
        sums[place] = sums.get(place, Decimal(0)) + Decimal(row["BilledCost"])
    told += [f"{' | '.join(place)}: {count} rows, {sums[place]:f}" for place, count in sorted(costs.items())]
    return "\n".join(told) + "\n"


def sample_focus(demo: Path) -> dict[str, str]:
    """Return the sample month's FOCUS files by the names of their golden files: of a small team whole, of all what it holds."""
    files = {}
    for name, words in {"costlens": ["--team", "costlens"], "all": []}.items():
        asked = ["report", "--config", str(demo / "costlens.yml"), "--month", MONTH, "--format", "focus", *words]
        done = CliRunner().invoke(main, asked)
        assert done.exit_code == 0, done.output
        files[name] = done.stdout_bytes.decode()
    return {"costlens.focus.csv": files["costlens"], "all.focus.txt": focus_told(files["all"])}


def _write_sample_facts() -> None:
    with TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        assert CliRunner().invoke(main, ["demo", "--dir", str(demo)]).exit_code == 0
        for name, focus in sample_focus(demo).items():
            (SAMPLE / name).write_text(focus, encoding="utf-8", newline="")
        config = open_config(demo / "costlens.yml")
        with open_ledger(config) as ledger:
            facts = facts_of(config, ledger, ask(config, MONTH))
    rows: list[dict[str, Any]] = [as_row(line) for line in facts.lines]
    body = content(facts, Policy(), Estate(), "")
    kept = {"content": body, "columns": list(rows[0]), "lines": [list(row.values()) for row in rows]}
    text = json.dumps(kept, ensure_ascii=False).replace('], ["', '],\n["')
    SAMPLE.mkdir(exist_ok=True)
    (SAMPLE / "facts.json").write_text(text + "\n", encoding="utf-8")


def _write(folder: Path, facts: Facts) -> None:
    for team in (None, "growth"):
        for name, form in FORMS.items():
            text = readable(name, form.render(statement(facts, team)))
            file_of(folder, name, team).write_text(text, encoding="utf-8")


def write() -> None:
    """Write all golden files."""
    _write_sample_facts()
    _write(SAMPLE, sample_facts())
    with TemporaryDirectory() as folder:
        config = company.config(Path(folder))
        with company.open_ledger(config) as ledger:
            company.write(ledger, company.world())
            _write(GOLDEN, facts_of(config, ledger, ask(config, MONTH)))
            focus = printed_focus(config, ledger, Asked(MONTH, form="focus", suffix=".csv"))
    (GOLDEN / "all.focus.csv").write_bytes(focus)


if __name__ == "__main__":
    write()
