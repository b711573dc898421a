"""A stand-in for BigQuery's Storage Read API on loopback: it streams the results of the REST stand-in's queries as Arrow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc  # type: ignore[import-untyped]
import pyarrow as pa
from google.cloud import bigquery_storage
from google.cloud.bigquery_storage_v1.services.big_query_read.transports import BigQueryReadGrpcTransport
from google.cloud.bigquery_storage_v1.types import (
    CreateReadSessionRequest,
    ReadRowsRequest,
    ReadRowsResponse,
    ReadSession,
)

from tests.bigquery.standin import Standin

_SERVICE = "google.cloud.bigquery.storage.v1.BigQueryRead"
_client: Callable[..., Any] = bigquery_storage.BigQueryReadClient


class Streams:
    """A context manager; `is_allowed` says whether sessions may be made."""

    def __init__(self, standin: Standin, *, is_allowed: bool = True) -> None:
        self.is_allowed = is_allowed
        self.sessions = 0
        self._standin = standin
        self._server = grpc.server(ThreadPoolExecutor(2))
        unary, stream = grpc.unary_unary_rpc_method_handler, grpc.unary_stream_rpc_method_handler
        methods = {
            "CreateReadSession": unary(
                self._session, CreateReadSessionRequest.deserialize, lambda session: ReadSession.serialize(session)
            ),
            "ReadRows": stream(self._rows, ReadRowsRequest.deserialize, lambda rows: ReadRowsResponse.serialize(rows)),
        }
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, methods),))
        self._port = self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self) -> Streams:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()

    def client(self) -> Any:
        """Return the real client, wired to this server."""
        channel = grpc.insecure_channel(f"127.0.0.1:{self._port}")
        return _client(transport=BigQueryReadGrpcTransport(channel=channel))

    def _session(self, request: Any, context: grpc.ServicerContext) -> Any:
        if not self.is_allowed:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "bigquery.readsessions.create is not granted")
        self.sessions += 1
        name = request.read_session.table.rpartition("/")[2]
        schema = self._standin.jobs[name].table.schema.serialize().to_pybytes()
        made = {"name": f"sessions/{name}", "arrow_schema": {"serialized_schema": schema}, "streams": [{"name": name}]}
        return ReadSession(made)

    def _rows(self, request: Any, _: grpc.ServicerContext) -> Iterator[Any]:
        table: pa.Table = self._standin.jobs[request.read_stream].table
        for batch in table.to_batches(max_chunksize=5):
            message = {"serialized_record_batch": batch.serialize().to_pybytes()}
            schema = {"serialized_schema": table.schema.serialize().to_pybytes()}
            yield ReadRowsResponse({"arrow_record_batch": message, "arrow_schema": schema, "row_count": batch.num_rows})
