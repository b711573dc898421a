"""Reads the policy from the configuration."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

from costlens.allocate.policy import Policy, Rule, Spread
from costlens.settings.allocation import RuleSettings, Settings, SpreadSettings

if TYPE_CHECKING:
    from costlens.config import Config


def policy_from(config: Config) -> Policy:
    """Return the policy that costlens.yml states: top-level `idle`, section `allocation`."""
    settings = config.section(Settings)
    return Policy(
        idle=settings.idle or config.root.idle,
        unattributed=_spread(settings.unattributed),
        bill=_spread(settings.bill),
        rules=tuple(
            Rule(
                rule.name,
                _spread(rule),
                tuple((name, tuple(globs)) for name, globs in sorted(rule.match.items())),
                rule.valid_from,
                rule.valid_to,
            )
            for rule in settings.rules
        ),
    )


def _spread(given: SpreadSettings | RuleSettings) -> Spread:
    if given.team is not None:
        return Spread("fixed", ((given.team, Decimal(1)),))
    if given.shares is not None:
        return Spread("fixed", tuple(sorted(given.shares.items())))
    return Spread(given.by or "separate", among=tuple(sorted(given.among)))
