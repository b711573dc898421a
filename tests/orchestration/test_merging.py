"""Merging what is told: any order, any parts, told twice, the same rows."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.estate import Asset
from costlens.model import MATERIALIZATIONS, MICROSECONDS_PER_DAY, RUNS
from costlens.orchestration.merging import arrow, materialization_rows, merge, run_rows
from costlens.orchestration.pulling import gathered
from costlens.orchestrator import Batch, Materialization, Run

START = datetime(2026, 10, 1, 23, 59, tzinfo=timezone.utc)
TIMES = st.integers(0, 3).map(lambda minutes: START + timedelta(minutes=minutes))
STATUS = st.sampled_from(["running", "cancelled", "failed", "success"])
TEXTS = st.none() | st.sampled_from("ab")
RUN = st.builds(Run, st.sampled_from("rs"), TIMES, st.none() | TIMES, STATUS, TEXTS, TEXTS)
IDS = st.lists(st.sampled_from("qwertz"), max_size=3).map(tuple)
MATERIALIZATION = st.builds(
    Materialization, st.sampled_from("rs"), TEXTS, TIMES, st.none() | TIMES, STATUS, TEXTS, TEXTS, IDS
)


@settings(deadline=None)  # the first example imports much
@given(st.lists(RUN, max_size=6), st.randoms(), st.integers(0, 6))
def test_runs(told: list[Run], chance: Random, cut: int) -> None:
    whole = merge(RUNS, run_rows(told, "dbt"))
    shuffled = [*told, *told[:cut]]
    chance.shuffle(shuffled)
    first = merge(RUNS, run_rows(shuffled[:cut], "dbt"))
    assert merge(RUNS, [*run_rows(shuffled[cut:], "dbt"), *first.values()]) == whole
    for row in whole.values():
        assert row["day"] == row["started_at"] // MICROSECONDS_PER_DAY


@settings(deadline=None)  # the first example imports much
@given(st.lists(MATERIALIZATION, max_size=6), st.randoms(), st.integers(0, 6))
def test_materializations(told: list[Materialization], chance: Random, cut: int) -> None:
    whole = merge(MATERIALIZATIONS, materialization_rows(told, "dbt"))
    shuffled = [*told, *told[:cut]]
    chance.shuffle(shuffled)
    first = merge(MATERIALIZATIONS, materialization_rows(shuffled[:cut], "dbt"))
    merged = merge(MATERIALIZATIONS, [*materialization_rows(shuffled[cut:], "dbt"), *first.values()])
    assert merged == whole
    ids = {query for one in told for query in one.query_ids}
    assert {query for row in whole.values() for query in json.loads(row["query_ids"])} == ids, "none is lost"
    assert arrow(MATERIALIZATIONS, whole.values(), "s", "f").num_rows == len(whole)


def test_small_batches_are_one_commit_and_remember_the_last() -> None:
    runs = [Run(f"r{number}", START) for number in range(7)]
    batches = [Batch(state={"at": number}, runs=(run,), read=(run.run_id,)) for number, run in enumerate(runs)]
    found = [*gathered(batches, most=3)]
    assert [[run.run_id for run in batch.runs] for batch in found] == [["r0", "r1", "r2"], ["r3", "r4", "r5"], ["r6"]]
    assert [batch.state for batch in found] == [{"at": 2}, {"at": 5}, {"at": 6}]
    assert [*gathered([])] == []
    parts = [Batch({}, assets=(Asset(key),), is_complete=False) for key in "ab"]
    assert [batch.assets for batch in gathered([parts[0], batches[0], parts[1]])] == [(Asset("a"),), (Asset("b"),)]
    assert [batch.is_complete for batch in gathered([batches[0], parts[0], batches[1]])] == [False]
