"""Snowflake: credits from its metering views, weights from its query views, money from its organization views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, cast

from costlens.connector import Connector, Facts, Finding, Rate, Reader, SourceSettings, View
from costlens_snowflake import billing, metering, money, queries, users
from costlens_snowflake.settings import Rates, SnowflakeSettings
from costlens_snowflake.statements import export_statement
from costlens_snowflake.views import ACCESS_HISTORY, FOCUS_COST_USAGE, RUNNING_QUERIES, VIEWS

if TYPE_CHECKING:
    import ibis.expr.types as ir

__all__ = ["Snowflake", "SnowflakeSettings"]


class Snowflake(Connector):
    """A Snowflake account, live or exported."""

    type = "snowflake"
    Settings = SnowflakeSettings
    views: ClassVar[tuple[View, ...]] = VIEWS
    running: ClassVar[View | None] = RUNNING_QUERIES
    billing = billing.BILLING
    dialect = "snowflake"

    def __init__(self, settings: SourceSettings) -> None:
        super().__init__(settings)
        unused = [] if self._given.bill == "focus" else [FOCUS_COST_USAGE]
        unused += [] if self._given.access_history else [ACCESS_HISTORY]
        # Nobody has to grant or export a view that is not used.
        self.views = tuple(view for view in VIEWS if view not in unused)  # type: ignore[misc]

    @property
    def _given(self) -> SnowflakeSettings:
        return cast("SnowflakeSettings", self.settings)

    def open(self) -> Reader:
        """Connect; the driver is only needed here."""
        from costlens_snowflake.live import SnowflakeReader

        return SnowflakeReader(self._given, self.sql)

    def normalise(self, view: View, rows: ir.Table) -> Sequence[Facts]:
        """Turn rows into facts; rows of other accounts in organization views are left out."""
        account = self._given.account
        for locator, name in _ACCOUNT_COLUMNS:
            if locator in rows.columns:
                rows = self._own(rows, rows[locator], rows[name])
        if view.name in metering.LINES:
            return metering.lines(view.name, rows, account)
        if view.name == "query_history":
            return queries.queries(rows, account, texts=self._given.texts != "none")
        if view.name in _WITHOUT_ACCOUNT:
            return _WITHOUT_ACCOUNT[view.name](rows)
        if view.name in _BILLS and _BILLS[view.name] != self._given.bill:
            rows = rows.limit(0)
        return _WITH_ACCOUNT[view.name](rows, account)

    def normalise_running(self, rows: ir.Table) -> ir.Table:
        """Turn rows of RUNNING_QUERIES into queries under way."""
        return queries.running(rows)

    def rates(self) -> Sequence[Rate]:
        """Return the configured prices, then the list prices of the edition where those are in the same currency."""
        given = self._given.rates
        listed = billing.list_rates(self._given.edition)
        return listed if given is None else (*_configured(given), *(listed if given.currency == "USD" else ()))

    def check(self) -> Iterable[Finding]:
        """Warn of a password, and of a key file that others may read."""
        if self._given.password is not None:
            yield Finding(
                "sign-in",
                "warning",
                "a password is used; Snowflake stops them for service users in 2026",
                "use private_key_file, token or workload_identity",
            )
        key = self._given.private_key_file
        if key is not None and key.exists() and key.stat().st_mode & 0o077:
            yield Finding("private key", "warning", f"others may read {key}", f"chmod 600 {key}")

    @classmethod
    def export_statement(cls, view: View) -> str:
        """Return COPY INTO and GET of a view."""
        return export_statement(view, cls.sql(view))

    def _own(self, rows: ir.Table, locator: ir.StringValue, name: ir.StringValue) -> ir.Table:
        account = self._given.account
        if account is None:
            return rows
        whole = account.partition(".")[0].upper()
        names = sorted({whole, whole.partition("-")[2]} - {""})
        own = locator.upper().isin(names)
        own = own | name.upper().replace("-", "_").isin([spelt.replace("-", "_") for spelt in names])
        return rows.filter(own.fill_null(False) | (locator.isnull() & name.isnull()))


def _configured(given: Rates) -> tuple[Rate, ...]:
    return billing.rates(
        "configured",
        given.currency,
        compute=given.compute,
        storage=given.storage,
        ai=given.ai,
        transfer=given.transfer,
    )


#: How the organization's views name an account.
_ACCOUNT_COLUMNS = (("account_locator", "account_name"), ("subaccountid", "subaccountname"))
_BILLS = {"usage_in_currency_daily": "currency", "focus_cost_usage_v1_3": "focus"}
_WITHOUT_ACCOUNT = {
    "query_attribution_history": queries.attribution,
    "query_metering_history": queries.adaptive,
    "access_history": queries.accesses,
    "sessions": queries.sessions,
    "users": users.users,
    "grants_to_users": users.grants,
    "warehouse_events_history": metering.events,
}
_WITH_ACCOUNT = {
    "warehouse_metering_history": metering.warehouses,
    "metering_history": metering.services,
    "data_transfer_history": metering.transfers,
    "cortex_ai_functions_usage_history": metering.ai_functions,
    "metering_daily_history": money.credits_billed,
    "rate_sheet_daily": money.rates,
    "usage_in_currency_daily": money.currency_billed,
    "focus_cost_usage_v1_3": money.focus_billed,
    "table_storage_metrics": money.tables,
    "database_storage_usage_history": money.databases,
    "storage_daily_history": money.accounts,
}
