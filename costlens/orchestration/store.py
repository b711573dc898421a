"""Keeps, per orchestrator, what it remembers between pulls, and the assets and owners that it told, with their history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from costlens.estate import Asset, Catalog, Ownership
from costlens.ledger.database import orchestrators

if TYPE_CHECKING:
    from costlens.ledger.database import Database


@dataclass(frozen=True)
class Held:
    """What is kept of one orchestrator."""

    state: dict[str, Any]
    catalog: Catalog
    pulled_at: datetime | None = None


def load(database: Database, name: str) -> Held:
    """Return what is kept of an orchestrator; nothing at first."""
    query = sa.select(orchestrators).where(orchestrators.c.source == name)
    with database.read() as connection:
        row = connection.execute(query).first()
    return Held(row.state, _catalog(row.catalog), row.pulled_at) if row else Held({}, Catalog())


def save(database: Database, name: str, held: Held) -> None:
    """Keep this of an orchestrator, in place of what was kept."""
    values = {"state": held.state, "catalog": _plain(held.catalog), "pulled_at": held.pulled_at}
    with database.write() as connection:
        connection.execute(sa.delete(orchestrators).where(orchestrators.c.source == name))
        connection.execute(sa.insert(orchestrators).values(source=name, **values))


def renewed(
    known: Catalog, assets: Iterable[Asset], *, is_complete: bool, day: date, origin: str, precedence: int
) -> Catalog:
    """Return a catalog with the assets as told on `day`; told in parts, an asset without owners keeps those it had.

    An orchestrator tells who owns an asset now, not since when: owners that are first told have always been; where others
    were told before, these end on `day` and the new ones begin.
    """
    told = {asset.key: asset for asset in assets}
    kept = {} if is_complete else {asset.key: asset for asset in known.assets}
    told = {key: _both(kept.get(key), asset) for key, asset in told.items()}
    merged = {**kept, **told}
    claims = [
        replace(claim, valid_to=day)
        if claim.valid_to is None and claim.asset in told and claim.team not in told[claim.asset].owners
        else claim
        for claim in known.ownership
    ]
    before = {claim.asset for claim in known.ownership}
    open_ones = {(claim.asset, claim.team) for claim in claims if claim.valid_to is None}
    for asset in told.values():
        since = day if asset.key in before else None
        claims += [
            Ownership(asset.key, owner, since, None, origin, precedence)
            for owner in asset.owners
            if (asset.key, owner) not in open_ones
        ]
    lasting = [claim for claim in claims if claim.valid_from is None or claim.valid_from != claim.valid_to]
    return Catalog(
        tuple(sorted(merged.values(), key=lambda asset: asset.key)),
        tuple(replace(claim, precedence=precedence) for claim in lasting),
    )


def _both(known: Asset | None, told: Asset) -> Asset:
    if known is None:
        return told
    return replace(
        told,
        relations=tuple(dict.fromkeys((*told.relations, *known.relations))),
        owners=told.owners or known.owners,
        path=told.path or known.path,
    )


def _plain(catalog: Catalog) -> dict[str, Any]:
    ownership = [
        {key: value.isoformat() if isinstance(value, date) else value for key, value in asdict(claim).items()}
        for claim in catalog.ownership
    ]
    return {"assets": [asdict(asset) for asset in catalog.assets], "ownership": ownership}


def _catalog(body: dict[str, Any]) -> Catalog:
    assets = [_asset(asset) for asset in body["assets"]]
    ownership = [Ownership(**{**claim, **_span(claim)}) for claim in body["ownership"]]
    return Catalog(tuple(assets), tuple(ownership))


def _asset(body: dict[str, Any]) -> Asset:
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in body.items()}
    return Asset(**values)


def _span(claim: dict[str, Any]) -> dict[str, date | None]:
    return {key: date.fromisoformat(claim[key]) if claim[key] else None for key in ("valid_from", "valid_to")}
