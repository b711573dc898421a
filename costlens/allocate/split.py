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
    rows = materialise(rows.mutate(split_place=_text(rows, order)), "to_split")
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


def shared(rows: ir.Table, amounts: Sequence[str], total: ir.Value) -> dict[str, ir.Value]:
    """Return the part of each of `amounts` that `weight` is of `total`, rounded down; `settled` gives out what is left of sums of them."""
    ratio = rows.weight.cast("float64") / total.cast("float64")
    return {name: _rounded_down(rows[name], ratio, 1e12) for name in amounts}


def settled(
    rows: ir.Table,
    whole: ir.Table,
    key: Sequence[str],
    amounts: Sequence[str],
    order: Sequence[str],
    materialise: Steps,
) -> ir.Table:
    """Return `rows` so that `amounts` add up to those of `whole` for each `key`: the first by `order` takes what the others leave.

    Keys may be null; each one of `whole` must be met by a row, and no row have one that is not there.
    """
    names = [f"left_{name}" for name in amounts]
    owed = _keyed(whole, key).group_by("settle_key").agg(**{f"owed_{n}": whole[n].sum() for n in amounts})
    rows = materialise(_keyed(rows, key).mutate(settle_place=_text(rows, order)), "to_settle")
    given = rows.group_by("settle_key").agg(
        settle_first=rows.settle_place.min(), **{f"given_{n}": rows[n].sum() for n in amounts}
    )
    left = owed.join(given, "settle_key")
    left = left.select(
        "settle_key", "settle_first", **{f"left_{n}": left[f"owed_{n}"] - left[f"given_{n}"] for n in amounts}
    )
    met = rows.left_join(left, [rows.settle_key == left.settle_key, rows.settle_place == left.settle_first])
    zero = ibis.literal(0).cast(EXACT)
    final = {n: (met[n] + met[f"left_{n}"].cast(EXACT).fill_null(zero)).cast(EXACT) for n in amounts}
    met = met.mutate(**final)
    return met.drop(
        "settle_key", "settle_place", "settle_first", *names, *(n for n in met.columns if n.endswith("_right"))
    )


def _keyed(rows: ir.Table, key: Sequence[str]) -> ir.Table:
    return rows.mutate(settle_key=_text(rows, key))


def _text(rows: ir.Table, names: Sequence[str]) -> ir.Value:
    """Return columns as one text that is never null and tells null from the empty text."""
    found: ir.Value = ibis.literal("")
    for name in names:
        found = found + rows[name].cast("string").fill_null("\x1e") + ibis.literal("\x1f")
    return found


def _rounded_down(amount: ir.Value, ratio: ir.Value, places: float = 1e10) -> ir.Value:
    """Return amount x ratio, in the places that a double is sure of."""
    return ((amount.cast("float64") * ratio * places).floor() / places).cast(EXACT)
