"""The estate: assets, teams and who owns what, when. Values only; loading is in `costlens.estates`, storing in the ledger."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

#: What warehouses say of a user that a team's rule may look at.
PERSON_FIELDS = ("default_role", "granted_role", "email")


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
    """What matches belongs to the team: `field` is user, role, pool, client, account, database, schema or `label:<key>`, or of whoever
    sent the query default_role, granted_role or email; `pattern` a case-insensitive glob."""

    team: str
    field: str
    pattern: str
    valid_from: date | None = None
    valid_to: date | None = None


@dataclass(frozen=True)
class Membership:
    """A person, by a name or address in lower case, works for a team within [valid_from, valid_to); `because` says what tells it."""

    team: str
    person: str
    because: str
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
    people: tuple[Membership, ...] = ()
    """Follows from the rules and from what warehouses say of their users; kept with neither."""
