"""Names the services of BigQuery as they are metered and as they are billed, and the kinds of price they have."""

from __future__ import annotations

from dataclasses import dataclass

ANALYSIS = "BigQuery"
RESERVATIONS = "BigQuery Reservation API"
STREAMING = "BigQuery/streaming insert"
STORAGE_API = "BigQuery Storage API"
WRITE_API = f"{STORAGE_API}/write"
EDITIONS = ("STANDARD", "ENTERPRISE", "ENTERPRISE_PLUS")
PLANS = {"ANNUAL": "1_year", "THREE_YEAR": "3_years"}
STORAGE = {
    "active_logical_storage": "BigQuery/active logical storage",
    "long_term_logical_storage": "BigQuery/long-term logical storage",
    "active_physical_storage": "BigQuery/active physical storage",
    "long_term_physical_storage": "BigQuery/long-term physical storage",
}


@dataclass(frozen=True)
class Sku:
    """One kind of price: its name in `prices.csv` and in `rates:`, the services that it prices and their unit."""

    kind: str
    services: tuple[str, ...]
    unit: str


def baseline(edition: str) -> str:
    """Return the service that baseline slots without commitment are metered as."""
    return f"{RESERVATIONS}/baseline {edition}"


def autoscale(edition: str) -> str:
    """Return the service that autoscaled slots are metered as."""
    return f"{RESERVATIONS}/autoscale {edition}"


def commitment(edition: str, plan: str) -> str:
    """Return the service that committed slots are metered as."""
    return f"{RESERVATIONS}/commitment {edition} {plan}"


SKUS: tuple[Sku, ...] = (
    Sku("on_demand", (ANALYSIS,), "TiB"),
    *(Sku(edition.lower(), (baseline(edition), autoscale(edition)), "slot-hours") for edition in EDITIONS),
    *(
        Sku(f"{edition.lower()}_{years}", (commitment(edition, plan),), "slot-hours")
        for edition in EDITIONS[1:]  # Standard has no commitments
        for plan, years in PLANS.items()
    ),
    *(Sku(kind, (service,), "GiB-months") for kind, service in STORAGE.items()),
    Sku("streaming_insert", (STREAMING,), "GiB"),
    Sku("storage_write", (WRITE_API,), "GiB"),
)

#: Service as metered -> service as billed: the bill tells editions apart, not what their slots were scaled by.
BILLED: dict[str, str] = {
    service: f"{RESERVATIONS}/{edition}" for edition in EDITIONS for service in (baseline(edition), autoscale(edition))
}
