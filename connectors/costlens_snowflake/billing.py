"""Snowflake's billing rules as data: rates of sizes, minimums, the free part of cloud services, names and list prices."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from costlens.connector import Billing, Rate, SizeRate
from costlens_snowflake.services import (
    AI_CREDITS,
    BILLED_AS,
    CLOUD_SERVICES,
    CREDITS,
    DETAILS,
    TIB,
    TIB_MONTHS,
    WAREHOUSE_METERING,
)

_SIZES = ("XSMALL", "SMALL", "MEDIUM", "LARGE", "XLARGE", "2XLARGE", "3XLARGE", "4XLARGE", "5XLARGE", "6XLARGE")
#: Second generation: 1.35 on AWS and Google, 1.25 on Azure, from a secondary source; no 5XL and 6XL.
_GEN2_FACTOR = 1.35
#: Snowpark-optimised: 1.5 times standard by the older official table, from M on.
_SNOWPARK_FACTOR = 1.5

SIZE_RATES = (
    *(SizeRate("standard", size, float(2**power)) for power, size in enumerate(_SIZES)),
    *(
        SizeRate("standard", f"{size}_GEN2", 2**power * _GEN2_FACTOR, is_certain=False)
        for power, size in enumerate(_SIZES[:8])
    ),
    *(
        SizeRate("standard", f"{size}_SNOWPARK", 2**power * _SNOWPARK_FACTOR, is_certain=False)
        for power, size in enumerate(_SIZES)
        if power >= _SIZES.index("MEDIUM")
    ),
)

#: List prices of AWS US East: platform credit by edition, storage on capacity contracts, AI credit with global routing.
LIST_CREDIT = {"standard": Decimal(2), "enterprise": Decimal(3), "business critical": Decimal(4)}
LIST_STORAGE = Decimal(23)
LIST_AI = Decimal(2)
#: Holds for every service metered in the unit: Snowflake's list of services is open.
EVERY_SERVICE = "*"


def rates(
    origin: str,
    currency: str,
    *,
    compute: Decimal | None,
    storage: Decimal | None,
    ai: Decimal | None,
    transfer: Decimal | None = None,
) -> tuple[Rate, ...]:
    """Return the price of each of: a credit, a TiB-month, an AI credit, a TiB sent; None = not known."""
    priced = ((CREDITS, compute), (TIB_MONTHS, storage), (AI_CREDITS, ai), (TIB, transfer))
    return tuple(Rate(EVERY_SERVICE, unit, price, currency, origin) for unit, price in priced if price is not None)


def list_rates(edition: str) -> tuple[Rate, ...]:
    """Return the list prices of an edition."""
    return rates("list", "USD", compute=LIST_CREDIT[edition], storage=LIST_STORAGE, ai=LIST_AI)


BILLING = Billing(
    calendar="UTC",
    pool_unit=CREDITS,
    pool_service=WAREHOUSE_METERING,
    size_rates=SIZE_RATES,
    minimum_seconds={"standard": 60, "interactive": 3600},
    overhead_service=CLOUD_SERVICES,
    overhead_free_share=Decimal("0.10"),
    bill_services=BILLED_AS,
    list_rates=list_rates("enterprise"),
    details=DETAILS,
    final_after=timedelta(days=3),
    rates_final_day=10,
)
