"""A month as journal entries for an accounting system: a CSV whose columns the configuration names."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from costlens.errors import ConfigError
from costlens.render import safe_cell
from costlens.report import month_end
from costlens.statement.lines import ZERO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from costlens.estate import Estate
    from costlens.settings.statements import Journal
    from costlens.statement.build import Facts


def as_journal(facts: Facts, settings: Journal, estate: Estate) -> str:
    """Return the entries: per team (and category) its cents on its cost centre, each with its opposite where an account takes it.

    The amounts add up to the statement, per currency; with `offset_account` the whole adds up to nothing.
    """
    centers = {team.name: team.cost_center or "" for team in estate.teams}
    sums: dict[tuple[str, str, str], Decimal] = defaultdict(lambda: ZERO)
    for line in facts.lines:
        category = (line.category or "other") if settings.by_category else "all"
        sums[line.currency, line.owner, category] += line.cents
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=settings.delimiter, lineterminator="\r\n")
    writer.writerow([safe_cell(column.name) for column in settings.columns])
    for (currency, owner, category), cents in sorted(sums.items()):
        if not cents:
            continue
        fields = {
            "month": facts.month,
            "last_day": (month_end(facts.month) - timedelta(days=1)).isoformat(),
            "team": owner,
            "category": category,
            "kind": "expense",
            "currency": currency,
            "cost_center": centers.get(owner) or settings.cost_center,
            "account": settings.accounts.get(category, settings.account),
        }
        writer.writerow(_row(fields, cents, settings))
        if settings.offset_account is not None:
            writer.writerow(_row({**fields, "kind": "offset", "account": settings.offset_account}, -cents, settings))
    return buffer.getvalue()


def _row(fields: Mapping[str, str], cents: Decimal, settings: Journal) -> list[str]:
    money = {"amount": cents, "debit": max(cents, ZERO), "credit": max(-cents, ZERO)}
    shown = {name: _number(value, settings) for name, value in money.items()}
    known = {**fields, **shown}
    known["memo"] = _filled(settings.memo, known)
    cells = []
    for column in settings.columns:
        text = _filled(column.value, known)
        cells.append(text if text in shown.values() else safe_cell(text))
    return cells


def _number(value: Decimal, settings: Journal) -> str:
    text = f"{value:.2f}"
    return text.replace(".", ",") if settings.decimal_comma else text


def _filled(template: str, known: Mapping[str, str]) -> str:
    """Fill the fields of a template; a name's own braces stay as they are."""
    made, rest = "", template
    while rest:
        before, opened, after = rest.partition("{")
        made += before
        if not opened:
            break
        name, closed, rest = after.partition("}")
        if not closed or name not in known:
            fields = ", ".join(f"{{{field}}}" for field in sorted(known))
            raise ConfigError(f"statements.journal: no field {{{name}}}: known are {fields}")
        made += known[name]
    return made
