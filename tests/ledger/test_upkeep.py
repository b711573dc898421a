"""Upkeep deletes what no snapshot can read and nothing else; a ledger of an older version stays readable."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from costlens.engine import Engine
from costlens.errors import LedgerError, Problem, UsageError
from costlens.ledger import Ledger, Snapshot
from costlens.ledger.lake import PARTITION, schema
from costlens.model import TABLES
from tests.ledger.conftest import AS_OF, usage


def commit(ledger: Ledger, amount: str, **state: object) -> Snapshot:
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage((20_000, amount)))
        return writer.commit(AS_OF, **state)  # type: ignore[arg-type]


def units(ledger: Ledger, snapshot: Snapshot) -> str:
    with Engine(threads=1) as engine:
        return str(engine.rows(ledger.table("usage", snapshot, engine).select("units"))[0]["units"].normalize())


def files(ledger: Ledger) -> list[Path]:
    assert ledger.lake.folder
    return sorted((ledger.lake.folder / "usage").glob("source=*/*/*.parquet"))


def log(ledger: Ledger) -> list[str]:
    assert ledger.lake.folder
    return sorted(path.name for path in (ledger.lake.folder / "usage" / "_delta_log").glob("0*"))


def test_what_a_kept_snapshot_reads_stays(ledger: Ledger) -> None:
    made = [commit(ledger, str(number)) for number in (1, 2, 3)]
    with ledger.write("lost", "test") as writer:
        writer.replace("usage", "prod", [20_000], usage((20_000, "99")))
    done = ledger.maintain(retention_hours=0)
    assert (done.snapshots_dropped, done.files_deleted) == (0, 1), "the file of the lost run"
    assert [units(ledger, snapshot) for snapshot in made] == ["1", "2", "3"]
    assert units(ledger, ledger.snapshot()) == "3"


def test_old_snapshots_go_with_their_files_and_log(ledger: Ledger) -> None:
    old = [commit(ledger, str(number)) for number in range(5)]
    newest = commit(ledger, "5", problems=[Problem("prod", "usage", "odd")], dirty={("prod", 3)}, info={"a": 1})
    done = ledger.maintain(retention_hours=0, keep_days=0)
    assert (done.snapshots_dropped, done.files_deleted) == (5, 5)
    assert len(files(ledger)) == 1
    with pytest.raises(LedgerError, match="no snapshot number"):
        ledger.snapshot(old[0].id)
    with pytest.raises(LedgerError):
        units(ledger, old[0])
    after = ledger.snapshot()
    assert (after.id, after.as_of, after.info["a"]) == (done.snapshot, newest.as_of, 1)
    assert units(ledger, after) == units(ledger, newest) == "5"
    assert ledger.problems() == (Problem("prod", "usage", "odd"),)
    assert ledger.dirty() == {("prod", 3)}
    assert log(ledger)[0].startswith(f"{newest.versions['usage']:020}")
    assert units(ledger, commit(ledger, "6")) == "6"


def test_upkeep_with_nothing_to_do_does_nothing(ledger: Ledger) -> None:
    assert ledger.maintain().snapshot is None
    made = commit(ledger, "1")
    commit(ledger, "2")
    ledger.maintain(retention_hours=0, keep_days=0)
    before = ledger.snapshots()
    done = ledger.maintain(retention_hours=0, keep_days=0)
    assert done.files_deleted == 0
    assert ledger.snapshots() == before[-1:]
    assert made not in before


def test_a_replaced_file_stays_a_day(ledger: Ledger) -> None:
    commit(ledger, "1")
    commit(ledger, "2")
    assert ledger.maintain(keep_days=0).files_deleted == 0
    assert len(files(ledger)) == 2


def test_a_full_cleanup_spares_the_files_of_a_running_sync(ledger: Ledger) -> None:
    commit(ledger, "1")
    stray = files(ledger)[0].with_name("part-stray.parquet")
    stray.write_bytes(files(ledger)[0].read_bytes())
    with pytest.raises(UsageError, match="24 h"):
        ledger.maintain(full=True, retention_hours=1)
    ledger.maintain(full=True)
    assert stray.exists()


def test_a_reader_whose_snapshot_goes_takes_the_newest(ledger: Ledger) -> None:
    commit(ledger, "1")
    seen: list[int] = []

    def read(snapshot: Snapshot) -> str:
        if not seen:
            commit(ledger, "2")
            ledger.maintain(retention_hours=0, keep_days=0)
        seen.append(snapshot.id)
        return units(ledger, snapshot)

    assert ledger.read(read) == "2"
    assert len(seen) == 2


def test_a_lake_of_a_version_with_fewer_columns(ledger: Ledger) -> None:
    with ledger.write("run", "test") as writer:
        writer.commit(AS_OF)
    assert ledger.lake.folder
    owner = DeltaTable(ledger.lake.folder / "usage").metadata().description
    older = schema(TABLES["usage"]).remove(schema(TABLES["usage"]).get_field_index("units"))
    DeltaTable.create(ledger.lake.folder / "shapes_as_usage", older, partition_by=PARTITION, description=owner)
    (ledger.lake.folder / "usage").rename(ledger.lake.folder / "usage_as_it_is")
    (ledger.lake.folder / "shapes_as_usage").rename(ledger.lake.folder / "usage")
    old = commit(ledger, "1")
    for path in files(ledger):
        pq.write_table(pq.ParquetFile(path).read().drop_columns(["units"]), path)
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_001], usage((20_001, "2")))
        new = writer.commit(AS_OF)
    with Engine(threads=1) as engine:
        found = [row["units"] for row in engine.rows(ledger.table("usage", new, engine).order_by("day"))]
        assert [found[0], str(found[1].normalize())] == [None, "2"]
        assert engine.rows(ledger.table("usage", old, engine))[0]["units"] is None
    assert "units" in DeltaTable(ledger.lake.folder / "usage").schema().to_arrow().names
