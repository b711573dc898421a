"""Budgets on small ledgers: what counts, where the forecast leads, which period holds."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from costlens.budgets import BudgetState, budget_states, forecast, period_of
from costlens.commands import main
from costlens.settings.budgets import Settings
from tests.report.books import ledger_of, line

DAY = timedelta(days=1)


def days(first: str, count: int) -> list[date]:
    return [date.fromisoformat(first) + number * DAY for number in range(count)]


def states(
    folder: Path, lines: list[dict[str, Any]], *limits: dict[str, Any], month: str = "2026-11"
) -> tuple[BudgetState, ...]:
    settings = Settings.model_validate({"limits": [{"currency": "USD", **limit} for limit in limits]})
    with ledger_of(folder, lines) as ledger:
        return budget_states(ledger, ledger.snapshot(), settings, month)


def test_the_forecast_follows_the_weekdays() -> None:
    """100 on working days, 20 at weekends, for eight weeks: what is left of November is known to the cent."""
    spent = {day: Decimal(20 if day.weekday() > 4 else 100) for day in days("2026-09-21", 56)}
    rest = forecast(spent, date(2026, 11, 16), date(2026, 12, 1))
    assert rest == 5 * 100 + 2 * 20 + 5 * 100 + 2 * 20 + 100


def test_the_forecast_follows_a_new_level_and_needs_three_days() -> None:
    spent = {day: Decimal(10 if day < date(2026, 11, 1) else 30) for day in days("2026-10-04", 42)}
    assert forecast(spent, date(2026, 11, 15), date(2026, 12, 1)) == pytest.approx(
        Decimal(16 * 30), rel=Decimal("0.02")
    )
    assert forecast({date(2026, 11, 1): Decimal(5)}, date(2026, 11, 3), date(2026, 12, 1)) is None
    assert forecast({}, date(2026, 12, 1), date(2026, 12, 1)) == 0


def test_each_kind_counts_its_own_money_and_the_team_is_the_owner_of_the_day(tmp_path: Path) -> None:
    lines = [line(str(day), "10", asset="marts/orders", pool="WH") for day in days("2026-10-01", 31)]
    lines += [line("2026-10-20", "7", pool="OTHER"), line("2026-10-20", "5", source="lake", pool="WH")]
    found = states(
        tmp_path, lines,
        {"team": "growth", "amount": 100}, {"team": "sales", "amount": 1000}, {"asset": "marts/orders", "amount": 400},
        {"pool": "WH", "amount": 300}, {"pool": "WH", "source": "shop", "amount": 300}, {"source": "lake", "amount": 100},
        month="2026-10",
    )  # fmt: skip
    assert [state.spent for state in found] == [150, 160, 310, 315, 310, 5]
    assert [state.reached for state in found] == [(80, 100), (), (), (80, 100), (80, 100), ()]
    assert all(state.forecast == state.spent for state in found), "the month is over"
    assert len({state.id for state in found}) == 6


def test_only_complete_days_are_forecast_from(tmp_path: Path) -> None:
    """The ledger is as of the 20th at 06:00: that day counts as spent, and not as a day like the others."""
    lines = [line(str(day), "10", asset="marts/orders") for day in days("2026-10-01", 50)]
    lines.append(line("2026-11-20", "1", asset="marts/orders"))
    (state,) = states(tmp_path, lines, {"asset": "marts/orders", "amount": 250})
    assert (state.spent, state.forecast, state.complete_until) == (Decimal(191), Decimal(300), date(2026, 11, 20))
    assert state.is_over_in_the_end
    assert state.reached == ()


def test_a_day_that_is_not_metered_yet_is_not_complete(tmp_path: Path) -> None:
    lines = [line(str(day), "10") for day in days("2026-10-01", 49)]
    lines.append(line("2026-11-19", "2", status="estimated"))
    (state,) = states(tmp_path, lines, {"source": "shop", "amount": 250})
    assert (state.complete_until, state.forecast) == (date(2026, 11, 19), Decimal(300))


def test_other_currencies_and_other_periods_do_not_count(tmp_path: Path) -> None:
    lines = [line("2026-11-02", "10"), line("2026-11-02", "99", currency="EUR"), line("2026-08-02", "5")]
    limits = [
        {"source": "shop", "amount": 100},
        {"source": "shop", "amount": 100, "period": "quarter"},
        {"source": "shop", "amount": 100, "period": "year"},
        {"source": "shop", "amount": 100, "valid_from": "2026-12-01"},
        {"source": "shop", "amount": 100, "valid_to": "2026-11-01"},
    ]
    found = states(tmp_path, lines, *limits)
    assert [(state.period, state.spent) for state in found] == [
        ("month", Decimal(10)),
        ("quarter", Decimal(10)),
        ("year", Decimal(15)),
    ]


def test_periods() -> None:
    assert period_of("quarter", "2026-11") == (date(2026, 10, 1), date(2027, 1, 1))
    assert period_of("year", "2026-02") == (date(2026, 1, 1), date(2027, 1, 1))


@pytest.mark.parametrize(
    "limit", [{}, {"team": "a", "asset": "b"}, {"team": "a", "source": "b"}, {"team": "a", "amount": 0}]
)
def test_a_budget_that_is_none_is_refused(limit: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({"limits": [{"amount": 1, "currency": "USD", **limit}]})


def test_the_command_prints_them(tmp_path: Path) -> None:
    ledger_of(tmp_path, [line(str(day), "10") for day in days("2026-10-01", 31)]).close()
    config = tmp_path / "costlens.yml"
    body = {"lake": "./lake", "database": "sqlite:///./costlens.db"}
    limits = [{"pool": "WH", "amount": "300.00", "currency": "USD"}]
    config.write_text(json.dumps({**body, "budgets": {"limits": limits}}))
    done = CliRunner().invoke(main, ["budgets", "--config", str(config), "--month", "2026-10"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1].split() == [
        "pool",
        "WH",
        "month",
        "from",
        "2026-10-01",
        "300.00",
        "USD",
        "310.00",
        "103%",
        "310.00",
        "over",
    ]
    done = CliRunner().invoke(main, ["budgets", "--config", str(config), "--month", "2026-10", "--json"])
    assert json.loads(done.stdout)[0]["spent"] == "310.00"
    config.write_text(json.dumps(body))
    assert CliRunner().invoke(main, ["budgets", "--config", str(config)]).exit_code == 1
