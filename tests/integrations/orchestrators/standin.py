"""Snowflake and BigQuery on loopback, as far as the clients of orchestrators go: what they send is kept, what they ask is answered."""

from __future__ import annotations

import gzip
import json
import socket
import ssl
import threading
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.integrations.orchestrators.arrivals import Arrivals
from tests.integrations.orchestrators.bigquery_standin import BigQuery
from tests.integrations.orchestrators.snowflake_standin import Snowflake


class Warehouses(Arrivals):
    """A context manager; `port` is where both warehouses listen.

    With `certificate` (a PEM file of key and certificate) they listen there by TLS too, on `tls_port`.
    """

    def __init__(self, certificate: Path | None = None) -> None:
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

        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler)]
        self.port = self._servers[0].server_port
        self.bigquery.url = f"http://127.0.0.1:{self.port}"
        if certificate:
            tls = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            tls.socket = context.wrap_socket(tls.socket, server_side=True)
            self.tls_port = Handler.tls_port = tls.server_port
            self._servers.append(tls)
        self._threads = [
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True) for server in self._servers
        ]

    def __enter__(self) -> Warehouses:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.daemon_threads = True
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()


#: Who the certificate says we are.
HOSTS = ("localhost", "acme.snowflakecomputing.com")


def certificate(folder: Path) -> Path:
    """Write key and certificate of a `localhost` that vouches for itself, in one file; clients are told to trust it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host) for host in HOSTS]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / "localhost.pem"
    path.write_bytes(key.private_bytes(*form) + signed.public_bytes(serialization.Encoding.PEM))
    return path


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


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

    tls_port = 0

    def do_CONNECT(self) -> None:
        """Be a proxy that leads everywhere to this stand-in: some clients say where Snowflake is and cannot be told."""
        self.send_response(200)
        self.end_headers()
        with socket.create_connection(("127.0.0.1", self.tls_port)) as inner:
            back = threading.Thread(target=_pour, args=(inner, self.connection), daemon=True)
            back.start()
            _pour(self.connection, inner)
            back.join()
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _serve  # noqa: N815  the names that http.server asks for

    def log_message(self, *_: Any) -> None:
        """Say nothing."""
