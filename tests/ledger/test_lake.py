"""What lies in the lake: plain Delta tables that other readers read too, in a folder and in an object store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import ibis
import pytest
from deltalake import DeltaTable

from costlens.dayfiles import write_days
from costlens.engine import Engine
from costlens.errors import LeaseLost, LedgerError
from costlens.ledger import Ledger
from costlens.ledger.partitions import of_arrow
from costlens.model import TABLES
from tests.ledger import store
from tests.ledger.conftest import AS_OF, usage


@pytest.fixture
def place(tmp_path: Path) -> tuple[str, str]:
    return str(tmp_path / "lake"), f"sqlite:///{tmp_path / 'costlens.db'}"


@pytest.fixture(scope="module")
def options() -> Iterator[dict[str, str]]:
    """Storage options of an object store."""
    with store.serve() as reached:
        yield reached


def test_one_file_per_partition_with_its_number_of_rows(ledger: Ledger) -> None:
    with ledger.write("run-7", "test") as writer:
        writer.replace("usage", "a b'ü%", [20_000, 20_001], usage(*[(20_000, "1")] * 3, (20_001, "2"), source="a b'ü%"))
        made = writer.commit(AS_OF)
    found = ledger.lake.files("usage", made.versions["usage"])
    assert [(file.source, file.day, file.rows) for file in found] == [("a b'ü%", 20_000, 3), ("a b'ü%", 20_001, 1)]
    assert ledger.lake.folder
    delta = DeltaTable(ledger.lake.folder / "usage")
    assert delta.history(1)[0]["run_id"] == "run-7"
    assert delta.count() == 4
    rows = delta.to_pyarrow_table(columns=["source", "day", "units"]).sort_by([("day", "descending")])
    assert [str(value) for value in rows.to_pylist()[0].values()] == ["a b'ü%", "2024-10-05", "2.000000000000"]


def test_a_year_of_days_makes_a_file_each(ledger: Ledger, engine: Engine) -> None:
    days = range(20_000, 20_365)
    engine.connection.execute("create temp table numbers as select range as n from range(73000)")
    n = ibis.table({"n": "int64"}, name="numbers")
    rows = n.select(
        source=ibis.literal("prod"), day=(20_000 + n.n * 7 % 365).cast("int32"), units=n.n.cast("decimal(38, 12)")
    )
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", days, rows, engine)
        made = writer.commit(AS_OF)
    found = ledger.lake.files("usage", made.versions["usage"])
    assert {file.rows for file in found} == {200}
    assert len(found) == 365
    table = ledger.table("usage", made, engine, since=20_364)
    assert engine.rows(table.aggregate(rows=table.count(), day=table.day.min())) == [{"rows": 200, "day": 20_364}]


def test_a_file_that_holds_its_day_already_is_taken_as_it_is(tmp_path: Path, ledger: Ledger, engine: Engine) -> None:
    rows = of_arrow(usage((20_000, "1"), (20_000, "2"), (20_001, "4")), TABLES["usage"], engine)
    first, second = sorted(write_days(engine, rows, TABLES["usage"], tmp_path, days=2), key=lambda file: file.place)
    with ledger.write("run", "test") as writer:
        writer.replace("usage", "prod", [20_000, 20_001], rows, engine, [first])
        made = writer.commit(AS_OF)
        with pytest.raises(ValueError, match="outside the partitions"):
            writer.replace("usage", "prod", [20_000], rows.filter(rows.day == 20_000), engine, [second])
    found = ledger.lake.files("usage", made.versions["usage"])
    assert [(file.day, file.rows) for file in found] == [(20_000, 2), (20_001, 1)]
    assert ledger.lake.folder
    taken, written = (ledger.lake.folder / "usage" / file.path for file in found)
    assert taken.samefile(first.path)
    assert not written.samefile(second.path)
    table = ledger.table("usage", made, engine)
    assert engine.rows(table.group_by("day").agg(units=table.units.sum()).order_by("day")) == [
        {"day": 20_000, "units": 3},
        {"day": 20_001, "units": 4},
    ]


def test_the_lake_alone_fences_a_writer_without_a_lease(ledger: Ledger) -> None:
    with ledger.write("slow", "test") as slow:
        slow.commit(AS_OF)
        stale = ledger.lake.open("usage")
    with ledger.write("quick", "test") as quick:
        quick.replace("usage", "prod", [20_000], usage((20_000, "1")))
        made = quick.commit(AS_OF)
        quick._tables["usage"] = stale
        with pytest.raises(LeaseLost, match="another run wrote table usage"):
            quick.replace("usage", "prod", [20_000], usage((20_000, "2")))
    assert ledger.lake.open("usage").version() == made.versions["usage"]


def test_an_object_store(tmp_path: Path, options: dict[str, str], engine: Engine) -> None:
    database = f"sqlite:///{tmp_path / 'costlens.db'}"
    with Ledger.open("s3://bucket/lake", database, storage_options=options) as ledger:
        made = []
        for amount in ("1", "2"):
            with ledger.write("run", "test") as writer:
                writer.replace("usage", "prod", [20_000, 20_001], usage((20_000, amount), (20_001, "5")))
                made.append(writer.commit(AS_OF))
        with ledger.write("lost", "test") as writer:
            writer.replace("usage", "prod", [20_000], usage())
        with ledger.write("run", "test") as writer:
            writer.replace("usage", "prod", [20_001], usage())
            made.append(writer.commit(AS_OF))
        totals = []
        for snapshot in made:
            table = ledger.table("usage", snapshot, engine, columns=["day", "units"])
            totals.append(int(engine.rows(table.aggregate(total=table.units.sum()))[0]["total"]))
        assert totals == [6, 7, 2]
        assert engine.rows(ledger.table("usage", made[1], engine, days=[20_001]).select("day", "units")) == [
            {"day": 20_001, "units": 5}
        ]
        assert ledger.maintain(retention_hours=0, keep_days=0).files_deleted == 3
        rows = of_arrow(usage((20_002, "9")), TABLES["usage"], engine)
        ready = write_days(engine, rows, TABLES["usage"], tmp_path / "staged", days=1)
        with ledger.write("run", "test") as writer:
            writer.replace("usage", "prod", [20_000, 20_002], rows, engine, ready)
            writer.commit(AS_OF)
        table = ledger.table("usage", ledger.snapshot(), engine)
        assert [(row["day"], row["units"]) for row in engine.rows(table)] == [(20_002, 9)]


def test_an_object_store_that_does_not_answer(tmp_path: Path, options: dict[str, str]) -> None:
    closed = {**options, "AWS_ENDPOINT_URL": "http://127.0.0.1:1", "max_retries": "0", "retry_timeout": "1s"}
    with (
        Ledger.open("s3://bucket/lake", f"sqlite:///{tmp_path / 'costlens.db'}", storage_options=closed) as ledger,
        pytest.raises(LedgerError, match="lake s3://bucket/lake: table ") as error,
        ledger.write("run", "test"),
    ):
        pass
    assert "secret-of-the-test" not in str(error.value)
    assert "\n" not in str(error.value)
