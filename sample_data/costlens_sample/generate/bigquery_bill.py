"""The BigQuery bill in Pacific days: bytes, slots, storage, streaming, with the invoice each line is on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pyarrow as pa

from costlens_sample.generate.bigquery_company import NUMBER, PROJECT
from costlens_sample.generate.clock import HOUR, SINCE, UNTIL, chance, utc
from costlens_sample.generate.files import Row, schema
from costlens_sample.generate.pacific import day_starts, pacific_day, seconds_of, seconds_of_month

#: List prices in US dollars: a TiB scanned, a slot-hour of the Enterprise edition, a GiB-month, a MiB streamed in.
TIB_PRICE = 6.25
SLOT_HOUR_PRICE = 0.06
STORAGE_PRICES = {"active": 0.02, "long_term": 0.01}
MIB_STREAMED_PRICE = 0.01 / 200
FREE_TIB = 1.0
CURRENCY = "USD"

#: Month's storage of this day reached Google's books after the invoice was closed: it is on the next one.
LATE_DAY = date(2026, 10, 31)

BILLING_EXPORT = schema(
    """
usage_date date
invoice_month text
project_id text
location text
service text
sku text
cost_type text
currency text
pricing_unit text
amount nine
cost nine
""",
    {"nine": pa.decimal128(38, 9)},
)

STORAGE_TIMELINE = schema("""
usage_date date
project_id text
table_catalog text
project_number int
table_schema text
table_name text
billable_total_logical_usage int
billable_active_logical_usage int
billable_long_term_logical_usage int
billable_total_physical_usage int
billable_active_physical_usage int
billable_long_term_physical_usage int
""")

STREAMING_TIMELINE = schema("""
start_timestamp time
project_id text
project_number int
dataset_id text
table_id text
error_code text
total_requests int
total_rows int
total_input_bytes int
""")


@dataclass(frozen=True)
class Table:
    """A stored table: GiB that changed in the last 90 days and GiB that did not, by the end of October."""

    region: str
    dataset: str
    name: str
    team: str
    active: float
    long_term: float


TABLES = (
    Table("us", "events", "playback_raw", "platform", 41_000, 52_000),
    Table("us", "playback", "play_sessions", "content", 14_000, 9_000),
    Table("us", "playback", "stream_quality", "platform", 3_100, 900),
    Table("us", "playback", "skip_rates", "content", 2_600, 700),
    Table("us", "playback", "playback_errors", "platform", 1_900, 2_400),
    Table("us", "ads", "ad_impressions", "growth", 8_200, 4_100),
    Table("us", "ads", "ad_attribution", "growth", 2_300, 1_000),
    Table("us", "recommendations", "listening_graph", "catalog", 7_700, 1_200),
    Table("us", "recommendations", "session_embeddings", "catalog", 9_400, 300),
    Table("us", "royalties", "royalty_streams", "finance", 3_900, 6_800),
    Table("us", "royalties", "artist_payouts", "finance", 120, 260),
    Table("us", "compliance", "consent_log", "platform", 800, 3_000),
    Table("eu", "royalties_eu", "statements", "finance", 1_500, 5_200),
)


def pacific_days() -> list[date]:
    """Return the Pacific days that the sample touches; the first and the last only in part."""
    day, found = pacific_day(SINCE), []
    while day_starts(day) < UNTIL:
        found.append(day)
        day += timedelta(days=1)
    return found


@dataclass(frozen=True)
class Line:
    """One line of the billing export, net of credits."""

    day: date
    location: str
    service: str
    sku: str
    unit: str
    amount: float
    cost: float
    cost_type: str = "regular"
    invoice: str = ""

    @property
    def invoice_month(self) -> str:
        return self.invoice or f"{self.day:%Y%m}"


@dataclass
class Bill:
    """Everything Google charged."""

    lines: list[Line] = field(default_factory=list)
    tib: Mapping[tuple[date, str], float] = field(default_factory=dict)
    slot_hours: Mapping[date, float] = field(default_factory=dict)

    def tib_price(self, day: date, location: str) -> float:
        """Return what a TiB came to on a day, the free first one of the month included."""
        tib = self.tib[(day, location)]
        scanned = (x for x in self.lines if x.unit == "tebibyte" and x.cost_type == "regular")
        return sum(x.cost for x in scanned if x.day == day and x.location == location) / tib

    def export_rows(self) -> list[Row]:
        """Return the billing export as it is summed per day and sku."""
        return [
            {
                "usage_date": line.day,
                "invoice_month": line.invoice_month,
                "project_id": PROJECT,
                "location": line.location,
                "service": line.service,
                "sku": line.sku,
                "cost_type": line.cost_type,
                "currency": CURRENCY,
                "pricing_unit": line.unit,
                "amount": Decimal(repr(round(line.amount, 9))),
                "cost": Decimal(repr(round(line.cost, 9))),
            }
            for line in self.lines
        ]

    def storage_rows(self, region: str) -> list[Row]:
        """Return MiB-seconds per table and Pacific day."""
        rows: list[Row] = []
        for day in pacific_days():
            for table in TABLES:
                if table.region != region:
                    continue
                active, long_term = (mib_seconds(table, kind, day) for kind in STORAGE_PRICES)
                rows.append(
                    {
                        "usage_date": day,
                        "project_id": PROJECT,
                        "table_catalog": PROJECT,
                        "project_number": NUMBER,
                        "table_schema": table.dataset,
                        "table_name": table.name,
                        "billable_total_logical_usage": active + long_term,
                        "billable_active_logical_usage": active,
                        "billable_long_term_logical_usage": long_term,
                        "billable_total_physical_usage": 0,
                        "billable_active_physical_usage": 0,
                        "billable_long_term_physical_usage": 0,
                    }
                )
        return rows

    def streaming_rows(self) -> list[Row]:
        """Return the rows that the players stream in, hour by hour; one hour in a hundred has refused ones too."""
        rows: list[Row] = []
        for hour, size in streamed().items():
            row = {
                "start_timestamp": utc(hour),
                "project_id": PROJECT,
                "project_number": NUMBER,
                "dataset_id": "events",
                "table_id": "playback_raw",
                "total_requests": size // 500_000,
                "total_rows": size // 2_048,
                "total_input_bytes": size,
            }
            rows.append(row)
            if hour // HOUR % 100 == 0:
                rows.append({**row, "error_code": "QUOTA_EXCEEDED", "total_input_bytes": size // 90})
        return rows


def gib_months(table: Table, kind: str, day: date) -> float:
    """Return the day's part of a month of storage."""
    return mib_seconds(table, kind, day) / 1_024 / seconds_of_month(day)


