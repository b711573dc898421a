"""The estate: assets, teams and who owns what, when. Values only; loading is in `costlens.estates`, storing in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True)
class Asset:
    """A data asset; `relations` are its names in warehouses, `dbt_node` its dbt unique id."""

    key: str
    relations: tuple[str, ...] = ()
    kind: str = "table"
    owners: tuple[str, ...] = ()
    dbt_node: str | None = None
    tags: tuple[str, ...] = ()
    path: str | None = None
    upstream: tuple[str, ...] = ()
    origin: str = "yaml"


@dataclass(frozen=True)
class Ownership:
    """A team owns an asset within [valid_from, valid_to); None = open. Lower `precedence` wins."""

    asset: str
    team: str
    valid_from: date | None = None
    valid_to: date | None = None
    origin: str = "yaml"
    precedence: int = 0


@dataclass(frozen=True)
class Team:
    """A team that pays."""

    name: str
    slack: str | None = None
    cost_center: str | None = None
    email: str | None = None
    aliases: tuple[str, ...] = ()
    """How code hosts and orchestrators name it: `@acme/growth`, a member's handle or address."""


@dataclass(frozen=True)
class Catalog:
    """What one orchestrator told of assets; the teams of its `ownership` are owners as it writes them."""

    assets: tuple[Asset, ...] = ()
    ownership: tuple[Ownership, ...] = ()


@dataclass(frozen=True)
class PrincipalRule:
    """What matches belongs to the team: `field` is user, role, pool, client, account, database, schema or `label:<key>`;
    `pattern` a case-insensitive glob."""

    team: str
    field: str
    pattern: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class Estate:
    """All that attribution needs to know of a company."""

    assets: tuple[Asset, ...] = ()
    ownership: tuple[Ownership, ...] = ()
    teams: tuple[Team, ...] = ()
    rules: tuple[PrincipalRule, ...] = ()
    conflicts: tuple[str, ...] = field(default=())
