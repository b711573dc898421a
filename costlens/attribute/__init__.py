"""Attributes queries, objects and pools to assets and teams: evidence in order, the first that speaks wins.

A method is one module with `NAME` and `speak(scene, voices)`, listed once in `METHODS`. It returns tables: key columns
of `Scene.subjects` and the number of a verdict. `voices` is what the methods before it said; `decide` alone decides.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict
from hashlib import blake2b
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from costlens.attribute import code as by_code
from costlens.attribute import comment, nature, parent, principal, read, run, shape, tag, target, tool
from costlens.attribute.known import Known, kept_keys
from costlens.attribute.run import bare, issued
from costlens.attribute.scene import Scene
from costlens.engine import schema_of
from costlens.model import ATTRIBUTIONS, Column

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.attribute.verdicts import Outcome
    from costlens.engine import Engine
    from costlens.estate import Estate
    from costlens.settings.attribution import Settings
    from costlens.trace.code import Code

__all__ = [
    "METHODS",
    "REACH_DAYS",
    "RUN_REACH",
    "SPEAK_FOR_SHAPE",
    "attribute",
    "bare",
    "issued",
    "kept_keys",
    "rules_version",
]

#: In order of precedence.
METHODS = (tag, run, comment, parent, target, shape, by_code, tool, read, principal, nature)

#: Names of the methods whose word on a query speaks for others of its shape.
SPEAK_FOR_SHAPE = tuple(method.NAME for method in METHODS[: METHODS.index(shape)])

#: A query may be attributed by others that ended this many days before or after it.
REACH_DAYS = parent.REACH_DAYS
#: What an orchestrator says of a query that evidence comes from lies within this many days of the query it speaks of.
RUN_REACH = REACH_DAYS + run.REACH
_VERSION = 3


def attribute(
    facts: Mapping[str, ir.Table],
    estate: Estate,
    settings: Settings,
    days: Collection[int],
    engine: Engine,
    code: Code | None = None,
) -> ir.Table:
    """Return the ATTRIBUTIONS rows of `days` (days since 1970): of queries, of objects of usage lines, and of pools.

    `facts` holds `queries`, and where there are any `query_usage`, `sessions`, `usage`, `metering` and `accesses`, of `days` and of the
    days within `REACH_DAYS` of them, `runs` and `materializations` of all orchestrators, within `RUN_REACH`, and `deeds` and `kinds`
    (`deeds_of`, `kinds_of`) of these and of the days beside them. A subject has at least one row; its shares add up to 1, in decimals
    of 12 places too. The answer depends
    on facts, estate, settings and the state of the code in the week of each day alone; `rules_version` tells of all but the facts.
    """
    scene = Scene(facts, Known(estate, settings), engine, code)
    voices: dict[str, list[ir.Table]] = {}
    for method in METHODS:
        if method is shape and "shape_assets" in facts:
            scene.facts = _with_own_shapes(scene, voices, days)
        voices[method.NAME] = method.speak(scene, voices)
    wanted = scene.subjects.filter(scene.subjects.day.isin([*days]))
    heard, names = scene.hear(wanted, voices)
    heard = scene.materialise(heard.select("source", "day", "kind", "subject_id", *names), "heard")
    combinations, outcomes = scene.outcomes(heard, names)
    columns = {name: [row[at] for row in combinations] for at, name in enumerate(names)}
    numbered = scene.numbers({**columns, "outcome": range(len(combinations))}, "combinations")
    answers = scene.register(_answers(outcomes), "outcomes", _ANSWER)
    joined = heard.join(numbered, names).join(answers, "outcome").rename(subject_kind="kind")
    joined = _with_version(scene, joined, rules_version(estate, settings), days)
    return joined.select(*ATTRIBUTIONS.names).cast(schema_of(ATTRIBUTIONS.columns))


def _with_own_shapes(scene: Scene, voices: Mapping[str, list[ir.Table]], days: Collection[int]) -> dict[str, ir.Table]:
    """Put what the queries of `days` were for in place of what the ledger held of these days."""
    held = scene.facts["shape_assets"].select("source", "day", "shape", "asset")
    own = shape.shape_assets(scene, voices, days)
    return {**scene.facts, "shape_assets": held.filter(~held.day.isin([*days])).union(own)}


def _with_version(scene: Scene, rows: ir.Table, rules: str, days: Collection[int]) -> ir.Table:
    """Add the version of the rules, and where there is code its state on the day."""
    if not scene.code:
        return rows.mutate(rules_version=ibis.literal(rules))
    states = {state: number for number, state in enumerate({scene.code.state(day) for day in days})}
    of_days = {"version_day": [*days], "no": [states[scene.code.state(day)] for day in days]}
    named = scene.named([f"{rules}-{state}" for state in states], "versions", [*states.values()])
    versions = scene.numbers(of_days, "version_days").join(named, "no").select("version_day", rules_version="value")
    return rows.join(versions, rows.day == versions.version_day).drop("version_day")


def rules_version(estate: Estate, settings: Settings) -> str:
    """Return a hash of all that attribution depends on beside the facts."""
    body = {**asdict(estate), "conflicts": (), "settings": settings.model_dump(), "version": _VERSION}
    return blake2b(json.dumps(body, default=str, sort_keys=True).encode(), digest_size=8).hexdigest()


_ANSWER = (
    Column("outcome", "integer"),
    *(
        ATTRIBUTIONS.column(name)
        for name in (
            "asset",
            "rule_team",
            "share",
            "method",
            "confidence",
            "evidence",
            "environment",
            "purpose",
            "code_ref",
            "code_version",
        )
    ),
)


def _answers(outcomes: list[Outcome]) -> pa.Table:
    """Return one row per outcome and asset."""
    rows = [
        (
            number,
            *row,
            outcome.method,
            outcome.confidence,
            outcome.evidence,
            outcome.traits.environment,
            outcome.traits.purpose,
            outcome.traits.code_ref,
            outcome.traits.code_version,
        )
        for number, outcome in enumerate(outcomes)
        for row in outcome.rows
    ]
    types = {"integer": pa.int64(), "double": pa.float64(), "text": pa.string()}
    return pa.table(
        {c.name: pa.array([row[at] for row in rows], types[c.type]) for at, c in enumerate(_ANSWER)},
    )
