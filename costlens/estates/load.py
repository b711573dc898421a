"""Puts an estate together from the entries of the configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from costlens import registry
from costlens.errors import ConfigError
from costlens.estate import Asset, Catalog, Estate, Ownership, Team
from costlens.estates.codeowners import read_codeowners
from costlens.estates.dbt import DBT, Manifest, read_manifest
from costlens.estates.ownership import conflicts
from costlens.estates.reading import checked, nearest
from costlens.estates.relations import parts_of
from costlens.estates.team_names import TeamNames
from costlens.estates.united import merged as _merged
from costlens.estates.united import united
from costlens.estates.yaml_files import read_assets, read_teams

#: Lower wins: what a person wrote down for an asset, what the code says, whose file it is, who is named as owner.
#: Orchestrators stand between, by their own `precedence`.
_BY_HAND, _BY_CODE, _BY_FILE, _BY_OWNER = 10, 20, 60, 90
_WORDS = ("codeowners", "dbt", "yaml")
_BESIDE = ("name", "precedence")


class _Dbt(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)  # the orchestrator's settings refuse the rest

    manifest: Path
    precedence: int = _BY_CODE


class _CodeOwners(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    file: Path
    root: str = ""
    precedence: int = _BY_FILE


class _Yaml(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    file: Path
    precedence: int = _BY_HAND


def load_estate(
    assets: Sequence[Mapping[str, Any]],
    teams: Path | None,
    base: Path,
    catalogs: Mapping[str, Catalog] | None = None,
) -> Estate:
    """Load what the configuration's `assets` and `teams` name; relative paths start from `base`.

    An entry is `{yaml: FILE}`, `{codeowners: {file: FILE, root: FOLDER}}`, `{dbt: {manifest: FILE}}` or an orchestrator,
    which `catalogs` has by its name, in the order in which they speak. Each may have a `precedence`: lower wins where two
    sources give an asset to two teams; YAML 10, dbt 20, orchestrators 30 to 50, CODEOWNERS 60. Assets of one key become one,
    and so does what an orchestrator tells of a relation that an asset has; a YAML asset with a `dbt_node` gives its key to
    that node. Raises ConfigError with file and key.
    """
    team_list, rules = read_teams(base / teams) if teams else ([], [])
    names = [team.name for team in team_list]
    found: list[Asset] = []
    ownership: list[Ownership] = []
    told: list[str] = []
    files: list[_CodeOwners] = []
    for number, entry in enumerate(assets):
        part = _read(entry, f"costlens.yml: assets[{number}]", base, names, files)
        found += part.assets
        ownership += part.ownership
        told += part.conflicts
    keys = _keys_by_hand(found)
    merged = _merged(_renamed(asset, keys) for asset in found)
    ownership = [replace(c, asset=keys.get(c.asset, c.asset)) if c.origin == DBT else c for c in ownership]
    listed = TeamNames(team_list)
    merged, claims = united(merged, (catalogs or {}).values(), listed)
    ownership += claims
    for file in files:
        ownership += _by_file(merged, file, base, listed)
    ownership += _by_owner(merged, ownership, listed)
    unknown = dict.fromkeys(claim.team for claim in ownership if names and claim.team not in names)
    told += [f"team {team}: named by dbt, not in the teams file{nearest(team, names)}" for team in unknown]
    return Estate(
        assets=tuple(merged),
        ownership=tuple(ownership),
        teams=(*team_list, *(Team(name) for name in dict.fromkeys(c.team for c in ownership) if name not in names)),
        rules=tuple(rules),
        conflicts=(*told, *conflicts(ownership), *_shared_relations(merged)),
    )


def _read(entry: Mapping[str, Any], where: str, base: Path, teams: Sequence[str], files: list[_CodeOwners]) -> Manifest:
    known = sorted({*_WORDS, *registry.orchestrator_entry_points()})
    kinds = [kind for kind in known if kind in entry]
    others = [str(key) for key in entry if key not in known and key not in _BESIDE]
    if others:
        raise ConfigError(f"{where}: unknown key {others[0]!r}{nearest(others[0], [*known, *_BESIDE])}")
    if len(kinds) != 1:
        raise ConfigError(f"{where}: name one of {', '.join(known)}")
    kind, body = kinds[0], entry[kinds[0]]
    extra = {key: value for key, value in entry.items() if key == "precedence"}
    if kind == "dbt":
        dbt = checked(_Dbt, {**body, **extra} if isinstance(body, Mapping) else body, f"{where}.dbt")
        return read_manifest(base / dbt.manifest, dbt.precedence)
    if kind == "codeowners":
        body = body if isinstance(body, Mapping) else {"file": body}
        files.append(checked(_CodeOwners, {**body, **extra}, f"{where}.codeowners"))
        return Manifest()
    if kind != "yaml":
        return Manifest()
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


def _by_file(assets: Iterable[Asset], file: _CodeOwners, base: Path, names: TeamNames) -> Iterator[Ownership]:
    """Give an asset to the team that owns its file, `root` being the folder within the repository that paths start from."""
    rules = read_codeowners(base / file.file)
    for asset in assets:
        if not asset.path or asset.kind == "test":
            continue
        owned = rules.of(f"{file.root}/{asset.path}")
        if owned and (team := names.first(owned.owners)):
            yield Ownership(asset.key, team, origin="CODEOWNERS", precedence=file.precedence)


def _by_owner(assets: Iterable[Asset], ownership: Iterable[Ownership], names: TeamNames) -> Iterator[Ownership]:
    """Give an asset without a team to the one that its owners name: `growth`, `team:growth` or the team's address."""
    claimed = {claim.asset for claim in ownership}
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
