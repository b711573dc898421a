"""The contract of a warehouse connector: what to read, how a live warehouse is read, and how its rows become facts.

A connector is one package `connectors/costlens_<warehouse>/`, registered under the entry point group `costlens.connectors`
(built-ins too) and tested by inheriting `costlens.testing.ConnectorContract`. It holds its own settings, its `.sql` files
(one per view: a projection and a filter, nothing else) and one `normalise` function per view. It imports this module,
`costlens.model`, `costlens.errors` and `costlens.tagging`, and nothing else of CostLens.
"""

from __future__ import annotations

import builtins
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from costlens.errors import Problem
from costlens.model import Type

if TYPE_CHECKING:
    from datetime import date

    import ibis.expr.types as ir
    import pyarrow as pa

#: Type of a vendor's column. `json` is text that holds JSON (arrays and objects of the vendor arrive so).
ViewType = Type | Literal["json"]


@dataclass(frozen=True)
class ViewColumn:
    """A column of a vendor's view, by its lower-case name; a row without a `required` value is a problem, not a fact."""

    name: str
    type: ViewType
    required: bool = False
    is_optional: bool = False
    """Not there in every version of the view: no problem where it is missing."""


@dataclass(frozen=True)
class View:
    """One view of the vendor, read by `<name>.sql`; its name is also the feed and the export's file name."""

    name: str
    columns: tuple[ViewColumn, ...]
    time_column: str
    """Column that the window filters; an instant or a day."""
    latency: timedelta
    """After which a row is there, as documented."""
    pull: Literal["hourly", "daily", "monthly"] = "daily"
    """How far each sync reads back: `hourly` the latency plus one hour (three days once a day), `daily` three days,
    `monthly` month to date, and last month until the 10th."""
    margin: timedelta = timedelta(0)
    """How much wider than wanted to read, where `time_column` is not the fact's own time (BigQuery filters jobs by creation, they count
    by end): the core keeps only facts whose time lies within the wanted window."""
    final_after: timedelta = timedelta(days=3)
    is_snapshot: bool = False
    """Shows the present only. `time_column` is then the UTC day it was read on (type day): the `.sql` neither selects nor
    filters it, the live reader adds it, an export holds it; a pull covers the day it runs on, earlier days stay."""
    essential: bool = False
    """Without it nothing can be priced."""
    grant: str = ""
    """Statement or role that lets one read it."""
    purpose: str = ""
    """What is worse without it, in a few words, for `costlens check`."""

    def required(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns if column.required)


@dataclass(frozen=True)
class Facts:
    """Rows for one fact table; `rows` has the columns of the model's table without `source` and `feed`."""

    table: str
    rows: ir.Table


@dataclass(frozen=True)
class SizeRate:
    """Units per hour of a running pool of one kind and size; for shares and estimates, never for the bill."""

    pool_kind: str
    size: str
    units_per_hour: float
    is_certain: bool = True


@dataclass(frozen=True)
class Rate:
    """Price of a unit of a service from one day on; None in `account` or `region` = any."""

    service: str
    unit: str
    price: Decimal
    currency: str
    origin: str
    account: str | None = None
    region: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    list_price: Decimal | None = None


@dataclass(frozen=True)
class Billing:
    """The billing rules of a warehouse that pricing needs, as data."""

    calendar: str = "UTC"
    """IANA zone of the vendor's billing day and month."""
    pool_unit: str = "credits"
    pool_service: str | None = None
    """Service that pools are metered under, for hours that are not metered yet."""
    size_rates: tuple[SizeRate, ...] = ()
    minimum_seconds: Mapping[str, int] = field(default_factory=dict)
    """Shortest billed time of a resume, by pool kind."""
    overhead_service: str | None = None
    """Service name that billed overhead (cloud services) is charged under."""
    overhead_free_share: Decimal = Decimal(0)
    """Share of the day's pool compute up to which overhead is free."""
    bytes_service: str | None = None
    """Service that jobs billed by bytes are charged under (unit TiB)."""
    bill_services: Mapping[str, str] = field(default_factory=dict)
    """Service as metered -> service as billed, where the names differ."""
    list_rates: tuple[Rate, ...] = ()
    details: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Service -> feeds of its usage lines, from the one that tells the whole to the one that tells the objects: they are
    the same cost told twice. Per hour the first there is the money, the last there the lines (`costlens.details`)."""
    final_after: timedelta = timedelta(days=3)
    """After the end of a UTC day, when its weights no longer change."""
    rates_final_day: int = 10
    """Day of the next month after which the vendor's money no longer changes."""


