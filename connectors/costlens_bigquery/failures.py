"""Says in one line what failed at BigQuery and what to do; quotes Google only where it is about our own query."""

from __future__ import annotations

import re

import requests
from google.api_core.exceptions import (
    BadRequest,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    PermissionDenied,
    RetryError,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError, TransportError

from costlens.connector import View
from costlens.errors import SourceError, ViewUnavailable
from costlens_bigquery.settings import BigQuerySettings

#: What the driver raises when a call does not work out.
FAILURES = (GoogleAPICallError, RetryError, GoogleAuthError, requests.RequestException, ConnectionError)
_LACKING = re.compile(r"Unrecognized name: (?:`?\w+`?\.)?`?(\w+)`?|Name (\w+) not found inside", re.IGNORECASE)
_LONGEST = 200


class NotHere(ViewUnavailable):
    """A place has no such view, or does not show it to us; other places may."""


def lacking_column(error: Exception) -> str | None:
    """Return the column that BigQuery says it does not have, in lower case."""
    found = _LACKING.search(str(error)) if isinstance(error, BadRequest) else None
    return (found[1] or found[2]).lower() if found else None


def translated(error: Exception, view: View, settings: BigQuerySettings, place: str) -> SourceError:
    """Return the error to raise for a view at a place (`region eu`, or a table).

    It is a ViewUnavailable where other views can go on, a NotHere where other places can too, and not `permanent` where
    trying again later may help.
    """
    where, reasons = f"{settings.name}: {view.name} in {place}", _reasons(error)
    if isinstance(error, Unauthorized) or (
        isinstance(error, GoogleAuthError) and not isinstance(error, TransportError)
    ):
        return SourceError(
            f"{settings.name}: Google refused the credentials ({type(error).__name__}); "
            "log in again, or set another `credentials_file:`"
        )
    if isinstance(error, BadRequest):
        return _refused(error, where, reasons, settings)
    if "bigquery.jobs.create" in str(error):
        return SourceError(
            f"{settings.name}: no query may be run in {settings.project}; grant roles/bigquery.jobUser on that project"
        )
    if "quotaExceeded" in reasons:
        return _passing(f"{where}: a quota of the project is used up", "the next sync tries again; or raise the quota")
    if isinstance(error, Forbidden | PermissionDenied):
        return NotHere(f"{where} may not be read", remedy=f"grant {view.grant}")
    if isinstance(error, NotFound):
        return NotHere(
            f"{where} does not exist", remedy="correct `regions:`, `project:`, `admin_project:` or `billing_export:`"
        )
    return _passing(f"{where}: BigQuery did not answer ({type(error).__name__})", "the next sync tries again")


def _refused(error: BadRequest, where: str, reasons: set[str], settings: BigQuerySettings) -> SourceError:
    if "bytesBilledLimitExceeded" in reasons or "bytes billed" in str(error):
        return ViewUnavailable(
            f"{where} would bill more than {settings.maximum_bytes_billed:,} bytes",
            remedy="raise `maximum_bytes_billed:`, or read less by `sync --since`",
        )
    said = next((str(detail["message"]) for detail in _details(error) if detail.get("message")), "no reason given")
    return ViewUnavailable(
        f"{where}: BigQuery refused our query: {said.splitlines()[0][:_LONGEST]}",
        remedy="report this with the line above",
    )


def _passing(message: str, remedy: str) -> ViewUnavailable:
    error = ViewUnavailable(message, remedy=remedy)
    error.permanent = False
    return error


def _reasons(error: Exception) -> set[str]:
    return {str(detail.get("reason")) for detail in _details(error)}


def _details(error: Exception) -> list[dict[str, object]]:
    cause = error.cause if isinstance(error, RetryError) and error.cause is not None else error
    return [detail for detail in getattr(cause, "errors", None) or () if isinstance(detail, dict)]
