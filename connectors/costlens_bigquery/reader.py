"""Reads a live BigQuery: each view in each region, as Arrow, by the Storage Read API where that is allowed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
from google.api_core.client_info import ClientInfo
from google.api_core.exceptions import BadRequest, Forbidden
from google.cloud import bigquery, bigquery_storage
from google.cloud.bigquery.retry import DEFAULT_JOB_RETRY, DEFAULT_RETRY

from costlens.connector import Reader, View
from costlens.errors import NOT_READ, Problem, SourceError, ViewUnavailable
from costlens_bigquery.credentials import credentials
from costlens_bigquery.failures import FAILURES, NotHere, lacking_column, translated
from costlens_bigquery.settings import BigQuerySettings, region_name
from costlens_bigquery.statements import REGION, billing_statement, statement
from costlens_bigquery.views import BILLING_EXPORT

#: Of our own queries, so that what CostLens costs is a line of its own.
LABELS = {"app": "costlens"}
_client_info: Callable[..., Any] = ClientInfo
_stream_client: Callable[..., Any] = bigquery_storage.BigQueryReadClient
_PARTITION_TIME = "_partitiontime"
_PAGE_ROWS = 20_000
#: Columns that the view of a whole organization does not have.
_NOT_OF_ORGANIZATIONS = {"jobs": frozenset({"query", "dml_statistics"}), "running_jobs": frozenset({"query"})}


def connect(settings: BigQuerySettings) -> LiveReader:
    """Connect with the settings' credentials. Raises SourceError where there are none."""
    found = credentials(settings)
    client = bigquery.Client(
        project=settings.project,
        credentials=found,
        client_options={"api_endpoint": settings.endpoint} if settings.endpoint else None,
        client_info=_client_info(user_agent="costlens"),
    )
    is_streamed = settings.storage_api and settings.endpoint is None  # the Storage API has an address of its own
    stream = _stream_client(credentials=found) if is_streamed else None
    return LiveReader(settings, client, stream)


