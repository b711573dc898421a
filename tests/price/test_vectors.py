"""Worlds with known answers are priced as the vendors bill them, and every one of them balances."""

from __future__ import annotations

import pytest

from .vectors import VECTORS
from .world import BIGQUERY, SNOWFLAKE, Row, book, charges_of_all

AFTER_ALL = 40_000 * 86_400_000_000


@pytest.fixture(scope="module")
def charges() -> dict[str, list[Row]]:
    """Price all vectors, those of one warehouse together."""
    worlds = {name: make()[0] for name, make in VECTORS.items()}
    found: dict[str, list[Row]] = {}
    for billing in (SNOWFLAKE, BIGQUERY):
        found |= charges_of_all(
            {name: world for name, world in worlds.items() if world.billing is billing}, as_of=AFTER_ALL
        )
    return found


@pytest.mark.parametrize("name", VECTORS)
def test_vector(name: str, charges: dict[str, list[Row]]) -> None:
    assert book(charges[name]) == pytest.approx(VECTORS[name]()[1], abs=1e-9, rel=0)
