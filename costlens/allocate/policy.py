"""Allocation policies as data: how idle, unattributed, billed and shared money is spread over teams, and the words that say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Any

from costlens.errors import UsageError

#: How the idle units of a pool-hour find who pays for them.
IDLE = ("fair", "causal", "separate")
#: What money is spread over teams by. `storage` is what teams pay for storage, `proportional` all that they pay directly.
DRIVERS = ("proportional", "even", "queries", "runs", "seconds", "bytes", "storage")
#: The columns that a rule can match.
FIELDS = (
    *("team", "source", "account", "region", "service", "category", "cause", "pool", "object", "asset"),
    *("user", "role", "environment", "purpose", "method", "billed_as"),
)


@dataclass(frozen=True)
class Spread:
    """How an amount is spread: `by` a driver, `fixed` over `shares`, or `separate` (not at all). `among` narrows the teams."""

    by: str = "separate"
    shares: tuple[tuple[str, Decimal], ...] = ()
    among: tuple[str, ...] = ()

    def words(self) -> str:
        """Say it in a few words."""
        if self.by == "fixed":
            whole = sum((share for _, share in self.shares), Decimal(0))
            if len(self.shares) == 1:
                return f"to {self.shares[0][0]}"
            return "fixed: " + ", ".join(f"{team} {share / whole:.2%}" for team, share in self.shares)
        by = self.by if self.by in ("separate", "proportional", "even", "fair", "causal") else f"by {self.by}"
        return f"{by} among {', '.join(self.among)}" if self.among else by


@dataclass(frozen=True)
class Rule:
    """Money whose columns match is spread so, on the days of [valid_from, valid_to). `match`: column -> globs, all must hold."""

    name: str
    spread: Spread
    match: tuple[tuple[str, tuple[str, ...]], ...] = ()
    valid_from: date | None = None
    valid_to: date | None = None

    @property
    def is_of_idle(self) -> bool:
        """Whether the rule names the category `idle`: then it says how idle is allocated, instead of the policy's word."""
        return any(name == "category" and "idle" in globs for name, globs in self.match)

    def words(self) -> str:
        what = ", ".join(f"{name} {' or '.join(globs)}" for name, globs in self.match)
        since = f" from {self.valid_from}" if self.valid_from else ""
        until = f" until {self.valid_to}" if self.valid_to else ""
        return f"{self.name}: {what} {self.spread.words()}{since}{until}"


@dataclass(frozen=True)
class Policy:
    """How money that is not one team's own is allocated; the first rule that matches decides, before what follows it."""

    idle: str = "fair"
    unattributed: Spread = Spread()
    bill: Spread = Spread("proportional")
    """Adjustments, credits, discounts, support and taxes: what only the bill says."""
    rules: tuple[Rule, ...] = field(default=())

    def words(self) -> list[str]:
        """Say the policy, a line for each part."""
        return [
            f"idle: {self.idle}",
            f"unattributed: {self.unattributed.words()}",
            f"bill adjustments: {self.bill.words()}",
            *(rule.words() for rule in self.rules),
        ]

    def as_dict(self) -> dict[str, Any]:
        """Return what `policy_of` reads back."""
        return _plain(asdict(self))  # type: ignore[no-any-return]


def policy_of(body: Mapping[str, Any]) -> Policy:
    """Return a policy that was stored with `as_dict`."""

    def spread(raw: Mapping[str, Any]) -> Spread:
        shares = tuple((team, Decimal(share)) for team, share in raw["shares"])
        return Spread(raw["by"], shares, tuple(raw["among"]))

    def day(raw: str | None) -> date | None:
        return date.fromisoformat(raw) if raw else None

    rules = tuple(
        Rule(
            raw["name"],
            spread(raw["spread"]),
            tuple((name, tuple(globs)) for name, globs in raw["match"]),
            day(raw["valid_from"]),
            day(raw["valid_to"]),
        )
        for raw in body["rules"]
    )
    return Policy(body["idle"], spread(body["unattributed"]), spread(body["bill"]), rules)


def changed(policy: Policy, text: str) -> Policy:
    """Return a policy changed by `idle=separate,unattributed=even` or `unattributed=team:platform`; rules stay."""
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, _, value = part.partition("=")
        if key == "idle" and value in IDLE:
            policy = replace(policy, idle=value)
        elif key in ("unattributed", "bill") and (value in ("separate", *DRIVERS) or value.startswith("team:")):
            team = value.removeprefix("team:")
            spread = Spread("fixed", ((team, Decimal(1)),)) if value.startswith("team:") else Spread(value)
            policy = replace(policy, unattributed=spread) if key == "unattributed" else replace(policy, bill=spread)
        else:
            drivers = ", ".join(("separate", *DRIVERS, "team:NAME"))
            raise UsageError(
                f"policy {part!r} is none: write idle={'|'.join(IDLE)}, or unattributed= or bill= with one of {drivers}"
            )
    return policy


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, (Decimal, date)) else value
