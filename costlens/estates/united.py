"""Makes one asset of what several sources tell: by key, by dbt node, and by the relation that it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from costlens.estate import Asset, Catalog, Ownership
from costlens.estates.relations import parts_of
from costlens.estates.team_names import TeamNames


def merged(assets: Iterable[Asset]) -> list[Asset]:
    """Make assets of one key into one; what was read first speaks first."""
    by_key: dict[str, Asset] = {}
    for asset in assets:
        known = by_key.get(asset.key)
        by_key[asset.key] = _both(known, asset) if known else asset
    return list(by_key.values())


def united(
    assets: Sequence[Asset], catalogs: Iterable[Catalog], names: TeamNames
) -> tuple[list[Asset], list[Ownership]]:
    """Return the assets with those of catalogs, and what these say of ownership in terms of teams.

    An asset of a catalog is one that is known where it has its key, its dbt node or one of its relations in any spelling; else
    it is added. Of the owners that a catalog tells together the first that is a team counts; persons own nothing.
    """
    found = list(assets)
    claims: list[Ownership] = []
    for catalog in catalogs:
        keys = dict(_known_as(found, catalog.assets))
        found = merged([*found, *(_under(asset, keys) for asset in catalog.assets)])
        claims += _in_teams(catalog.ownership, keys, names)
    return found, claims


def _known_as(known: Iterable[Asset], told: Iterable[Asset]) -> Iterator[tuple[str, str]]:
    """Yield (key as told, key that it is known under)."""
    keys: set[str] = set()
    nodes: dict[str, str] = {}
    relations: dict[tuple[str, ...], str] = {}
    for asset in known:
        keys.add(asset.key)
        if asset.dbt_node:
            nodes.setdefault(asset.dbt_node, asset.key)
        for relation in asset.relations:
            relations.setdefault(parts_of(relation), asset.key)
    for asset in told:
        if asset.key in keys:
            continue
        by_relation = (relations.get(parts_of(name)) for name in (*asset.relations, asset.key))
        key = nodes.get(asset.dbt_node or asset.key) or next(filter(None, by_relation), None)
        if key:
            yield asset.key, key
            continue
        for relation in asset.relations:  # told twice under two names, it is one too
            relations.setdefault(parts_of(relation), asset.key)


def _under(asset: Asset, keys: dict[str, str]) -> Asset:
    upstream = tuple(keys.get(key, key) for key in asset.upstream)
    return replace(asset, key=keys.get(asset.key, asset.key), upstream=upstream)


def _in_teams(ownership: Iterable[Ownership], keys: dict[str, str], names: TeamNames) -> Iterator[Ownership]:
    taken: set[tuple[object, ...]] = set()
    for claim in ownership:
        team = names.team(claim.team)
        asset = keys.get(claim.asset, claim.asset)
        together = (asset, claim.valid_from, claim.valid_to)
        if team and together not in taken:
            taken.add(together)
            yield replace(claim, asset=asset, team=team)


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
