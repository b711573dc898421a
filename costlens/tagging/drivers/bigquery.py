"""Labels BigQuery jobs where the client sends them: queries, loads, copies, extracts and uploads; no extra call."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from costlens.tagging.guard import rewriting
from costlens.tagging.patching import Driver, Undo, wrap
from costlens.tagging.statement import labels

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_METADATA = 1  # position of the job resource among the arguments of the upload methods


def labelled(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a job's configuration, or of a query request, with the labels of this statement."""
    own = holder.get("labels")
    made = labels(own if isinstance(own, Mapping) else None)
    return {**holder, "labels": made} if made is not None else dict(holder)


def _job(resource: Mapping[str, Any]) -> dict[str, Any]:
    configuration = resource.get("configuration")
    if not isinstance(configuration, Mapping):
        return dict(resource)
    return {**resource, "configuration": labelled(configuration)}


def _rewrite_call(_client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    path, data = kwargs.get("path"), kwargs.get("data")
    if kwargs.get("method") != "POST" or not isinstance(path, str) or not isinstance(data, Mapping):
        return args, kwargs
    if path.endswith("/jobs"):
        return args, {**kwargs, "data": _job(data)}
    if path.endswith("/queries"):
        return args, {**kwargs, "data": labelled(data)}
    return args, kwargs


def _rewrite_upload(_client: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
    if len(args) > _METADATA:
        return (args[0], _job(args[_METADATA]), *args[_METADATA + 1 :]), kwargs
    return args, {**kwargs, "metadata": _job(kwargs["metadata"])}


def _patch(module: ModuleType) -> list[Undo]:
    client = module.Client
    return [
        wrap(client, "_call_api", rewriting(_rewrite_call)),
        wrap(client, "_initiate_resumable_upload", rewriting(_rewrite_upload)),
        wrap(client, "_do_multipart_upload", rewriting(_rewrite_upload)),
    ]


DRIVERS = (Driver("google.cloud.bigquery.client", "google-cloud-bigquery", (3, 30), (4,), _patch),)
