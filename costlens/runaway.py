"""Runaways: what runs now, what it has cost so far, and whether that is too much. The money is provisional; nothing is cancelled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from costlens.masking import mask_text, shape_of
from costlens.reading import day_number
from costlens.settings.alerts import Settings

if TYPE_CHECKING:
    from costlens.connector import Billing, Connector
    from costlens.engine import Engine
    from costlens.estate import Estate
    from costlens.ledger import Ledger, Snapshot

_TIB = Decimal(1 << 40)
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
HISTORY_DAYS = 30
#: By its shape's history a query is told of from this part of `runaway_money` on: five times nothing is nothing.
LEAST = Decimal("0.2")
CENT = Decimal("0.01")


@dataclass(frozen=True)
class Running:
    """A query under way; `text` is masked. `usual` is what its shape's runs cost at the 95th percentile, None = never seen."""

    source: str
    query_id: str
    user: str | None
    pool: str | None
    pool_size: str | None
    started_at: datetime
    text: str | None
    shape: str | None
    cost: Decimal
    currency: str
    basis: str
    """How the money is told: the pool's size, slots, or bytes so far."""
    usual: Decimal | None = None
    team: str | None = None


def runaways(
    connector: Connector,
    rows: Sequence[Mapping[str, Any]],
    ledger: Ledger,
    snapshot: Snapshot,
    engine: Engine,
    settings: Settings,
    at: datetime,
) -> tuple[Running, ...]:
    """Return the queries of `rows` (as `Connector.normalise_running` makes them) that cost more by now than they should, dearest first."""
    prices = _prices(connector, ledger, snapshot, engine, at)
    estate = ledger.estate(snapshot)
    candidates = []
    for row in rows:
        priced = _cost(row, connector.billing, prices, at)
        if priced is None or priced[0] < settings.runaway_money * LEAST:
            continue
        cost, currency, basis = priced
        text = mask_text(row["text"], connector.dialect) if row["text"] else None
        shape = row["shape_hint"] or (shape_of(row["text"], connector.dialect) if row["text"] else None)
        candidates.append(
            Running(
                connector.settings.name,
                row["query_id"],
                row["user"],
                row["pool"],
                row["pool_size"],
                _time(row["started_at"]),
                text,
                shape,
                cost.quantize(CENT),
                currency,
                basis,
                team=_team(row, estate, at),
            )
        )
    usual = _usual(
        connector.settings.name, {one.shape for one in candidates if one.shape}, ledger, snapshot, engine, at
    )
    told = [_with(one, usual.get(one.shape or "")) for one in candidates]
    found = [one for one in told if _is_too_much(one, settings)]
    return tuple(sorted(found, key=lambda one: (-one.cost, one.query_id)))


def _is_too_much(one: Running, settings: Settings) -> bool:
    if one.cost >= settings.runaway_money and (one.usual is None or one.cost > one.usual):
        return True
    return one.usual is not None and one.cost >= one.usual * Decimal(str(settings.runaway_times))


def _with(one: Running, usual: Decimal | None) -> Running:
    return replace(one, usual=usual)


def _cost(
    row: Mapping[str, Any], billing: Billing, prices: Mapping[tuple[str, str | None], tuple[Decimal, str]], at: datetime
) -> tuple[Decimal, str, str] | None:
    """Return what a query has cost so far, its currency and how that is told; None where it costs nothing or nobody can tell."""
    seconds = max((at - _time(row["started_at"])).total_seconds(), 0)
    kind = row["pool_kind"]
    if kind == "reservation":
        units, unit, basis = Decimal(row["slot_ms"] or 0) / 3_600_000, "slot-hours", "slots so far"
    elif kind == "on-demand":
        units, unit, basis = Decimal(row["bytes"] or 0) / _TIB, "TiB", "bytes so far"
    else:
        rates = {rate.size: rate for rate in billing.size_rates if rate.pool_kind == kind}
        rate = rates.get(row["pool_size"] or "")
        if rate is None:
            return None
        units = Decimal(str(rate.units_per_hour)) * Decimal(str(seconds)) / 3600
        unit, basis = billing.pool_unit, "the pool's size, as if it ran alone on one cluster"
    price = prices.get((unit, row["region"])) or prices.get((unit, None))
    return None if price is None or not units else (units * price[0], price[1], basis)


def _prices(
    connector: Connector, ledger: Ledger, snapshot: Snapshot, engine: Engine, at: datetime
) -> dict[tuple[str, str | None], tuple[Decimal, str]]:
    """Return the newest price by unit and region: what the ledger resolved, else what is configured or listed."""
    billing = connector.billing
    services = {billing.pool_service, billing.bytes_service} - {None}
    found: dict[tuple[str, str | None], tuple[Decimal, str]] = {}
    for rate in reversed(connector.rates()):
        if (rate.service in services or rate.unit == "slot-hours") and (
            rate.valid_to is None or at.date() < rate.valid_to
        ):
            found[(rate.unit, rate.region)] = (rate.price, rate.currency)
    since = day_number((at - timedelta(days=60)).date())
    rows = ledger.table("rates", snapshot, engine, source=connector.settings.name, since=since)
    rows = rows.filter(
        (rows.feed == "resolved") & (rows.service.isin(sorted(str(s) for s in services)) | (rows.unit == "slot-hours"))
    )
    for row in engine.rows(rows.select("day", "unit", "region", "price", "currency").order_by(["day", "price"])):
        if row["price"] is not None:
            found[(row["unit"], row["region"])] = found[(row["unit"], None)] = (row["price"], row["currency"])
    return found


def _usual(
    source: str, shapes: set[str], ledger: Ledger, snapshot: Snapshot, engine: Engine, at: datetime
) -> dict[str, Decimal]:
    """Return what runs of each shape cost at the 95th percentile in the last thirty days."""
    if not shapes:
        return {}
    since = day_number((at - timedelta(days=HISTORY_DAYS)).date())
    asked = ledger.table("queries", snapshot, engine, source=source, since=since, columns=["query_id", "shape"])
    asked = asked.filter(asked["shape"].isin(sorted(shapes)))
    paid = ledger.table("charges", snapshot, engine, source=source, since=since, columns=["query_id", "cost"])
    paid = paid.filter(paid.query_id.notnull()).group_by("query_id").agg(cost=paid.cost.sum().cast("float64"))
    joined = asked.join(paid, "query_id")
    rows = engine.rows(joined.group_by("shape").agg(usual=joined.cost.quantile(0.95)))
    return {row["shape"]: Decimal(repr(row["usual"])).quantize(CENT) for row in rows}


def _team(row: Mapping[str, Any], estate: Estate, at: datetime) -> str | None:
    """Return the team that a rule names for the query's user, role or pool: assets are known when it has ended."""
    today = at.date()
    for rule in estate.rules:
        value = row.get(rule.field)
        is_valid = (rule.valid_from is None or rule.valid_from <= today) and (
            rule.valid_to is None or today < rule.valid_to
        )
        if value and is_valid and fnmatchcase(str(value).casefold(), rule.pattern.casefold()):
            return rule.team
    return None


def _time(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
