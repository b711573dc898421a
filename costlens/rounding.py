"""Rounds amounts so that they still add up: the largest remainders take the odd cents."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


def rounded(amounts: Sequence[Decimal], total: Decimal | None = None, unit: Decimal = CENT) -> list[Decimal]:
    """Round each amount to `unit` so that they add up to the rounded total; each moves by less than one unit.

    Largest remainder: all are rounded down, then those with the largest part cut off get one unit each. Equal remainders go by
    position. `total` is the sum unless given.
    """
    wanted = (sum(amounts, Decimal(0)) if total is None else total).quantize(unit, ROUND_HALF_EVEN)
    floors = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
    missing = int((wanted - sum(floors, Decimal(0))) / unit)
    order = sorted(range(len(amounts)), key=lambda i: (floors[i] - amounts[i], i))
    for i in order[:missing]:
        floors[i] += unit
    return floors