class LiveReader(Reader):
    """Runs the extraction queries; a call that fails in passing is tried again for `patience` seconds."""

    def __init__(
        self, settings: BigQuerySettings, client: bigquery.Client, stream: Any = None, *, patience: float = 180.0
    ) -> None:
        self._settings = settings
        self._client = client
        self._stream = stream
        self._retry = DEFAULT_RETRY.with_timeout(patience).with_delay(initial=0.3)
        self._job_retry = DEFAULT_JOB_RETRY.with_timeout(patience).with_delay(initial=0.3)
        self._patience = patience
        self._regions: tuple[str, ...] = settings.regions
        self._lacking: dict[str, frozenset[str]] = {}
        self._problems: list[Problem] = []

    def read(self, view: View, since: datetime, until: datetime) -> Iterable[pa.RecordBatch]:
        """Yield the view's rows region by region.

        A region that may not be read becomes a problem and the others go on. One that fails otherwise fails the whole
        view: what the ledger holds of that region would else be taken for gone.
        """
        if view.name == BILLING_EXPORT.name:
            yield from self._billing(view, since, until)
            return
        failed: dict[str, NotHere] = {}
        regions = self._places(view)
        for region in regions:
            yield from self._tolerant(view, region, since, until, failed)
        if len(failed) == len(regions):
            raise failed[regions[0]]
        for region, failure in failed.items():
            reason = f"region {region}{NOT_READ}{failure.remedy}"
            self._problems.append(Problem(self._settings.name, view.name, reason))

    def missing_columns(self) -> Sequence[Problem]:
        """Return the columns that BigQuery did not have and the regions that could not be read, so far."""
        return tuple(self._problems)

    def close(self) -> None:
        """Close the connections."""
        client: Any = self._client
        client.close()
        if self._stream is not None:
            self._stream.transport.close()

    def _places(self, view: View) -> tuple[str, ...]:
        """Return the regions to ask: the settings', else those where the project has data sets."""
        if not self._regions:
            try:
                found = list(self._client.list_datasets(retry=self._retry, timeout=self._patience))
            except FAILURES as error:
                raise translated(error, view, self._settings, "any region") from None
            places = {str(dataset._properties.get("location") or "") for dataset in found} - {""}
            if not places:
                raise SourceError(
                    f"{self._settings.name}: {self._settings.project} has no data set to tell a region by; "
                    "set `regions: [us]`"
                )
            self._regions = tuple(sorted(region_name(place) for place in places))
        return self._regions

    def _tolerant(
        self, view: View, region: str, since: datetime, until: datetime, failed: dict[str, NotHere]
    ) -> Iterator[pa.RecordBatch]:
        try:
            yield from self._region(view, region, since, until)
        except NotHere as error:
            failed[region] = error

    def _region(self, view: View, region: str, since: datetime, until: datetime) -> Iterator[pa.RecordBatch]:
        lacking = self._left_out(view)
        while True:
            text = statement(view, self._settings, region, lacking)
            try:
                for batch in self._run(text, _window(view, since, until), region):
                    yield _completed(batch, view, region)
            except BadRequest as error:
                name = lacking_column(error)
                if name not in {column.name for column in view.columns} - lacking - set(view.required()):
                    raise translated(error, view, self._settings, f"region {region}") from None
                lacking |= {str(name)}
                self._problems.append(
                    Problem(self._settings.name, view.name, f"no column {name}: read as empty", str(name))
                )
                self._lacking[view.name] = lacking
            except FAILURES as error:
                raise translated(error, view, self._settings, f"region {region}") from None
            else:
                return

    def _left_out(self, view: View) -> frozenset[str]:
        lacking = self._lacking.get(view.name, frozenset())
        if self._settings.scope == "organization":
            lacking |= _NOT_OF_ORGANIZATIONS.get(view.name, frozenset())
        if self._settings.texts == "none":
            lacking |= {"query"}
        return lacking

    def _billing(self, view: View, since: datetime, until: datetime) -> Iterator[pa.RecordBatch]:
        table = self._settings.billing_export
        if table is None:
            raise ViewUnavailable(
                f"{self._settings.name}: no billing export is configured",
                remedy="export Cloud Billing to BigQuery and set `billing_export: project.dataset.table`",
            )
        mine = {self._settings.project, self._settings.admin_project} - {None}
        projects = sorted(str(name) for name in mine) if self._settings.scope == "project" else []
        parameters = [*_window(view, since, until), bigquery.ArrayQueryParameter("projects", "STRING", projects)]
        is_partitioned = True
        while True:
            text = billing_statement(self._settings, is_partitioned=is_partitioned)
            try:
                yield from self._run(text, parameters, self._settings.billing_location)
            except FAILURES as error:
                if is_partitioned and lacking_column(error) == _PARTITION_TIME:
                    is_partitioned = False
                    continue
                raise translated(error, view, self._settings, table) from None
            else:
                return

    def _run(self, text: str, parameters: Sequence[Any], location: str | None) -> Iterator[pa.RecordBatch]:
        config = bigquery.QueryJobConfig(
            query_parameters=list(parameters),
            labels=dict(LABELS),
            maximum_bytes_billed=self._settings.maximum_bytes_billed,
            use_legacy_sql=False,
        )
        job = self._client.query(
            text,
            config,
            job_id_prefix="costlens-",
            location=location,
            retry=self._retry,
            job_retry=None,  # else the client tries to start it for ten minutes, whatever `retry` says
            timeout=self._patience,
        )
        rows = job.result(page_size=_PAGE_ROWS, retry=self._retry, job_retry=self._job_retry, timeout=self._patience)
        if self._stream is not None:
            is_begun = False
            try:
                for batch in rows.to_arrow_iterable(bqstorage_client=self._stream):
                    is_begun = True
                    yield batch
            except (
                Forbidden
            ):  # bigquery.readsessions.create is not granted; the ordinary API needs no more than the query
                if is_begun:
                    raise
                self._stream = None
                rows = job.result(page_size=_PAGE_ROWS, retry=self._retry, timeout=self._patience)
            else:
                return
        yield from rows.to_arrow_iterable()


def _window(view: View, since: datetime, until: datetime) -> list[Any]:
    """Return the window as parameters; of a view by days it is widened to whole days, as an export's is."""
    if view.is_snapshot:
        return []
    kind = next(column.type for column in view.columns if column.name == view.time_column)
    if kind == "day":
        last = until.astimezone(timezone.utc) - timedelta(microseconds=1)
        days = (since.astimezone(timezone.utc).date(), last.date() + timedelta(days=1))
        return [
            bigquery.ScalarQueryParameter(name, "DATE", day) for name, day in zip(("since", "until"), days, strict=True)
        ]
    times = (("since", since), ("until", until))
    return [bigquery.ScalarQueryParameter(name, "TIMESTAMP", at) for name, at in times]


def _completed(batch: pa.RecordBatch, view: View, region: str) -> pa.RecordBatch:
    """Put in what Google's views do not say: the region, and the day that a view of the present was read on."""
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns[REGION] = pa.array([region] * batch.num_rows, pa.string())
    if view.is_snapshot:
        today: date = datetime.now(timezone.utc).date()
        columns[view.time_column] = pa.array([today] * batch.num_rows, pa.date32())
    return pa.RecordBatch.from_pydict(columns)
