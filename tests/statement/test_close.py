"""Closed months stay what they were: through new data, restated data, another policy, other code and other hands."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from costlens.commands import main
from costlens.errors import LedgerError, UsageError
from costlens.ledger import Ledger, closes
from costlens.statement.asked import Asked, ask, printed_statement
from costlens.statement.build import statement
from costlens.statement.close import DoesNotBalance, close, reopen
from costlens.statement.gather import Ask, gather
from tests.allocate.world import World, by

from . import company

AT = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
WHO: dict[str, Any] = {"who": "finance", "at": AT}
CENT = Decimal("0.01")


@pytest.fixture
def books(tmp_path: Path) -> Iterator[tuple[Any, Ledger]]:
    settings = company.config(tmp_path)
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world())
        yield settings, ledger


@pytest.fixture(scope="module")
def twice_closed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a ledger with two closed months, to be copied."""
    folder = tmp_path_factory.mktemp("closed")
    settings = company.config(folder)
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world())
        close(settings, ledger, "2026-09", **WHO)
        close(settings, ledger, "2026-10", **WHO)
    return folder


def restated() -> World:
    """Return the world after the vendor changed September and October: a late query, and one that is dearer."""
    made = company.world()
    made.query(-100, "5.5", "a/growth", billing_period="2026-09")
    made.query(100, "3.25", "a/sales")
    made.query(62 * 12, "2", "a/growth", billing_period="2026-11")
    return made


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(main, [words[0], "--config", str(folder / "costlens.yml"), *words[1:]])


def test_a_closed_month_prints_the_same_bytes_whatever_comes_after(books: tuple[Any, Ledger], tmp_path: Path) -> None:
    settings, ledger = books
    done = close(settings, ledger, "2026-10", **WHO)
    forms = ("table", "csv", "json", "html", "xlsx", "pdf")
    asked = [Asked("2026-10", team, None, form) for form in forms for team in (None, "growth")]
    before = [printed_statement(settings, ledger, one) for one in asked]
    focus = run(tmp_path, "report", "--month", "2026-10", "--format", "focus")
    company.write(ledger, restated())
    another = company.config(tmp_path, "idle: separate\n")
    assert [printed_statement(another, ledger, one) for one in asked] == before
    assert run(tmp_path, "report", "--month", "2026-10", "--format", "focus").stdout_bytes == focus.stdout_bytes
    again = close(another, ledger, "2026-10", who="somebody else", at=AT + timedelta(days=1))
    assert (again.is_new, again.record) == (False, done.record)
    assert list(closes.verify(ledger.database)) == []


def test_what_is_frozen_is_what_was_shown(books: tuple[Any, Ledger]) -> None:
    settings, ledger = books
    live = gather(ledger, ask(settings, "2026-10"))
    shut = close(settings, ledger, "2026-10", **WHO).facts
    assert shut.lines == live.lines
    assert shut.balances == live.balances
    shown, told = statement(live), statement(shut)
    assert told.sections == shown.sections
    assert told.policy == shown.policy


def test_late_and_restated_data_become_corrections_of_the_next_open_month(books: tuple[Any, Ledger]) -> None:
    settings, ledger = books
    close(settings, ledger, "2026-09", **WHO)
    close(settings, ledger, "2026-10", **WHO)
    made = restated()
    company.write(ledger, made)
    november = gather(ledger, ask(settings, "2026-11"))
    corrections = [line for line in november.lines if line.kind == "correction"]
    assert {(line.corrects, line.team) for line in corrections if line.category == "query"} >= {
        ("2026-09", "growth"),
        ("2026-10", "sales"),
    }
    changes = by([{"corrects": line.corrects, "cost": line.cost} for line in corrections], "corrects")
    assert changes == {"2026-09": Decimal("5.5"), "2026-10": Decimal("3.25")}
    section = next(one for one in statement(november).sections if one.currency == "USD")
    assert section.total == company.total(made, month="2026-11") + Decimal("8.75")
    assert sum(one.cost for one in section.corrections) == Decimal("8.75")


def test_a_correction_is_booked_once_and_a_month_that_is_opened_again_is_not_counted_twice(
    books: tuple[Any, Ledger],
) -> None:
    settings, ledger = books
    close(settings, ledger, "2026-09", **WHO)
    made = company.world()
    made.query(-100, "5.5", "a/growth", billing_period="2026-09")
    company.write(ledger, made)
    october = close(settings, ledger, "2026-10", **WHO).facts
    assert sum(line.cost for line in october.lines if line.corrects == "2026-09") == Decimal("5.5")
    made.query(62 * 12, "2", "a/growth", billing_period="2026-11")
    company.write(ledger, made)
    assert [line for line in gather(ledger, ask(settings, "2026-11")).lines if line.kind == "correction"] == []
    reopen(ledger, "2026-09", who="finance", at=AT, reason="the invoice was replaced")
    close(settings, ledger, "2026-09", **WHO)
    november = gather(ledger, ask(settings, "2026-11"))
    assert sum(line.cost for line in november.lines if line.kind == "correction") == Decimal("-5.5")
    with pytest.raises(UsageError, match="is not closed"):
        reopen(ledger, "2026-11", who="finance", at=AT, reason="why not")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            'update closed_lines set body = replace(body, \'"team":"growth"\', \'"team":"sales"\') where number = 3',
            "changed",
        ),
        ("delete from closed_lines where number = 4", "lines are there"),
        ("update closes set who = 'nobody' where id = 1", "record 1"),
        ("update closes set month = '2026-08' where id = 2", "record 2"),
        (
            "update closed_documents set body = (select body from closed_documents where name = 'csv//') where name = 'html//'",
            "html",
        ),
        ("delete from closes where id = 1", "missing"),
    ],
)
def test_whoever_changes_what_was_closed_is_found_out(
    twice_closed: Path, tmp_path: Path, change: str, told: str
) -> None:
    shutil.copytree(twice_closed, tmp_path, dirs_exist_ok=True)
    assert run(tmp_path, "close", "--verify").exit_code == 0
    with sqlite3.connect(tmp_path / "costlens.db") as database:
        assert database.execute(change).rowcount > 0
    database.close()
    done = run(tmp_path, "close", "--verify")
    assert done.exit_code == 1
    assert told in done.stderr
    assert json.loads(run(tmp_path, "close", "--verify", "--json").stdout)["faults"]


