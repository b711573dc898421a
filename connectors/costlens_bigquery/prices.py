"""Prices of BigQuery: the dated list in `prices.csv`, and what the settings say instead."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files

from costlens.connector import Rate
from costlens_bigquery.services import SKUS
from costlens_bigquery.settings import Rates, RegionRates


@cache
def list_rates() -> tuple[Rate, ...]:
    """Return Google's list prices: one rate per service, region and the day from which it held.

    A region that is not listed has no rate. Prices differ by up to 80 % between regions, so none is guessed.
    """
    text = (files("costlens_bigquery") / "prices.csv").read_text(encoding="utf-8")
    skus = {sku.kind: sku for sku in SKUS}
    return tuple(
        Rate(
            service,
            row["unit"],
            Decimal(row["price"]),
            row["currency"],
            row["origin"],
            region=row["region"],
            valid_from=date.fromisoformat(row["valid_from"]),
            list_price=Decimal(row["price"]),
        )
        for row in csv.DictReader(text.splitlines())
        for service in skus[row["sku_kind"]].services
    )


def configured_rates(rates: Rates) -> tuple[Rate, ...]:
    """Return the prices of the settings, those of single regions first."""
    found = [rate for region, prices in rates.regions.items() for rate in _rates(prices, rates.currency, region)]
    return (*found, *_rates(rates, rates.currency, None))


def unpriced(region: str, rates: tuple[Rate, ...]) -> list[str]:
    """Return the kinds of price that nothing says for a region."""
    known = {rate.service for rate in rates if rate.region in (None, region)}
    return [sku.kind for sku in SKUS if not known.issuperset(sku.services)]


def _rates(prices: RegionRates, currency: str, region: str | None) -> Iterator[Rate]:
    for sku in SKUS:
        price = getattr(prices, sku.kind)
        if price is not None:
            for service in sku.services:
                yield Rate(service, sku.unit, price, currency, "configured", region=region)
