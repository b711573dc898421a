"""What a warehouse's words are in FOCUS: providers, accounts, service categories, units."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timezone
from zoneinfo import ZoneInfo

from costlens import registry
from costlens.settings.statements import Account

#: Type of connector -> provider, what a pool is, what a paying account is, what it belongs to.
_PROVIDERS = {
    "snowflake": ("Snowflake", "Warehouse", "Account", "Organization"),
    "bigquery": ("Google Cloud", "Reservation", "Project", "Billing Account"),
    "databricks": ("Databricks", "SQL Warehouse", "Workspace", "Account"),
}
#: Our category -> service category, subcategory.
SERVICES = {
    "query": ("Databases", "Data Warehouses"),
    "idle": ("Databases", "Data Warehouses"),
    "overhead": ("Databases", "Data Warehouses"),
    "acceleration": ("Databases", "Data Warehouses"),
    "adjustment": ("Databases", "Data Warehouses"),
    "storage": ("Storage", "Storage Platforms"),
    "serverless": ("Analytics", "Data Processing"),
    "ingest": ("Analytics", "Data Processing"),
    "transfer": ("Networking", "Network Connectivity"),
    "ai": ("AI and Machine Learning", "Generative AI"),
    "other": ("Other", "Other (Other)"),
    "support": ("Management and Governance", "Support"),
}
#: Our unit -> FOCUS'; others are written with capitals.
UNITS = {
    "credits": "Credits",
    "ai credits": "AI Credits",
    "acceleration credits": "Credits",
    "slot-hours": "Slot-Hours",
    "tib": "TiB",
    "gib": "GiB",
    "tib-months": "TiB-Months",
    "gib-months": "GiB-Months",
    "tb": "TB",
    "gb": "GB",
    "dbus": "DBUs",
}
_HOSTS = {"aws": "AWS", "azure": "Microsoft", "gcp": "Google Cloud"}


@dataclass(frozen=True)
class Provider:
    """What FOCUS wants to know of a source in a month."""

    source: str
    name: str
    issuer: str
    host: str | None
    pool_type: str
    account_type: str
    billing_account_id: str | None
    billing_account_name: str | None
    billing_account_type: str
    billing_start: datetime
    billing_end: datetime


def provider(source: str, kind: str, account: Account | None, month: str) -> Provider:
    """Return the provider of a source of a connector's type; a month is as the vendor bills, in its own zone."""
    name, pool, sub, whole = _PROVIDERS.get(kind, (kind.title(), "Pool", "Account", "Account"))
    zone = ZoneInfo(registry.connector(kind).billing.calendar)
    given = account or Account()
    first = date.fromisoformat(f"{month}-01")
    after = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Provider(
        source=source,
        name=name,
        issuer=given.invoice_issuer or name,
        host=given.host or (name if kind == "bigquery" else None),
        pool_type=pool,
        account_type=sub,
        billing_account_id=given.billing_account_id,
        billing_account_name=given.billing_account_name,
        billing_account_type=whole,
        billing_start=_begin(first, zone),
        billing_end=_begin(after, zone),
    )


def host_of(region: str | None, given: Provider) -> str:
    """Return who runs the machines: as configured, else by the region's name, else the provider."""
    if given.host:
        return given.host
    words = (region or "").lower().replace(".", "_").split("_")
    return next((_HOSTS[word] for word in words if word in _HOSTS), given.name)


def unit_of(unit: str | None) -> str | None:
    """Return a unit as FOCUS writes it."""
    if not unit:
        return None
    return UNITS.get(unit.lower(), "-".join(word.capitalize() for word in unit.split("-")))


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(timezone.utc)