def test_a_changed_line_is_never_printed(twice_closed: Path, tmp_path: Path) -> None:
    shutil.copytree(twice_closed, tmp_path, dirs_exist_ok=True)
    with sqlite3.connect(tmp_path / "costlens.db") as database:
        database.execute('update closed_lines set body = replace(body, \'"cents":"\', \'"cents":"1\')')
    database.close()
    done = run(tmp_path, "report", "--month", "2026-10")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "line 0 was changed" in done.stderr


def test_a_month_that_does_not_balance_is_closed_only_with_a_reason(tmp_path: Path) -> None:
    settings = company.config(tmp_path)
    made = company.world()
    billed = [row for row in made.charges if row["category"] != "storage"]
    with company.open_ledger(settings) as ledger:
        company.write(ledger, made, billed=billed)
        with pytest.raises(DoesNotBalance, match=r"residual -9\.50 is above 1\.00") as refused:
            close(settings, ledger, "2026-10", **WHO)
        assert "2026-10-30 shop STORAGE: -9.50, unmapped service" in str(refused.value)
        assert run(tmp_path, "close", "2026-10", "--accept-residual", " ").exit_code == 1
        assert run(tmp_path, "close", "2026-10", "--accept-residual", "credit note 17 follows").exit_code == 0
        assert "residual accepted: credit note 17 follows" in run(tmp_path, "report", "--month", "2026-10").stdout


def test_a_month_without_a_bill_or_not_over_is_not_closed(tmp_path: Path) -> None:
    settings = company.config(tmp_path)
    with company.open_ledger(settings) as ledger:
        company.write(ledger, company.world(), billed=())
        with pytest.raises(DoesNotBalance, match="no bill in USD"):
            close(settings, ledger, "2026-10", **WHO)
        company.write(ledger, company.world(), as_of=datetime(2026, 10, 20, tzinfo=timezone.utc))
        with pytest.raises(UsageError, match="not over"):
            close(settings, ledger, "2026-10", **WHO)
        with pytest.raises(UsageError, match="months with charges are 2026-09, 2026-10"):
            close(settings, ledger, "2026-08", **WHO)


def test_as_of_shows_what_was_known_then(books: tuple[Any, Ledger]) -> None:
    settings, ledger = books
    close(settings, ledger, "2026-10", **WHO)
    reopen(ledger, "2026-10", who="finance", at=AT + timedelta(days=2), reason="vendor restated")
    company.write(ledger, restated(), as_of=company.AS_OF + timedelta(days=9))

    def told(days: float) -> tuple[bool, Decimal]:
        wanted = ask(settings, "2026-10")
        found = gather(ledger, Ask(wanted.month, wanted.policy, wanted.budgets, as_of=AT + timedelta(days=days)))
        section = next(one for one in statement(found).sections if one.currency == "USD")
        return found.closed is not None, section.total

    first = company.total(company.world()).quantize(CENT)
    assert told(-0.5) == (False, first)
    assert told(1) == (True, first)
    assert told(3) == (False, first)
    assert told(30) == (False, (company.total(restated())).quantize(CENT))
    with pytest.raises(LedgerError, match="no snapshot"):
        told(-30)


def test_two_who_close_at_the_same_moment_make_one_chain(books: tuple[Any, Ledger]) -> None:
    _, ledger = books
    first = closes.append(ledger.database, "2026-08", closes.CLOSE, at=AT, who="a", expected=closes.ROOT)
    with pytest.raises(LedgerError, match="at the same time"):
        closes.append(ledger.database, "2026-07", closes.CLOSE, at=AT, who="b", expected=closes.ROOT)
    assert [record.hash for record in closes.records(ledger.database)] == [first.hash]


def test_the_command_line_closes_lists_and_opens_again(books: tuple[Any, Ledger], tmp_path: Path) -> None:
    assert "2026-10 closed: " in run(tmp_path, "close", "2026-10", "--who", "finance").stdout
    assert "nothing was done" in run(tmp_path, "close", "2026-10").stdout
    assert run(tmp_path, "close", "--list").stdout.count("\n") == 1
    assert run(tmp_path, "reopen", "2026-10").exit_code == 2  # a reason is wanted
    assert run(tmp_path, "reopen", "2026-10", "--reason", " ").exit_code == 1
    assert run(tmp_path, "reopen", "2026-10", "--reason", "restated").exit_code == 0
    assert "reopen" in run(tmp_path, "close", "--list").stdout
    assert "open · as of" in run(tmp_path, "report", "--month", "2026-10").stdout
    assert run(tmp_path, "close").exit_code == 2
