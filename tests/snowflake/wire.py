"""A Snowflake account on loopback that speaks the driver's wire protocol: local-zone times, results in several chunks.

Knows what fakesnow does not: TIMESTAMP_LTZ, chunks to fetch, and Snowflake's own error codes. SQL runs on DuckDB.
"""

from __future__ import annotations

import base64
import gzip
import http.server
import json
import threading
from collections.abc import Sequence
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot

from costlens.connector import View
from costlens_snowflake.views import RUNNING_QUERIES, VIEWS

EXPORT = Path(__file__).parent / "export"
EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DUCKDB = {"instant": "timestamptz", "day": "date", "integer": "bigint", "double": "double", "boolean": "boolean"}
_WIRE = {"text": "TEXT", "json": "VARIANT", "instant": "TIMESTAMP_LTZ", "day": "DATE", "boolean": "BOOLEAN"}
_LTZ = pa.struct([pa.field("epoch", pa.int64(), nullable=False), pa.field("fraction", pa.int32(), nullable=False)])
#: The function of what runs now, as it is asked; the stand-in keeps its rows in a table.
_RUNNING = "table(snowflake.information_schema.query_history(result_limit => 10000))"
#: Codes of Snowflake: SQL compilation errors.
NO_OBJECT, NO_COLUMN = "002003", "000904"


