"""The Snowflake export: every view that the sample account can read, as one Parquet file."""

from __future__ import annotations

from pathlib import Path

from costlens_sample.generate import snowflake_bill as money
from costlens_sample.generate import snowflake_objects as objects
from costlens_sample.generate import snowflake_queries as queries
from costlens_sample.generate import snowflake_storage as storage
from costlens_sample.generate import snowflake_users as users
from costlens_sample.generate.account import Account
from costlens_sample.generate.billing import Bill
from costlens_sample.generate.files import write


def export(account: Account, bill: Bill, folder: Path) -> None:
    """Write `<view>.parquet` files into the folder."""
    views = {
        "query_history": (queries.QUERY_HISTORY, queries.query_history(account)),
        "query_attribution_history": (queries.QUERY_ATTRIBUTION_HISTORY, queries.query_attribution_history(account)),
        "query_metering_history": (queries.QUERY_METERING_HISTORY, queries.query_metering_history(account)),
        "sessions": (queries.SESSIONS, queries.sessions(account)),
        "users": (users.USERS, users.users()),
        "grants_to_users": (users.GRANTS_TO_USERS, users.grants_to_users()),
        "warehouse_events_history": (queries.WAREHOUSE_EVENTS_HISTORY, queries.warehouse_events_history(account)),
        "warehouse_metering_history": (money.WAREHOUSE_METERING_HISTORY, money.warehouse_metering_history(bill)),
        "metering_history": (money.METERING_HISTORY, money.metering_history(bill)),
        "metering_daily_history": (money.METERING_DAILY_HISTORY, money.metering_daily_history(bill)),
        "usage_in_currency_daily": (money.USAGE_IN_CURRENCY_DAILY, money.usage_in_currency_daily(bill)),
        "rate_sheet_daily": (money.RATE_SHEET_DAILY, money.rate_sheet_daily(bill)),
        "storage_daily_history": (storage.STORAGE_DAILY_HISTORY, storage.storage_daily_history()),
        "database_storage_usage_history": (
            storage.DATABASE_STORAGE_USAGE_HISTORY,
            storage.database_storage_usage_history(),
        ),
        "table_storage_metrics": (storage.TABLE_STORAGE_METRICS, storage.table_storage_metrics()),
        "data_transfer_history": (storage.DATA_TRANSFER_HISTORY, storage.data_transfer_history()),
    }
    for view, (_, _, columns) in objects.OBJECT_VIEWS.items():
        views[view] = (columns, objects.object_rows(bill, view))
    views |= {view: (columns, []) for view, columns in objects.UNUSED.items()}
    for view, (columns, rows) in views.items():
        write(folder / f"{view}.parquet", columns, rows)
