"""Finds the credentials that the settings ask for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import google.auth
from google.auth import aws, identity_pool, impersonated_credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.oauth2 import credentials as user
from google.oauth2 import service_account

from costlens.errors import SourceError
from costlens_bigquery.settings import BigQuerySettings

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_KINDS = "it must be the JSON file of a service account, of workload identity federation or of a user"
#: What `type` a file may say it is -> what makes credentials of it. Other kinds could run programs.
_MAKERS: dict[str, Callable[..., Any]] = {
    "service_account": service_account.Credentials.from_service_account_info,
    "authorized_user": user.Credentials.from_authorized_user_info,
    "external_account": identity_pool.Credentials.from_info,
    "external_account of AWS": aws.Credentials.from_info,
}
_impersonated: Callable[..., Any] = impersonated_credentials.Credentials


def credentials(settings: BigQuerySettings) -> Any:
    """Return credentials: of the file, else the application default ones, acting as another account where that is set.

    Raises SourceError where there are none; its message holds nothing of the file.
    """
    source = _from_file(settings) if settings.credentials_file else _default(settings)
    if settings.impersonate is None:
        return source
    return _impersonated(source, settings.impersonate, target_scopes=_SCOPES)


def _default(settings: BigQuerySettings) -> Any:
    try:
        found, _ = google.auth.default(scopes=_SCOPES)
    except DefaultCredentialsError:
        raise SourceError(
            f"{settings.name}: there are no Google credentials here; run `gcloud auth application-default login`, "
            "or set `credentials_file:`"
        ) from None
    return found


def _from_file(settings: BigQuerySettings) -> Any:
    path = settings.credentials_file or Path()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        kind = str(content["type"])
        if "environment_id" in content.get("credential_source", {}):
            kind += " of AWS"
        return _MAKERS[kind](content, scopes=_SCOPES)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, GoogleAuthError) as error:
        raise SourceError(
            f"{settings.name}: credentials_file {path} cannot be used ({type(error).__name__}); {_KINDS}"
        ) from None
