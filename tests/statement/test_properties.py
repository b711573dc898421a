"""Whatever the ledger and the policy: a statement adds up to the cent, and a closed month stays what it was."""

from __future__ import annotations

import csv
import io
import sqlite3
from datetime import datetime, timezone
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from costlens.allocate import Policy
from costlens.ledger import Ledger, closes
from costlens.statement.asked import Asked, ask, printed_statement
from costlens.statement.build import Facts, statement
from costlens.statement.close import close
from costlens.statement.forms import FORMS
from costlens.statement.gather import Ask, gather
from tests.allocate.strategies import policies, worlds
from tests.allocate.world import World, by

from . import company

AT = datetime(2026, 11, 21, 9, tzinfo=timezone.utc)
CLOSE: dict[str, Any] = {"who": "finance", "at": AT, "accepted": "made up"}
CENT, ZERO = Decimal("0.01"), Decimal(0)


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with company.open_ledger(company.config(tmp_path_factory.mktemp("any"))) as ledger:
        yield ledger


@given(worlds(), policies)
@settings(max_examples=8, deadline=None)
def test_any_ledger_under_any_policy_adds_up_to_the_cent(books: Ledger, world: World, policy: Policy) -> None:
    charged = by(world.charges, "currency")
    assume(charged)
    company.write(books, world)
    facts = gather(books, Ask("2026-10", policy))
    whole = statement(facts)
    totals = {section.currency: section.total for section in whole.sections}
    for currency in totals.keys() | charged.keys():
        assert abs(totals.get(currency, ZERO) - charged.get(currency, ZERO)) <= CENT / 2
    for section in whole.sections:
        for rows in (section.owners, section.categories, section.sources, section.assets):
            assert sum(row.cost for row in rows) == section.total
            assert all(sum(row.kinds.values()) == row.cost for row in rows)
        assert section.reconciliation.charged == charged.get(section.currency, ZERO)
    assert _printed(facts) == {currency: total for currency, total in totals.items() if total}
    _teams_add_up(facts, totals)


def _printed(facts: Facts, team: str | None = None) -> dict[str, Decimal]:
    rows = csv.DictReader(io.StringIO(FORMS["csv"].render(statement(facts, team)).decode()))
    return by([{"currency": row["currency"], "cost": Decimal(row["cost"])} for row in rows], "currency")


def _teams_add_up(facts: Facts, totals: dict[str, Decimal]) -> None:
    """What each team is sent, and what is nobody's, is the whole."""
    given_out = dict.fromkeys(totals, ZERO)
    for team in facts.teams:
        for section in statement(facts, team).sections:
            given_out[section.currency] += section.total
    for line in facts.lines:
        given_out[line.currency] += ZERO if line.team else line.cents
    assert given_out == totals


def _closable(world: World, november: str) -> World:
    """Let a world reach the end of October, and begin November."""
    world.line(743, "1.234567", "other", "team:labs")
    world.line(744, november, "other", "team:labs", billing_period="2026-11")
    return world


@given(worlds(), st.lists(worlds(), min_size=1, max_size=2), st.sampled_from(["fair", "causal", "separate"]), st.data())
@settings(max_examples=2, deadline=None)
def test_whatever_comes_later_a_closed_month_stays_and_the_next_has_the_difference(
    first: World, later: list[World], idle: str, data: st.DataObject
) -> None:
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        config = company.config(Path(folder), f"idle: {idle}\n")
        with company.open_ledger(config) as ledger:
            company.write(ledger, _closable(first, "1"))
            done = close(config, ledger, "2026-10", **CLOSE)
            asked = [Asked("2026-10", team, None, form) for form in ("csv", "json") for team in (None, "labs")]
            shown = [printed_statement(config, ledger, one) for one in asked]
            for world in (*(_closable(one, "2") for one in later), later[-1]):  # the last is read twice
                company.write(ledger, world)
                assert close(config, ledger, "2026-10", **CLOSE).record == done.record
                assert [printed_statement(config, ledger, one) for one in asked] == shown
                _corrected(gather(ledger, ask(config, "2026-11")), world, first)
            assert list(closes.verify(ledger.database)) == []
        _tampered(Path(folder) / "costlens.db", data)
        with company.open_ledger(config) as ledger:
            assert list(closes.verify(ledger.database))


def _corrected(november: Facts, now: World, then: World) -> None:
    for currency in ("USD", "EUR"):
        changed = company.total(now, currency) - company.total(then, currency)
        booked = sum((line.cost for line in november.lines if line.currency == currency and line.corrects), ZERO)
        assert abs(booked - changed) < Decimal("0.0001")
        told = sum((line.cents for line in november.lines if line.currency == currency), ZERO)
        assert abs(told - booked - company.total(now, currency, "2026-11")) <= CENT / 2


def _tampered(path: Path, data: st.DataObject) -> None:
    """Change one character of one stored line."""
    database = sqlite3.connect(path)
    with database:
        lines = database.execute("select rowid, body from closed_lines order by rowid").fetchall()
        row, body = data.draw(st.sampled_from(lines))
        place = data.draw(st.integers(0, len(body) - 1))
        other = "1" if body[place] != "1" else "2"
        database.execute(
            "update closed_lines set body = ? where rowid = ?", (body[:place] + other + body[place + 1 :], row)
        )
    database.close()