class SourceSettings(BaseModel):
    """What every source has; a connector's own settings inherit it."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,60}$", description="Name of this source in reports.")
    type: str = Field(description="Kind of warehouse: an installed connector, such as snowflake or bigquery.")
    export: Path | None = Field(default=None, description="Folder of exported views; then no connection is made.")
    timezone: str | None = Field(default=None, description="Zone of times without one in exported files.")
    texts: Literal["masked", "none"] = Field(default="masked", description="`none` does not even read query texts.")


@dataclass(frozen=True)
class Finding:
    """One line of `costlens check`."""

    what: str
    state: Literal["ok", "missing", "warning", "error"]
    detail: str = ""
    remedy: str = ""


class Reader(ABC):
    """An open connection to a live warehouse; a context manager."""

    @abstractmethod
    def read(self, view: View, since: datetime, until: datetime) -> Iterable[pa.RecordBatch]:
        """Yield the view's rows of the window [since, until), columns as in `view.columns`, times in UTC.

        Raises ViewUnavailable where the view is absent or may not be read, SourceError where the warehouse cannot be used.
        A column that the warehouse does not have is left out and reported by `missing_columns`.
        """

    def missing_columns(self) -> Sequence[Problem]:
        """Return what was asked for and not there, so far."""
        return ()

    def close(self) -> None:  # noqa: B027 - a reader that holds nothing has nothing to release
        """Release the connection."""

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


Normalise = Callable[["ir.Table"], Sequence[Facts]]


class Connector(ABC):
    """A warehouse: five declarations and three methods."""

    type: ClassVar[str]
    Settings: ClassVar[builtins.type[SourceSettings]] = SourceSettings
    views: ClassVar[tuple[View, ...]]
    billing: ClassVar[Billing]
    dialect: ClassVar[str]
    """sqlglot's name of the warehouse's SQL, for transpiling the extraction queries to DuckDB."""
    running: ClassVar[View | None] = None
    """What runs now, where the vendor shows that in near real time: a snapshot, read every few minutes and never stored."""
    export_regions: ClassVar[bool] = False
    """Whether an export may hold its views under `region-<r>/`; `<r>` then fills a column `region` that the files lack."""

    def __init__(self, settings: SourceSettings) -> None:
        self.settings = settings

    @abstractmethod
    def open(self) -> Reader:
        """Connect to the live warehouse."""

    @abstractmethod
    def normalise(self, view: View, rows: ir.Table) -> Sequence[Facts]:
        """Turn the rows of one view into facts.

        `rows` has exactly `view.columns` in pipeline types (instants are int64 microseconds, days int32; `json` is text).
        Row by row: the caller may hand over the view in chunks.
        """

    @classmethod
    def settle(cls, facts: Mapping[str, ir.Table]) -> Mapping[str, ir.Table]:
        """Return the facts as they are to be priced: what several views tell of together (BigQuery's committed slots and the
        baselines that they cover). `facts` are whole UTC days; units are neither lost nor added, and the ledger keeps the facts as
        they came.
        """
        return facts

    def normalise_running(self, rows: ir.Table) -> ir.Table:
        """Turn rows of `running` into one row a query under way: query_id, user, role, pool, pool_kind, pool_size, region, started_at
        (instant), text, shape_hint, bytes and slot_ms so far (null = not told).
        """
        raise NotImplementedError

    def rates(self) -> Sequence[Rate]:
        """Return configured and list prices, best origin first; what the vendor says comes from the facts."""
        return self.billing.list_rates

    def check(self) -> Iterable[Finding]:
        """Say what else of the settings needs a person (a password used, a key that is world-readable)."""
        return ()

    @classmethod
    def export_statement(cls, view: View) -> str | None:
        """Return the statement that writes a view to files as `export:` reads them, None where the vendor has none."""
        return None

    @classmethod
    def sql(cls, view: View) -> str:
        """Return the extraction query of a view: `<package>/sql/<view>.sql`."""
        package = cls.__module__.partition(".")[0]
        return (files(package) / "sql" / f"{view.name}.sql").read_text(encoding="utf-8")
