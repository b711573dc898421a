"""Snowflake keeps the contract of a connector, on an export of every view it reads."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from costlens.testing import ConnectorContract
from costlens_snowflake import Snowflake


class TestSnowflake(ConnectorContract):
    connector = Snowflake
    export = Path(__file__).parent / "export"
    settings: ClassVar = {"account": "acme-prod", "bill": "currency"}
    summed = frozenset({"usage_in_currency_daily", "focus_cost_usage_v1_3"})
    partial: ClassVar = {
        "metering_history": "warehouses are metered by warehouse_metering_history",
        "warehouse_events_history": "events of single clusters",
        "users": "services and dropped users",
        "grants_to_users": "roles that were taken back",
        "rate_sheet_daily": "rows of other accounts, rebates",
        "usage_in_currency_daily": "rows of other accounts",
        "storage_daily_history": "rows of other accounts",
    }


class TestSnowflakeBilledByFocus(TestSnowflake):
    settings: ClassVar = {"account": "acme-prod", "bill": "focus"}
    partial: ClassVar = {
        **TestSnowflake.partial,
        "usage_in_currency_daily": "another view is the bill",
        "focus_cost_usage_v1_3": "rows of other accounts",
    }
