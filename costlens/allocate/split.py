"""Splits amounts by weights so that the parts add up to the whole in the last of twelve decimal places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.price.times import Steps

EXACT = "decimal(38, 12)"


def parts(rows: ir.Table, key: str, amounts: Sequence[str], order: Sequence[str], materialise: Steps) -> ir.Table:
    """Replace each of `amounts`, the whole on every row of a `key`, by the row's part of it by `weight`; drops `weight`.

    Weights are decimals of at least zero, of which one is more; `order` tells the rows of a key apart. Parts are rounded down and the
    first row takes what is left: sums are exact, whatever order the rows come in. (Joined sums, since windows take five times as long.)
    """
    words: ir.Value = ibis.literal("")
    for name in order:
        words = words + rows[name].fill_null("") + ibis.literal("\x1f")
    rows = materialise(rows.mutate(split_place=words), "to_split")
    sums = rows.group_by(key).agg(split_total=rows.weight.sum().cast("float64"), split_first=rows.split_place.min())
    joined = rows.join(sums, key)
    ratio = joined.weight.cast("float64") / joined.split_total
    cut = materialise(
        joined.mutate(**{f"split_{name}": _rounded_down(joined[name], ratio) for name in amounts}), "split"
    )
    left = cut.group_by(key).agg(
        **{f"left_{name}": (cut[name].max() - cut[f"split_{name}"].sum()).cast(EXACT) for name in amounts}
    )
    met = cut.join(left, key)
    zero = ibis.literal(0).cast(EXACT)
    is_first = met.split_place == met.split_first
    final = {
        name: (met[f"split_{name}"] + ibis.ifelse(is_first, met[f"left_{name}"], zero)).cast(EXACT) for name in amounts
    }
    extra = [f"{prefix}_{name}" for prefix in ("split", "left") for name in amounts]
    return met.mutate(**final).drop("weight", "split_place", "split_total", "split_first", *extra)


def _rounded_down(amount: ir.Value, ratio: ir.Value) -> ir.Value:
    """Return amount x ratio, in the places that a double is sure of."""
    return ((amount.cast("float64") * ratio * 1e10).floor() / 1e10).cast(EXACT)
