"""Method `shape`: what the same statement was for whenever better evidence spoke, in the query's month or the 30 days before."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta
from typing import TYPE_CHECKING

import ibis

from costlens.attribute.verdicts import Traits, Verdict, equal_shares

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.scene import Scene, Voices

NAME = "shape"
_CONFIDENCE = 0.85
_DAYS_BEFORE = 30
_EPOCH = date(1970, 1, 1)


def speak(scene: Scene, voices: Voices) -> list[ir.Table]:
    """Return verdicts on queries that nothing spoke of, whose shape was one asset's only."""
    if "shape_assets" not in scene.facts or not scene.has("deed"):
        return []
    rows = scene.subjects.filter(scene.subjects["shape"].notnull())
    heard, names = scene.hear(rows, voices)
    heard = scene.materialise(heard.select("subject", "source", "day", "shape", "user", "deed_no", *names), "by_shape")
    combinations, outcomes = scene.outcomes(heard, names)
    spoke = [int(any(asset for asset, _, _ in outcome.rows)) for outcome in outcomes]
    columns = {name: [row[at] for row in combinations] for at, name in enumerate(names)}
    silent = scene.numbers({**columns, "spoke": spoke}, "spoke")
    silent = (
        heard.join(silent, names)
        .filter(ibis._.spoke == 0)
        .select("subject", "source", "day", "shape", "user", "deed_no")
    )
    evidence = scene.facts["shape_assets"].select("source", "shape", "asset", evidence_day="day")
    return _told(scene, _of_one_asset(scene, _telling(scene, silent), evidence))


def shape_assets(scene: Scene, voices: Voices, days: Collection[int]) -> ir.Table:
    """Return (source, day, shape, asset): which assets the queries of `days` were for, by the methods heard so far."""
    rows = scene.subjects.filter(scene.subjects["shape"].notnull() & scene.subjects.day.isin([*days]))
    heard, names = scene.hear(rows, voices)
    seen = scene.materialise(heard.select("source", "day", "shape", *names).distinct(), "seen_shapes")
    combinations, outcomes = scene.outcomes(seen, names)
    columns: dict[str, list[int]] = {name: [] for name in (*names, "asset_no")}
    assets: dict[str, int] = {}
    for combination, outcome in zip(combinations, outcomes, strict=True):
        for asset, _, _ in outcome.rows:
            if asset:
                for name, value in zip(names, combination, strict=True):
                    columns[name].append(value)
                columns["asset_no"].append(assets.setdefault(asset, len(assets)))
    told = seen.join(scene.numbers(columns, "told_assets"), names).select("source", "day", "shape", "asset_no")
    named = scene.named([*assets], "assets")
    joined = told.join(named, told.asset_no == named.no).select("source", "day", "shape", asset="value")
    return scene.materialise(joined.distinct(), "shape_assets")


def window(day: int) -> tuple[int, int]:
    """Return the days [first, last] whose evidence speaks of a day: its month and the 30 days before it."""
    when = _EPOCH + timedelta(days=day)
    first = when.replace(day=1)
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return min((first - _EPOCH).days, day - _DAYS_BEFORE), (following - _EPOCH).days - 1


def reached(days: Collection[int]) -> set[int]:
    """Return all days that evidence of `days` speaks of."""
    near = {day + step for day in days for step in range(-31, _DAYS_BEFORE + 1)}
    return {day for day in near if any(within(day, other) for other in days)}


def within(day: int, evidence_day: int) -> bool:
    """Tell whether evidence of a day speaks of another."""
    low, high = window(day)
    return low <= evidence_day <= high


def _telling(scene: Scene, silent: ir.Table) -> ir.Table:
    """Leave out statements that name no relation (they are everybody's) and those of persons (they are theirs)."""
    naming = scene.numbers({"no": [n for n, deed in scene.deeds.items() if deed.targets or deed.sources]}, "naming")
    known = scene.known
    users = [row["user"] for row in scene.rows(silent.select("user").distinct()) if row["user"]]
    persons = scene.named([user for user in users if known.environment_of_user(user) == "development"], "persons")
    return silent.semi_join(naming, silent.deed_no == naming.no).anti_join(persons, silent.user == persons.value)


def _of_one_asset(scene: Scene, silent: ir.Table, evidence: ir.Table) -> ir.Table:
    """Return (subject, asset) of the queries whose shape was one asset's within their window."""
    asked = scene.materialise(silent.select("source", "day", "shape").distinct(), "asked_shapes")
    days = sorted({row["day"] for row in scene.rows(asked.select("day").distinct())})
    windows = [(day, *window(day)) for day in days]
    lists = [list(column) for column in zip(*windows, strict=True)] if windows else [[], [], []]
    spans = scene.numbers(dict(zip(("span_day", "low", "high"), lists, strict=True)), "windows")
    asked = asked.join(spans, asked.day == spans.span_day)
    joined = asked.join(evidence, ["source", "shape"])
    within = joined.filter((joined.evidence_day >= joined.low) & (joined.evidence_day <= joined.high))
    single = within.group_by("source", "day", "shape").agg(asset=within.asset.min(), other=within.asset.max())
    single = single.filter(single.asset == single.other).drop("other")
    return scene.materialise(silent.join(single, ["source", "day", "shape"]).select("subject", "asset"), "of_one_asset")


def _told(scene: Scene, found: ir.Table) -> list[ir.Table]:
    assets = [row["asset"] for row in scene.rows(found.select("asset").distinct().order_by("asset"))]
    if not assets:
        return []
    text = "the same statement was for it in the month or the 30 days before"
    verdicts = [Verdict(NAME, _CONFIDENCE, text, equal_shares([asset]), traits=Traits()) for asset in assets]
    named = scene.named(assets, "shape_verdicts", [scene.verdicts.number(verdict) for verdict in verdicts])
    return [
        scene.materialise(
            found.join(named, found.asset == named.value).select("subject", verdict="no"), "said_by_shape"
        )
    ]
