"""Puts an estate together from the entries of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from costlens.errors import ConfigError
from costlens.estate import Asset, Estate, Ownership, Team
from costlens.estates.dbt import DBT, Manifest, read_manifest
from costlens.estates.ownership import conflicts
from costlens.estates.reading import checked, nearest
from costlens.estates.relations import parts_of
from costlens.estates.team_names import TeamNames
from costlens.estates.yaml_files import read_assets, read_teams

#: Lower wins: what a person wrote down for an asset, what the code says, who is named as owner.
_BY_HAND, _BY_CODE, _BY_OWNER = 10, 20, 90


class _Dbt(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    manifest: Path
    precedence: int = _BY_CODE


class _Yaml(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    file: Path
    precedence: int = _BY_HAND


def load_estate(assets: Sequence[Mapping[str, Any]], teams: Path | None, base: Path) -> Estate:
    """Load what the configuration's `assets` and `teams` name; relative paths start from `base`.

    An entry is `{yaml: FILE}` or `{dbt: {manifest: FILE}}`, each with an optional `precedence` (lower wins where two
    sources give an asset to two teams; YAML 10, dbt 20). Assets of one key become one; a YAML asset with a `dbt_node`
    gives its key to that node. Raises ConfigError with file and key.
    """
    team_list, rules = read_teams(base / teams) if teams else ([], [])
    names = [team.name for team in team_list]
    found: list[Asset] = []
    ownership: list[Ownership] = []
    told: list[str] = []
    for number, entry in enumerate(assets):
        part = _read(entry, f"costlens.yml: assets[{number}]", base, names)
        found += part.assets
        ownership += part.ownership
        told += part.conflicts
    keys = _keys_by_hand(found)
    merged = _merged(_renamed(asset, keys) for asset in found)
    ownership = [replace(c, asset=keys.get(c.asset, c.asset)) if c.origin == DBT else c for c in ownership]
    ownership += _by_owner(merged, ownership, team_list)
    unknown = dict.fromkeys(claim.team for claim in ownership if names and claim.team not in names)
    told += [f"team {team}: named by dbt, not in the teams file{nearest(team, names)}" for team in unknown]
    return Estate(
        assets=tuple(merged),
        ownership=tuple(ownership),
        teams=(*team_list, *(Team(name) for name in dict.fromkeys(c.team for c in ownership) if name not in names)),
        rules=tuple(rules),
        conflicts=(*told, *conflicts(ownership), *_shared_relations(merged)),
    )


def _read(entry: Mapping[str, Any], where: str, base: Path, teams: Sequence[str]) -> Manifest:
    kinds = [kind for kind in ("dbt", "yaml") if kind in entry]
    others = [str(key) for key in entry if key not in ("dbt", "yaml", "precedence")]
    if others:
        raise ConfigError(f"{where}: unknown key {others[0]!r}{nearest(others[0], ['dbt', 'yaml', 'precedence'])}")
    if len(kinds) != 1:
        raise ConfigError(f"{where}: name one of dbt, yaml")
    body = entry[kinds[0]]
    extra = {key: value for key, value in entry.items() if key == "precedence"}
    if kinds[0] == "dbt":
        dbt = checked(_Dbt, {**body, **extra} if isinstance(body, Mapping) else body, f"{where}.dbt")
        return read_manifest(base / dbt.manifest, dbt.precedence)
    file = checked(_Yaml, {"file": body, **extra}, f"{where}.yaml")
    listed, ownership = read_assets(base / file.file, file.precedence, teams)
    return Manifest(listed, ownership)


def _keys_by_hand(assets: Sequence[Asset]) -> dict[str, str]:
    """Return the key that dbt gives a node -> the key that a YAML file gives it."""
    by_hand = {asset.dbt_node: asset.key for asset in reversed(assets) if asset.dbt_node and asset.origin != DBT}
    return {asset.key: by_hand[asset.dbt_node] for asset in assets if asset.origin == DBT and asset.dbt_node in by_hand}


def _renamed(asset: Asset, keys: Mapping[str, str]) -> Asset:
    if asset.origin != DBT:
        return asset
    upstream = tuple(keys.get(key, key) for key in asset.upstream)
    return replace(asset, key=keys.get(asset.key, asset.key), upstream=upstream)


def _merged(assets: Iterable[Asset]) -> list[Asset]:
    """Make assets of one key into one; what was read first speaks first."""
    by_key: dict[str, Asset] = {}
    for asset in assets:
        known = by_key.get(asset.key)
        by_key[asset.key] = _both(known, asset) if known else asset
    return list(by_key.values())


def _both(first: Asset, second: Asset) -> Asset:
    spelt = {parts_of(relation) for relation in first.relations}
    return replace(
        first,
        relations=(*first.relations, *(name for name in second.relations if parts_of(name) not in spelt)),
        kind=first.kind if first.kind != "table" else second.kind,
        owners=tuple(dict.fromkeys((*first.owners, *second.owners))),
        dbt_node=first.dbt_node or second.dbt_node,
        tags=tuple(dict.fromkeys((*first.tags, *second.tags))),
        path=first.path or second.path,
        upstream=tuple(dict.fromkeys((*first.upstream, *second.upstream))),
        origin=first.origin if first.origin == second.origin else f"{first.origin}, {second.origin}",
    )


def _by_owner(assets: Iterable[Asset], ownership: Iterable[Ownership], teams: Iterable[Team]) -> Iterator[Ownership]:
    """Give an asset without a team to the one that its owners name: `growth`, `team:growth` or the team's address."""
    claimed = {claim.asset for claim in ownership}
    names = TeamNames(teams)
    for asset in assets:
        if asset.key in claimed or asset.kind == "test":
            continue
        if team := names.first(asset.owners):
            yield Ownership(asset.key, team, origin="owner", precedence=_BY_OWNER)


def _shared_relations(assets: Iterable[Asset]) -> Iterator[str]:
    holders: dict[tuple[str, ...], str] = {}
    for asset in assets:
        for relation in asset.relations:
            holder = holders.setdefault(parts_of(relation), asset.key)
            if holder != asset.key:
                yield f"relation {relation}: claimed by {holder} and {asset.key}: {holder} has it"
