"""The golden files: each form of a statement as text, of a made-up company and of the sample month.

`python -m tests.statement.goldens` writes them anew; look at the difference before you commit it. What the sample month is made of is kept
beside its statements (`sample/facts.json`): they change when a form changes, not when a query is attributed in another way.
"""

from __future__ import annotations

import io
import json
import re
from datetime import date, datetime
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


def _write_sample_facts() -> None:
    with TemporaryDirectory() as folder:
        demo = Path(folder) / "demo"
        assert CliRunner().invoke(main, ["demo", "--dir", str(demo)]).exit_code == 0
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
