"""What follows a close: journal entries, mails to the teams; and statements of several currencies in one."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pypdf import PdfReader

from costlens.commands import main
from costlens.errors import ConfigError
from costlens.ledger import Ledger
from costlens.settings.statements import Journal, JournalColumn
from costlens.statement.asked import ask, facts_of
from costlens.statement.build import Facts, statement
from costlens.statement.close import close
from costlens.statement.convert import Rate, converted, read_rates
from costlens.statement.journal import as_journal
from tests.alerts.test_mail import Post

from . import company

RATES = "month,from,to,rate,date,source\n2026-10,EUR,USD,1.085,2026-10-31,ECB\n2026-09,EUR,USD,1.08,2026-09-30,ECB\n"


def entries(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def test_a_journal_adds_up_to_the_statement(facts: Facts) -> None:
    rows = entries(as_journal(facts, Journal(), company.ESTATE))
    for section in statement(facts).sections:
        assert sum(Decimal(row["amount"]) for row in rows if row["currency"] == section.currency) == section.total
    assert {row["cost_center"] for row in rows} == {"CC-1", "'=CC-2", ""}
    assert {row["date"] for row in rows} == {"2026-10-31"}


def test_a_journal_has_the_columns_that_accounting_wants(facts: Facts) -> None:
    settings = Journal(
        account="6540",
        accounts={"storage": "6541"},
        offset_account="1400",
        cost_center="CC-0",
        by_category=True,
        delimiter=";",
        decimal_comma=True,
        memo="{month} {team} {kind}",
        columns=[
            JournalColumn(name="Konto", value="{account}"),
            JournalColumn(name="Soll", value="{debit}"),
            JournalColumn(name="Haben", value="{credit}"),
            JournalColumn(name="Text", value="{memo}"),
        ],
    )
    rows = entries(as_journal(facts, settings, company.ESTATE), ";")
    debit, credit = (
        sum(Decimal(row[name].replace(",", ".")) for row in rows) for name in ("Soll", "Haben")
    )  # fmt: skip
    assert debit == credit > 0
    assert {row["Konto"] for row in rows} == {"6540", "6541", "1400"}
    assert "2026-10 growth expense" in {row["Text"] for row in rows}
    with pytest.raises(ConfigError, match=r"no field \{team_name\}"):
        as_journal(facts, Journal(memo="{team_name}"), company.ESTATE)


def test_two_currencies_become_one_by_dated_rates_only(facts: Facts, tmp_path: Path) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(RATES, encoding="utf-8")
    told = statement(converted(facts, "USD", read_rates(path)))
    (section,) = told.sections
    exact = company.total(company.world()) + company.total(company.world(), "EUR") * Decimal("1.085")
    assert section.total == exact.quantize(Decimal("0.01"))
    assert sum(row.cost for row in section.owners) == section.total == sum(line.cents for line in section.lines)
    assert section.reconciliation.residual == 0
    assert told.converted == ("1 EUR = 1.085 USD of 2026-10-31 (ECB)",)
    with pytest.raises(ConfigError, match="no rate from EUR to CHF for 2026-10"):
        converted(facts, "CHF", read_rates(path))
    old = Rate("2026-09", "EUR", "USD", Decimal("1.08"), date(2026, 9, 30), "ECB")
    with pytest.raises(ConfigError, match="no rate from EUR to USD"):
        converted(facts, "USD", [old])


@pytest.mark.parametrize(
    ("line", "told"), [("2026-10,EUR,USD,zero,2026-10-31,x", "line 2"), ("2026-10,EUR,USD,-1,2026-10-31,x", "line 2")]
)
def test_a_wrong_rate_is_told_with_its_line(tmp_path: Path, line: str, told: str) -> None:
    path = tmp_path / "rates.csv"
    path.write_text(RATES.splitlines()[0] + "\n" + line + "\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=told):
        read_rates(path)


def test_a_month_that_was_closed_in_one_currency_stays_so(tmp_path: Path) -> None:
    (tmp_path / "rates.csv").write_text(RATES, encoding="utf-8")
    settings = company.config(tmp_path, "statements: {currency: USD, rate_table: rates.csv}\n")
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world())
        shut = close(settings, ledger, "2026-10", who="finance", at=company.AS_OF + timedelta(days=1)).facts
        (tmp_path / "rates.csv").unlink()
        again = facts_of(company.config(tmp_path), ledger, ask(settings, "2026-10"))
    assert again == shut
    assert [section.currency for section in statement(shut).sections] == ["USD"]


@pytest.fixture
def post() -> Iterator[Post]:
    import threading

    with Post() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_each_team_gets_its_own_statement_once(post: Post, tmp_path: Path) -> None:
    port = post.server_address[1]
    alerts = (
        f"{{host: 127.0.0.1, port: {port}, security: none, sender: costlens@example.org, to: [finance@example.org]}}"
    )
    settings = company.config(tmp_path, f"alerts: {{email: {alerts}}}\nstatements: {{send: [pdf, csv]}}\n")
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world())
    words = ["close", "2026-10", "--config", str(settings.path), "--send", "--journal", str(tmp_path / "journal.csv")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(main, words).exit_code == 0  # once more: nobody gets a second mail
    got: dict[str, Any] = {mail["Subject"]: mail for mail in post.mails}
    assert len(post.mails) == len(got) == 4
    mine = got["[CostLens] Statement of 2026-10: growth"]
    assert mine["To"] == "growth@example.org"
    files = {part.get_filename(): part.get_content() for part in mine.iter_attachments()}
    assert set(files) == {"costlens-2026-10-growth.pdf", "costlens-2026-10-growth.csv"}
    text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(files["costlens-2026-10-growth.pdf"])).pages)
    assert "growth" in text
    assert "sales" not in text.replace("All teams", "")
    assert got["[CostLens] Statement of 2026-10: all teams"]["To"] == "finance@example.org"
    assert len(entries((tmp_path / "journal.csv").read_text(encoding="utf-8"))) > 5


def test_nothing_is_sent_where_nobody_said_how(tmp_path: Path) -> None:
    settings = company.config(tmp_path)
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world())
    done = CliRunner().invoke(main, ["close", "2026-10", "--config", str(settings.path), "--send"])
    assert done.exit_code == 1
    assert "alerts.email" in done.stderr


def test_policies_stand_side_by_side(ledger: Ledger, settings: Any) -> None:
    words = [
        "report",
        "--config",
        str(settings.path),
        "--month",
        "2026-10",
        "--policy",
        "idle=fair",
        "--policy",
        "idle=separate",
    ]
    done = CliRunner().invoke(main, [*words, "--format", "csv"])
    rows = entries(done.stdout)
    for currency in ("USD", "EUR"):
        sums = [
            sum(Decimal(row[name]) for row in rows if row["currency"] == currency)
            for name in ("idle=fair", "idle=separate")
        ]
        assert sums[0] == sums[1] == company.total(company.world(), currency).quantize(Decimal("0.01"))
    assert "(idle)" in {row["team"] for row in rows}
    assert CliRunner().invoke(main, [*words, "--format", "pdf"]).exit_code == 1
