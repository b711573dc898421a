"""Splits amounts by weights so that the parts add up to the whole in the last of twelve decimal places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

EXACT = "decimal(38, 12)"


def parts(rows: ir.Table, key: str, amounts: Sequence[str], order: Sequence[str]) -> ir.Table:
    """Replace each of `amounts`, the whole on every row of a `key`, by the row's part of it by `weight`; drops `weight`.

    Weights are decimals of at least zero, of which one is more. Parts are rounded down and the row with the largest weight,
    then the first by `order`, takes what is left: sums are exact, whatever order the rows come in.
    """
    by_key = ibis.window(group_by=key)
    total = rows.weight.sum().over(by_key).cast("float64")
    first = ibis.window(group_by=key, order_by=[rows.weight.desc(), *(rows[name].fill_null("") for name in order)])
    rows = rows.mutate(split_ratio=rows.weight.cast("float64") / total, split_rank=ibis.row_number().over(first))
    rows = rows.mutate(**{f"split_{name}": _rounded_down(rows[name], rows.split_ratio) for name in amounts})
    by_key = ibis.window(group_by=key)
    left = {name: (rows[name] - rows[f"split_{name}"].sum().over(by_key)).cast(EXACT) for name in amounts}
    rows = rows.mutate(**{f"left_{name}": value for name, value in left.items()})
    zero = ibis.literal(0).cast(EXACT)
    final = {
        name: (rows[f"split_{name}"] + ibis.ifelse(rows.split_rank == 0, rows[f"left_{name}"], zero)).cast(EXACT)
        for name in amounts
    }
    extra = [f"{prefix}_{name}" for prefix in ("split", "left") for name in amounts]
    return rows.mutate(**final).drop("weight", "split_ratio", "split_rank", *extra)


def _rounded_down(amount: ir.Value, ratio: ir.Value) -> ir.Value:
    """Return amount x ratio, in the places that a double is sure of."""
    return ((amount.cast("float64") * ratio * 1e10).floor() / 1e10).cast(EXACT)