def mib_seconds(table: Table, kind: str, day: date) -> int:
    """Return MiB-seconds of a Pacific day: what changes grows by a third of a per cent a day."""
    gib = table.active * 1.003 ** -(LATE_DAY - day).days if kind == "active" else table.long_term
    return round(gib * 1_024) * seconds_of(day)


def streamed() -> dict[int, int]:
    """Return bytes streamed in per hour: more in the evening."""
    random = chance("streaming")
    return {
        hour: round((2 + 2.5 * (hour // HOUR % 24 in range(16, 23))) * 2**30 * random.uniform(0.8, 1.2))
        for hour in range(SINCE, UNTIL, HOUR)
    }


def slot_hours(scaled: list[int], baseline: int) -> dict[date, float]:
    """Return paid slot-hours per Pacific day: all baselines and what was scaled up."""
    found: dict[date, float] = defaultdict(float)
    for place, hour in enumerate(range(SINCE, UNTIL, HOUR)):
        found[pacific_day(hour)] += baseline + sum(scaled[place * 3_600 : (place + 1) * 3_600]) / 3_600
    return dict(found)


def make(tib: Mapping[tuple[date, str], float], slots: Mapping[date, float]) -> Bill:
    """Make the bill of what was scanned (TiB per Pacific day and location) and paid (slot-hours per Pacific day)."""
    bill = Bill(tib=tib, slot_hours=slots)
    free: dict[str, float] = defaultdict(lambda: FREE_TIB)
    stream: dict[date, float] = defaultdict(float)
    for hour, size in streamed().items():
        stream[pacific_day(hour)] += size / 2**20
    for day in pacific_days():
        for location in ("eu", "us"):
            amount = tib.get((day, location), 0.0)
            if amount:
                gift = min(amount, free[f"{day:%Y%m}"])
                free[f"{day:%Y%m}"] -= gift
                sku = "Analysis" if location == "us" else "Analysis (eu)"
                bill.lines.append(Line(day, location, "BigQuery", sku, "tebibyte", amount, (amount - gift) * TIB_PRICE))
        hours = slots[day]
        sku = "BigQuery Enterprise Edition (us)"
        bill.lines.append(Line(day, "us", "BigQuery Reservation API", sku, "hour", hours, hours * SLOT_HOUR_PRICE))
        bill.lines += _storage(day)
        mib = stream[day]
        bill.lines.append(
            Line(day, "us", "BigQuery", "Streaming Insert (us)", "mebibyte", mib, mib * MIB_STREAMED_PRICE)
        )
    bill.lines.append(Line(date(2026, 10, 15), "us", "BigQuery", "Analysis", "tebibyte", 0, -12.4, "adjustment"))
    return bill


def _storage(day: date) -> list[Line]:
    lines = []
    for location in ("eu", "us"):
        for kind, price in STORAGE_PRICES.items():
            amount = sum(gib_months(table, kind, day) for table in TABLES if table.region == location)
            sku = f"{'Active' if kind == 'active' else 'Long Term'} Logical Storage ({location})"
            invoice = "202611" if day == LATE_DAY else ""
            lines.append(
                Line(day, location, "BigQuery", sku, "gibibyte month", amount, amount * price, "regular", invoice)
            )
    return lines
