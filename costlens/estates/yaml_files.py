"""Reads `assets.yml` and `teams.yml`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from costlens.errors import ConfigError
from costlens.estate import PERSON_FIELDS, Asset, Ownership, PrincipalRule, Team
from costlens.estates.reading import checked, nearest, read_yaml

_FIELDS = ("user", "role", "pool", "client", "account", "database", "schema", *PERSON_FIELDS)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class _Validity(_Entry):
    valid_from: date | None = None
    valid_to: date | None = None

    @model_validator(mode="after")
    def _is_a_span(self) -> _Validity:
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_from must be before valid_to")
        return self


class _Owner(_Validity):
    team: str = Field(min_length=1)


class _Asset(_Entry):
    key: str = Field(min_length=1)
    relations: list[str] = []
    team: str | None = Field(default=None, min_length=1)
    ownership: list[_Owner] = []
    owners: list[str] = []
    dbt_node: str | None = None
    kind: str = "table"
    tags: list[str] = []
    path: str | None = None
    upstream: list[str] = []


class _Assets(_Entry):
    assets: list[_Asset]


class _Rule(_Validity):
    user: str | None = None
    role: str | None = None
    pool: str | None = None
    client: str | None = None
    account: str | None = None
    database: str | None = None
    in_schema: str | None = Field(default=None, alias="schema")
    default_role: str | None = None
    granted_role: str | None = None
    email: str | None = None
    label: dict[str, str] = {}

    @model_validator(mode="after")
    def _names_one_thing(self) -> _Rule:
        if len(list(self.patterns())) != 1:
            raise ValueError(f"name exactly one of {', '.join(_FIELDS)}, label (one key)")
        return self

    def patterns(self) -> Iterator[tuple[str, str]]:
        for name in _FIELDS:
            if pattern := getattr(self, "in_schema" if name == "schema" else name):
                yield name, pattern
        for key, pattern in self.label.items():
            yield f"label:{key}", pattern


class _Team(_Entry):
    name: str = Field(min_length=1)
    slack: str | None = None
    cost_center: str | None = None
    email: str | None = None
    aliases: list[str] = []
    owns: list[_Rule] = []


class _Teams(_Entry):
    teams: list[_Team]


def read_assets(path: Path, precedence: int, teams: Sequence[str]) -> tuple[list[Asset], list[Ownership]]:
    """Return the assets of an `assets.yml` and who owns them; raises ConfigError with file and key.

    `teams` are the known teams; where there are any, a team that is not among them is an error.
    """
    body = checked(_Assets, read_yaml(path), str(path))
    assets: dict[str, Asset] = {}
    ownership: list[Ownership] = []
    for number, entry in enumerate(body.assets):
        where = f"{path}: assets[{number}]"
        if entry.key in assets:
            raise ConfigError(f"{where}.key: a second {entry.key!r}: an asset stands once in a file")
        assets[entry.key] = Asset(
            key=entry.key,
            relations=tuple(entry.relations),
            kind=entry.kind,
            owners=tuple(entry.owners),
            dbt_node=entry.dbt_node,
            tags=tuple(entry.tags),
            path=entry.path,
            upstream=tuple(entry.upstream),
            origin=path.name,
        )
        claims = [*entry.ownership, *([_Owner(team=entry.team)] if entry.team else [])]
        for claim in claims:
            if teams and claim.team not in teams:
                raise ConfigError(
                    f"{where}.team: no team {claim.team!r} in the teams file{nearest(claim.team, [*teams])}"
                )
            ownership.append(Ownership(entry.key, claim.team, claim.valid_from, claim.valid_to, path.name, precedence))
    return list(assets.values()), ownership


def read_teams(path: Path) -> tuple[list[Team], list[PrincipalRule]]:
    """Return the teams of a `teams.yml` and the rules by which queries are theirs; raises ConfigError with its key."""
    body = checked(_Teams, read_yaml(path), str(path))
    teams: dict[str, Team] = {}
    rules: list[PrincipalRule] = []
    for number, entry in enumerate(body.teams):
        if entry.name in teams:
            raise ConfigError(f"{path}: teams[{number}].name: a second {entry.name!r}: a team stands once in the file")
        teams[entry.name] = Team(entry.name, entry.slack, entry.cost_center, entry.email, tuple(entry.aliases))
        for rule in entry.owns:
            for name, pattern in rule.patterns():
                rules.append(PrincipalRule(entry.name, name, pattern, rule.valid_from, rule.valid_to))
    return list(teams.values()), rules
