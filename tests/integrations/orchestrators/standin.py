"""Snowflake and BigQuery on loopback, as far as the clients of orchestrators go: what they send is kept, what they ask is answered."""

from __future__ import annotations

import gzip
import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.integrations.orchestrators.arrivals import Arrivals
from tests.integrations.orchestrators.bigquery_standin import BigQuery
from tests.integrations.orchestrators.snowflake_standin import Snowflake


class Warehouses(Arrivals):
    """A context manager; `port` is where both warehouses listen."""

    def __init__(self) -> None:
        super().__init__()
        self.snowflake = Snowflake(self)
        self.bigquery = BigQuery(self)
        warehouses = self

        class Handler(_Handler):
            def answer(self, method: str, body: bytes) -> tuple[int, dict[str, Any]]:
                url = urlsplit(self.path)
                if "/projects/" in url.path or url.path == "/token":
                    options = {name: values[0] for name, values in parse_qs(url.query).items()}
                    return warehouses.bigquery.answer(method, url.path, options, body, dict(self.headers))
                return warehouses.snowflake.answer(url.path, body, self.headers.get("Authorization") or "")

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.bigquery.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> Warehouses:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, method: str, body: bytes) -> tuple[int, dict[str, Any]]:
        raise NotImplementedError

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        status, answer = self.answer(self.command, body)
        text = json.dumps(answer).encode()
        with suppress(OSError):
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            if location := answer.get("__location__"):
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815  the names that http.server asks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
