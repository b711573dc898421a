"""Cents add up."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from costlens.rounding import CENT, rounded

amounts = st.lists(st.decimals("-1e9", "1e9", places=12), max_size=40)


@given(amounts)
def test_rounded_amounts_add_up_to_the_rounded_total(values: list[Decimal]) -> None:
    cents = rounded(values)
    assert sum(cents, Decimal(0)) == sum(values, Decimal(0)).quantize(CENT)
    assert all(abs(cent - value) < CENT for cent, value in zip(cents, values, strict=True))


def test_rounding_each_by_itself_would_not_add_up() -> None:
    thirds = [Decimal("33.335")] * 3
    assert sum((value.quantize(CENT) for value in thirds), Decimal(0)) != Decimal("100.01").quantize(CENT)
    assert sum(rounded(thirds), Decimal(0)) == Decimal("100.00")  # 100.005, half to even
    assert rounded([Decimal("0.004"), Decimal("0.006")]) == [Decimal("0.00"), Decimal("0.01")]