class Account:
    """The stand-in; `hidden` views may not be read, `lacking` names columns that views do not have."""

    def __init__(self, hidden: Sequence[str] = (), lacking: Sequence[str] = (), rows_per_chunk: int = 4) -> None:
        self.hidden = hidden
        self.lacking = lacking
        self.rows_per_chunk = rows_per_chunk
        self.logins: list[dict[str, Any]] = []
        self.statements: list[str] = []
        self.chunks: list[bytes] = []
        self._duckdb = duckdb.connect()
        self._duckdb.execute("set timezone = 'UTC'")
        for view in VIEWS:
            self._duckdb.execute(f"create table {view.name} as {_rows(view)}")
        told = [c for c in RUNNING_QUERIES.columns if c.name != RUNNING_QUERIES.time_column]
        listed = ", ".join(f"{column.name} {_DUCKDB.get(column.type, 'varchar')}" for column in told)
        self._duckdb.execute(f"create table {RUNNING_QUERIES.name} ({listed})")
        account = self

        class Handler(_Handler):
            def answer(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
                return account.answer(path, sent)

            def chunk(self, number: int) -> bytes:
                return account.chunks[number]

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Account:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        self._duckdb.close()

    def execute(self, sql: str) -> None:
        """Change what the account holds, in DuckDB's SQL."""
        self._duckdb.execute(sql)

    def answer(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        if "login-request" in path:
            self.logins.append(sent["data"])
            lasting = {"validityInSeconds": 3600, "masterValidityInSeconds": 14_400}
            session = {
                "token": "t",
                "masterToken": "m",
                "sessionId": 7,
                "sessionInfo": {},
                "serverVersion": "9.0.0",
                **lasting,
            }
            zone = sent["data"].get("SESSION_PARAMETERS", {}).get("TIMEZONE", "America/Los_Angeles")
            return _done({**session, "parameters": [{"name": "TIMEZONE", "value": zone}]})
        if "query-request" in path:
            return self._query(sent["sqlText"], sent.get("bindings") or {})
        return _done(None)

    def _query(self, sql: str, bindings: dict[str, dict[str, Any]]) -> dict[str, Any]:
        self.statements.append(sql)
        tree = sqlglot.parse_one(sql.replace(_RUNNING, RUNNING_QUERIES.name), read="snowflake")
        table = tree.find(sqlglot.exp.Table)
        assert table is not None
        name = table.name.lower()
        name = f"reader_{name}" if table.db.lower() == "reader_account_usage" else name
        view = next(view for view in (*VIEWS, RUNNING_QUERIES) if view.name == name)
        if view.name in self.hidden:
            return _failed(
                NO_OBJECT, f"SQL compilation error:\nObject '{view.name.upper()}' does not exist or not authorized."
            )
        assert isinstance(tree, sqlglot.exp.Select)
        names = tree.named_selects
        for name in names:
            if name.lower() in self.lacking:
                return _failed(
                    NO_COLUMN, f"SQL compilation error: error line 2 at position 4\ninvalid identifier '{name.upper()}'"
                )
        table.replace(sqlglot.exp.to_table(view.name))
        values = [_bound(bindings[str(place)]) for place in range(1, len(bindings) + 1)]
        found = self._duckdb.execute(tree.sql(dialect="duckdb"), values).to_arrow_table()
        return self._result(view, found)

    def _result(self, view: View, found: pa.Table) -> dict[str, Any]:
        kinds = {column.name: column.type for column in view.columns}
        described = [_described(name, kinds[name.lower()]) for name in found.column_names]
        columns = [_encoded(found[name].combine_chunks(), kinds[name.lower()]) for name in found.column_names]
        fields = [
            pa.field(
                name,
                column.type,
                metadata={"logicalType": kind["type"], "scale": str(kind["scale"] or 0), "precision": "38"},
            )
            for name, column, kind in zip(found.column_names, columns, described, strict=True)
        ]
        table = pa.Table.from_arrays(columns, schema=pa.schema(fields))
        first, more = table.slice(0, self.rows_per_chunk), []
        for start in range(self.rows_per_chunk, table.num_rows, self.rows_per_chunk):
            part = table.slice(start, self.rows_per_chunk)
            content = _ipc(part)
            url = f"http://127.0.0.1:{self.port}/chunk/{len(self.chunks)}"
            self.chunks.append(content)
            more.append(
                {
                    "url": url,
                    "rowCount": part.num_rows,
                    "uncompressedSize": len(content),
                    "compressedSize": len(content),
                }
            )
        return _done(
            {
                "parameters": [],
                "rowtype": described,
                "rowsetBase64": base64.b64encode(_ipc(first)).decode(),
                "queryResultFormat": "arrow",
                "total": table.num_rows,
                "returned": table.num_rows,
                "queryId": "01c0ffee-0000-0000-0000-000000000001",
                "statementTypeId": 4096,
                "chunks": more,
                "chunkHeaders": {"x-test": "1"},
                "qrmk": None,
            }
        )


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, path: str, sent: dict[str, Any]) -> dict[str, Any]:
        raise NotImplementedError

    def chunk(self, number: int) -> bytes:
        raise NotImplementedError

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self._send(json.dumps(self.answer(self.path, json.loads(body or b"{}"))).encode(), "application/json")

    def do_GET(self) -> None:
        self._send(self.chunk(int(self.path.rpartition("/")[2])), "application/octet-stream")

    def _send(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Say nothing on the console of the tests."""


def _done(data: Any) -> dict[str, Any]:
    return {"data": data, "success": True, "code": None, "message": None}


def _failed(code: str, message: str) -> dict[str, Any]:
    return {
        "data": {"errorCode": code, "sqlState": "42S02", "queryId": "01c0"},
        "success": False,
        "code": code,
        "message": message,
    }


def _rows(view: View) -> str:
    """Return a select of the view's rows in the export, typed."""
    spelt = (EXPORT / f"{view.name}.jsonl").read_text().partition("\n")[0]
    keys = {key.lower(): key for key in json.loads(spelt)}
    parts = []
    for column in view.columns:
        key = keys.get(column.name)
        raw = f"regexp_replace(j ->> '{key}', ' [+]0000$', '+00')" if key else "null"
        kind = _DUCKDB.get(column.type, "decimal(38, 9)" if column.type == "decimal" else "varchar")
        parts.append(f'try_cast({raw} as {kind}) as "{column.name}"')
    return f"select {', '.join(parts)} from (select json as j from read_json_objects('{EXPORT / view.name}.jsonl'))"


def _described(name: str, kind: str) -> dict[str, Any]:
    wire = _WIRE.get(kind, "REAL" if kind == "double" else "FIXED")
    scale = {"decimal": 9, "instant": 9}.get(kind, 0)
    shared = {
        "name": name,
        "database": "",
        "schema": "",
        "table": "",
        "nullable": True,
        "byteLength": None,
        "length": None,
    }
    return {**shared, "type": wire, "scale": scale, "precision": 38, "collation": None}


def _encoded(column: pa.Array, kind: str) -> pa.Array:
    """Return values as Snowflake sends them: times as seconds and nanoseconds, decimals scaled to integers."""
    if kind == "instant":
        stamps = [None if at is None else at - EPOCH for at in column.to_pylist()]
        whole = [
            None if at is None else {"epoch": at // timedelta(seconds=1), "fraction": at.microseconds * 1000}
            for at in stamps
        ]
        return pa.array(whole, _LTZ)
    if kind == "decimal":
        scaled = [None if value is None else int(value.scaleb(9)) for value in column.to_pylist()]
        fits = all(value is None or abs(value) < 2**63 for value in scaled)
        return pa.array(scaled, pa.int64()) if fits else column.cast(pa.decimal128(38, 9))
    return column


def _ipc(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table.combine_chunks())
    return bytes(sink.getvalue())


def _bound(binding: dict[str, Any]) -> datetime | date:
    if binding["type"] == "DATE":
        return (EPOCH + timedelta(milliseconds=int(binding["value"]))).date()
    assert binding["type"] == "TIMESTAMP_LTZ", binding
    return EPOCH + timedelta(microseconds=int(binding["value"]) // 1000)
