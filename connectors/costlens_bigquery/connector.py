"""BigQuery as a source: declares its views and billing rules, and sends each view to the function that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar, cast

from costlens.connector import Billing, Connector, Facts, Finding, Rate, Reader, View
from costlens_bigquery import jobs, lines
from costlens_bigquery.bill import bill
from costlens_bigquery.commitments import settle
from costlens_bigquery.prices import configured_rates, list_rates, unpriced
from costlens_bigquery.services import ANALYSIS, BILLED
from costlens_bigquery.settings import BigQuerySettings
from costlens_bigquery.statements import export_statement
from costlens_bigquery.views import BILLING_EXPORT, RUNNING_JOBS, VIEWS

if TYPE_CHECKING:
    import ibis.expr.types as ir


class BigQuery(Connector):
    """A BigQuery project or organization."""

    type = "bigquery"
    Settings = BigQuerySettings
    views = VIEWS
    dialect = "bigquery"
    running: ClassVar[View | None] = RUNNING_JOBS
    export_regions = True
    billing = Billing(
        calendar="America/Los_Angeles",
        pool_unit="slot-hours",
        bytes_service=ANALYSIS,
        bill_services=BILLED,
        final_after=timedelta(days=3),
    )

    @property
    def own(self) -> BigQuerySettings:
        """The settings as what they are."""
        return cast("BigQuerySettings", self.settings)

    def open(self) -> Reader:
        """Connect to BigQuery. Raises SourceError where there are no usable credentials."""
        from costlens_bigquery.reader import connect  # the driver is heavy, and exports need none

        return connect(self.own)

    @classmethod
    def export_statement(cls, view: View) -> str:
        """Return the script that exports a view to Cloud Storage."""
        return export_statement(view)

    def normalise(self, view: View, rows: ir.Table) -> Sequence[Facts]:
        """Turn the rows of one view into facts."""
        region = self.own.only_region
        match view.name:
            case "jobs":
                return (Facts("queries", jobs.queries(rows, region)),)
            case "jobs_timeline":
                return (Facts("query_usage", jobs.query_usage(rows, region)),)
            case "reservations_timeline":
                return (Facts("metering", lines.metering(rows, region)),)
            case "billing_export":
                return (Facts("bill", bill(rows)),)
        return (Facts("usage", _USAGE[view.name](rows, region)),)

    def normalise_running(self, rows: ir.Table) -> ir.Table:
        """Turn rows of RUNNING_JOBS into queries under way."""
        return jobs.running(rows, self.own.only_region)

    @classmethod
    def settle(cls, facts: Mapping[str, ir.Table]) -> Mapping[str, ir.Table]:
        """Spread committed slots over the baselines that they cover."""
        return settle(facts)

    def rates(self) -> Sequence[Rate]:
        """Return the configured prices, then the list's."""
        return (*configured_rates(self.own.rates), *list_rates())

    def _has_bill(self) -> bool:
        if self.own.export is not None:
            return any(self.own.export.rglob(f"{BILLING_EXPORT.name}*"))
        return self.own.billing_export is not None

    def check(self) -> Iterable[Finding]:
        """Say which regions have no price, and what of the credentials needs a person."""
        rates = tuple(self.rates())
        for region in () if self._has_bill() else self.own.regions:
            if kinds := unpriced(region, rates):
                yield Finding(
                    f"prices of {region}",
                    "warning",
                    f"no list price of {', '.join(kinds[:3])}{' …' if len(kinds) > 3 else ''}",
                    f"set `billing_export:`, or `rates: {{regions: {{{region}: {{{kinds[0]}: …}}}}}}`",
                )
        file = self.own.credentials_file
        if file is not None and file.is_file() and file.stat().st_mode & 0o077:
            yield Finding(
                "credentials_file", "warning", f"{file.name} can be read by other users", f"chmod 600 {file.name}"
            )


_USAGE = {
    "capacity_commitments": lines.commitments,
    "table_storage_usage_timeline": lines.storage,
    "streaming_timeline": lines.streaming,
    "write_api_timeline": lines.written,
}
