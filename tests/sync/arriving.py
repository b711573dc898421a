"""Some days of the sample as they come into being: late rows, restated ones, a 40-hour query; shown live or exported at any instant."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from costlens.connector import Reader, View
from costlens.exports import extraction
from costlens_sample import folder
from costlens_sample.as_of import LATENCY
from costlens_snowflake import Snowflake, SnowflakeSettings

#: The views that money and weights come from; each further one makes every sync slower and has the same windows.
VIEWS = (
    "query_history",
    "query_attribution_history",
    "query_metering_history",
    "warehouse_metering_history",
    "warehouse_events_history",
    "metering_daily_history",
    "usage_in_currency_daily",
    "rate_sheet_daily",
    "serverless_task_history",
    "sessions",
)
#: Every so many rows comes late beyond the vendor's usual latency; with it no row comes later than this after its time.
EVERY, LATEST_HOURS = 5, 60
_OTHERS = ("END_TIME", 3.0)
#: View -> what the first version of a restated row says.
_RESTATED = {
    "warehouse_metering_history": "credits_used_compute = round(credits_used_compute / 2, 9), "
    "credits_attributed_compute_queries = round(credits_attributed_compute_queries / 2, 9)",
    "query_attribution_history": "credits_attributed_compute = credits_attributed_compute / 3",
    "metering_daily_history": "credits_billed = round(credits_billed / 2, 9)",
    "usage_in_currency_daily": "usage_in_currency = round(usage_in_currency * 0.9, 2)",
}
#: Restated so many hours after they were first shown, they stay within the three days that a sync a day goes back.
RESTATED_AFTER_HOURS = 10
#: The longest query of a warehouse on the last day has run for 40 hours.
_FORTY_HOURS = """
    update query_history set start_time = end_time - interval 40 hour, execution_time = 40 * 3600000
    where query_id = (
        select arg_max(query_id, execution_time) from query_history
        where warehouse_size is not null and end_time > (select max(end_time) - interval 1 day from query_history)
    )
"""


class World:
    """The account: a table per view whose rows are there from `shown` until `hidden`."""

    def __init__(self, since: str, until: str) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set timezone = 'UTC'")
        self.views = tuple(view for view in Snowflake.views if view.name in VIEWS)
        for view in self.views:
            self._fill(view, since, until)
        self._late_of_the_sample()
        for name, change in _RESTATED.items():
            self._restate(name, change)

    def show(self, view: View, now: datetime) -> str:
        """Return the name of what the view shows at an aware instant."""
        self.connection.execute(
            f"create or replace temp view {view.name}_now as select * exclude (shown, hidden) from {view.name} "
            f"where shown <= '{now.isoformat()}' and hidden > '{now.isoformat()}'"
        )
        return f"{view.name}_now"

    def export(self, target: Path, now: datetime) -> None:
        """Write each view as it is at an instant."""
        target.mkdir(parents=True, exist_ok=True)
        for view in self.views:
            self.connection.execute(f"copy {self.show(view, now)} to '{target / view.name}.parquet' (format parquet)")

    def export_part(self, target: Path, number: int, since: datetime, now: datetime) -> None:
        """Write what each view came to show between two instants as one more file of it; what was restated since is left out."""
        for view in self.views:
            part = target / view.name / f"{number}.parquet"
            part.parent.mkdir(parents=True, exist_ok=True)
            rows = (
                f"select * exclude (shown, hidden) from {view.name} where hidden > '2099-01-01' "
                f"and shown > '{since.isoformat()}' and shown <= '{now.isoformat()}'"
            )
            if self.connection.execute(f"from ({rows}) limit 1").fetchone():
                self.connection.execute(f"copy ({rows}) to '{part}' (format parquet)")

    def _fill(self, view: View, since: str, until: str) -> None:
        column, wait = LATENCY.get(view.name, _OTHERS)
        source = folder() / "snowflake" / f"{view.name}.parquet"
        is_day = next(c.type for c in view.columns if c.name == view.time_column) == "day"
        time = f"{column}::timestamptz" + (" + interval 1 day" if is_day else "")
        time_column = f"{view.time_column}::timestamptz"
        self.connection.execute(
            f"create table {view.name} as select *, {time} as ended, timestamptz '2100-01-01' as hidden "
            f"from '{source}' where {time_column} >= '{since}' and {time_column} < '{until}'"
        )
        if view.name == "query_history":
            self.connection.execute(_FORTY_HOURS)
        late = f"(hash(t::varchar) % 1000) / 1000.0 * {LATEST_HOURS}"
        self.connection.execute(
            f"create or replace table {view.name} as select * exclude (ended, hidden), "
            f"ended + to_seconds(3600 * case when hash(t::varchar) % {EVERY} = 0 then greatest({wait}, {late}) else {wait} end) as shown, "
            f"hidden from {view.name} as t"
        )

    def _late_of_the_sample(self) -> None:
        for row in pq.read_table(folder() / "arrivals.parquet").to_pylist():
            if row["view"] in VIEWS and row["before"] is None:
                where = " and ".join(f"{name}::varchar = '{value}'" for name, value in json.loads(row["key"]).items())
                self.connection.execute(
                    f"update {row['view']} set shown = greatest(shown, '{row['arrived_at'].isoformat()}') where {where}"
                )

    def _restate(self, name: str, change: str) -> None:
        """Give every seventh row an earlier version that is shown first."""
        at = f"shown + interval {RESTATED_AFTER_HOURS} hour"
        self.connection.execute(
            f"""create temp table early as select * from {name} as t where hash(t::varchar) % 7 = 0;
            update {name} as t set shown = {at} where hash(t::varchar) % 7 = 0;
            update early set hidden = {at}, {change};
            insert into {name} select * from early; drop table early"""
        )


class Live(Snowflake):
    """A Snowflake account whose server is a DuckDB: it has the sample's rows at one instant."""

    def __init__(self, world: World, now: datetime) -> None:
        super().__init__(
            SnowflakeSettings(name="prod", type="snowflake", account="acme-prod", user="u", password="p")  # type: ignore[arg-type]
        )
        self.world, self.now = world, now
        self.views = world.views  # type: ignore[misc]

    def open(self) -> Reader:
        return _Reader(self)


class _Reader(Reader):
    def __init__(self, account: Live) -> None:
        self._account = account

    def read(self, view: View, since: datetime, until: datetime) -> Iterator[pa.RecordBatch]:
        world = self._account.world
        as_exported = Snowflake(self._account.settings)  # its `.sql` files, which are found by the class
        query = extraction(as_exported, view, world.show(view, self._account.now), since, until)
        yield from world.connection.execute(query).to_arrow_reader(5_000)
