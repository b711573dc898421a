"""Answers what is asked of statements with a configuration and an open ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from costlens.allocate import changed
from costlens.allocate.configured import policy_from
from costlens.errors import ConfigError
from costlens.settings.budgets import Settings as BudgetSettings
from costlens.settings.statements import Settings as StatementSettings
from costlens.statement.convert import Rate, converted, read_rates
from costlens.statement.forms import FORMS, printed
from costlens.statement.gather import Ask, check_team, gather

if TYPE_CHECKING:
    from costlens.config import Config
    from costlens.ledger import Ledger
    from costlens.statement.build import Facts


@dataclass(frozen=True)
class Asked:
    """One statement in one form."""

    month: str
    team: str | None = None
    source: str | None = None
    form: str = "table"
    as_of: datetime | None = None
    policy: str | None = None
    """Changes to the configured policy; the month is then shown live, also where it is closed."""
    suffix: str = ""
    """Of the file that it goes to."""


def ask(config: Config, month: str, as_of: datetime | None = None, policy: str | None = None) -> Ask:
    """Return what to gather for a month."""
    stated = policy_from(config)
    return Ask(
        month,
        changed(stated, policy) if policy else stated,
        config.section(BudgetSettings),
        _end_of(as_of),
        live=policy is not None,
    )


def facts_of(config: Config, ledger: Ledger, wanted: Ask) -> Facts:
    """Return the facts of a month, in the currency that the configuration wants; what is closed is as it was closed."""
    is_now = wanted.as_of is None
    found = ledger.read(lambda snapshot: gather(ledger, wanted, snapshot)) if is_now else gather(ledger, wanted)
    return found if found.closed else in_wanted_currency(config, found)


def in_wanted_currency(config: Config, facts: Facts) -> Facts:
    """Return the facts as billed, or converted where the configuration says so."""
    currency, rates = wanted_currency(config)
    return facts if currency is None else converted(facts, currency, rates)


def wanted_currency(config: Config) -> tuple[str | None, tuple[Rate, ...]]:
    """Return the currency that statements are converted to, and the table of rates; None = as billed."""
    settings = config.section(StatementSettings)
    if settings.currency is None:
        return None, ()
    if settings.rate_table is None:
        raise ConfigError("statements.currency: converting needs `statements.rate_table`, a CSV of dated rates")
    return settings.currency, read_rates(config.base / settings.rate_table)


def printed_statement(config: Config, ledger: Ledger, asked: Asked) -> bytes:
    """Return a statement as it is printed."""
    FORMS[asked.form].load()
    facts = facts_of(config, ledger, ask(config, asked.month, asked.as_of, asked.policy))
    known = sorted({line.source for line in facts.lines})
    check_team(facts, asked.team, asked.source, known)
    return printed(ledger, facts, FORMS[asked.form], asked.team, asked.source)


def _end_of(as_of: datetime | None) -> datetime | None:
    """Return an instant in UTC; a day without a time is meant to its end."""
    if as_of is None:
        return None
    at = as_of.replace(tzinfo=timezone.utc)
    return at + timedelta(days=1) if at.time() == datetime.min.time() else at
