"""What a close keeps beside its lines, as JSON and back: balances, budgets, the month before, the policy, the teams."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from costlens.reconcile import DayBalance, Reconciliation
from costlens.statement.lines import as_row
from costlens.statement.model import Budget

if TYPE_CHECKING:
    from costlens.allocate import Policy
    from costlens.estate import Estate
    from costlens.statement.build import Facts

_MONEY = ("metered", "charged", "billed", "estimated", "adjusted", "beside")
#: What the content of a close looks like; a later version reads older ones.
FORMAT = 1


def content(facts: Facts, policy: Policy, estate: Estate, fingerprint: str) -> dict[str, Any]:
    """Return what is kept of a month beside its lines; `fingerprint` tells whether its days were written again."""
    return {
        "format": FORMAT,
        "before": None if facts.before is None else [as_row(line) for line in facts.before],
        "policy": policy.as_dict(),
        "policy_words": list(facts.policy),
        "balances": {currency: _balance(one) for currency, one in facts.balances.items()},
        "as_of": facts.as_of.isoformat(),
        "final_until": facts.final_until.isoformat() if facts.final_until else None,
        "charged_until": facts.charged_until.isoformat() if facts.charged_until else None,
        "budgets": {
            currency: [_plain(asdict(budget)) for budget in budgets] for currency, budgets in facts.budgets.items()
        },
        "problems": facts.problems,
        "estate": _plain(asdict(estate)),
        "fingerprint": fingerprint,
        "corrects": sorted({line.corrects for line in facts.lines if line.corrects}),
    }


def _balance(one: Reconciliation) -> dict[str, Any]:
    return {
        **{name: _text(getattr(one, name)) for name in _MONEY},
        "reasons": one.reasons,
        "days": [_plain(asdict(day)) for day in one.days],
    }


def balances_of(body: Mapping[str, Any]) -> dict[str, Reconciliation]:
    """Return the reconciliations that `content` kept."""
    known = {field.name for field in fields(DayBalance)}
    found = {}
    for currency, raw in body.items():
        days = []
        for day in raw["days"]:
            values: dict[str, Any] = {name: value for name, value in day.items() if name in known}
            values |= {name: _decimal(day[name]) for name in _MONEY} | {"day": date.fromisoformat(day["day"])}
            days.append(DayBalance(**values))
        money: dict[str, Any] = {name: _decimal(raw[name]) for name in _MONEY}
        found[currency] = Reconciliation(currency, **money, reasons=list(raw["reasons"]), days=days)
    return found


def budgets_of(body: Mapping[str, Any]) -> dict[str, tuple[Budget, ...]]:
    """Return the budgets that `content` kept."""
    return {
        currency: tuple(
            Budget(raw["name"], raw["kind"], Decimal(raw["amount"]), Decimal(raw["spent"]), _decimal(raw["forecast"]))
            for raw in budgets
        )
        for currency, budgets in body.items()
    }


def _decimal(text: str | None) -> Any:
    return None if text is None else Decimal(text)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return f"{value:f}"
    return value.isoformat() if isinstance(value, date) else value
