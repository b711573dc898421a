"""The same pricing on another engine: what DuckDB charges, Spark charges, to a billionth.

Runs by path in an environment of its own, with `pyspark<4.1` and a Java 17: `make test-integrations`.
"""

from __future__ import annotations

import importlib.util
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import ibis
import pytest
from pyspark.sql import SparkSession
from pyspark.sql import types as spark_types

from costlens.connector import Billing
from costlens.engine import Engine, schema_of
from costlens.model import TABLES
from costlens.price import price

if TYPE_CHECKING:
    import ibis.expr.types as ir

#: py4j leaves its sockets to the garbage collector; that is not ours to mend.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

Row = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "price"
SPARK_TYPES = {
    "text": spark_types.StringType(),
    "instant": spark_types.LongType(),
    "day": spark_types.IntegerType(),
    "integer": spark_types.LongType(),
    "double": spark_types.DoubleType(),
    "decimal": spark_types.DecimalType(38, 12),
    "boolean": spark_types.BooleanType(),
}


def _tests_of_pricing(module: str) -> ModuleType:
    """Import a module beside the tests of pricing, which is no package that can be installed."""
    if "pricing" not in sys.modules:
        spec = importlib.util.spec_from_file_location("pricing", FOLDER / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        sys.modules["pricing"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["pricing"])
    return importlib.import_module(f"pricing.{module}")


world = _tests_of_pricing("world")
VECTORS = _tests_of_pricing("vectors").VECTORS


class Spark:
    """Runs expressions on a local Spark: what `Engine` is for DuckDB."""

    def __init__(self, session: SparkSession) -> None:
        self._session = session
        self._compile = ibis.pyspark.connect(session).compile
        self._names = 0

    def materialise(self, expression: ir.Table, hint: str) -> ir.Table:
        self._names += 1
        name = f"{hint}_{self._names}"
        frame = self._session.sql(self._compile(expression))
        frame.localCheckpoint().createOrReplaceTempView(name)
        return ibis.table(expression.schema(), name=name)

    def register(self, rows: Mapping[str, Sequence[Row]]) -> dict[str, ir.Table]:
        facts = {}
        for name, listed in rows.items():
            columns = TABLES[name].columns
            fields = [spark_types.StructField(c.name, SPARK_TYPES[c.type]) for c in columns]
            values = [[{"source": "prod", **row}.get(c.name) for c in columns] for row in listed]
            self._names += 1
            view = f"{name}_{self._names}"
            frame = self._session.createDataFrame(values, spark_types.StructType(fields))
            frame.localCheckpoint().createOrReplaceTempView(view)
            facts[name] = ibis.table(schema_of(columns), name=view)
        return facts

    def rows(self, expression: ir.Table) -> list[Row]:
        return [row.asDict() for row in self._session.sql(self._compile(expression)).collect()]


@pytest.fixture(scope="module")
def spark() -> Iterator[Spark]:
    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.shuffle.partitions", "2")
        .config("spark.default.parallelism", "2")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    yield Spark(session)
    session.stop()


def _book(charges: Sequence[Row]) -> dict[tuple[Any, ...], list[float]]:
    """Return units, cost and list cost by everything else that a charge says."""
    found: dict[tuple[Any, ...], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    sums = ("units", "cost", "list_cost")
    for charge in charges:
        key = tuple(charge[name] for name in sorted(charge) if name not in sums)
        for place, name in enumerate(sums):
            found[key][place] += float(charge[name] or 0)
    return found


def _differences(here: Sequence[Row], there: Sequence[Row]) -> dict[tuple[Any, ...], tuple[list[float], list[float]]]:
    ours, theirs = _book(here), _book(there)
    return {
        key: (ours[key], theirs[key])
        for key in {*ours, *theirs}
        if any(abs(a - b) > 1e-9 for a, b in zip(ours[key], theirs[key], strict=True))
    }


@pytest.mark.parametrize("billing", ["SNOWFLAKE", "BIGQUERY"])
def test_spark_charges_what_duckdb_charges(spark: Spark, billing: str) -> None:
    rules: Billing = getattr(world, billing)
    made = {name: make()[0] for name, make in VECTORS.items()}
    together = world.together({name: one for name, one in made.items() if one.billing is rules})
    if rules.overhead_service is not None:
        together.billed("WAREHOUSE_METERING", "100.000", "301.23")
    days = together.days()
    with Engine(threads=1) as engine:
        facts = world.register(engine, together.rows)
        resolved = world.rates_of(together, engine, facts, days, world.LATER)
        rates = world.register(engine, {"rates": resolved})["rates"]
        here = engine.rows(price(facts, rates, rules, days, world.LATER, engine.materialise))
    shown = spark.register(together.rows)
    rates = spark.register({"rates": resolved})["rates"]
    there = spark.rows(price(shown, rates, rules, days, world.LATER, spark.materialise))
    assert len(here) > 10
    assert _differences(here, there) == {}
    assert _differences(here, there[1:]) != {}
