"""A small S3 on loopback, so that the real client of an object store has something to talk to: objects in memory."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape


class Store(BaseHTTPRequestHandler):
    """Get (with ranges), conditional put, multipart put, delete, bulk delete and list, each as far as clients use them."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    objects: dict[str, bytes]
    uploads: dict[str, dict[int, bytes]]
    lock: threading.Lock

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (named so in the base class)
        pass

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).lstrip("/")

    @property
    def query(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(urlsplit(self.path).query, keep_blank_values=True).items()}

    def do_GET(self) -> None:
        if "list-type" in self.query:
            return self._list()
        body = self.objects.get(self.key)
        if body is None:
            return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
        if span := re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")):
            first, last = span.groups()
            begin = int(first) if first else len(body) - int(last)
            end = min(int(last) + 1 if first and last else len(body), len(body))
            headers = {"Content-Range": f"bytes {begin}-{end - 1}/{len(body)}", **self._marks(body)}
            return self._answer(206, body[begin:end], headers)
        return self._answer(200, body, self._marks(body))

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_PUT(self) -> None:
        body, query = self._body(), self.query
        if "partNumber" in query:
            self.uploads[query["uploadId"]][int(query["partNumber"])] = body
            return self._answer(200, b"", self._marks(body))
        with self.lock:
            if self.headers.get("If-None-Match") == "*" and self.key in self.objects:
                return self._answer(412, b"<Error><Code>PreconditionFailed</Code></Error>")
            self.objects[self.key] = body
        return self._answer(200, b"", self._marks(body))

    def do_POST(self) -> None:
        body, query = self._body(), self.query
        if "delete" in query:
            keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
            for key in keys:
                self.objects.pop(f"{self.key}/{key}".replace("//", "/"), None)
            deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
            return self._answer(200, f"<DeleteResult>{deleted}</DeleteResult>".encode())
        if "uploads" in query:
            upload = str(len(self.uploads) + 1)
            self.uploads[upload] = {}
            text = f"<InitiateMultipartUploadResult><UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
            return self._answer(200, text.encode())
        parts = self.uploads.pop(query["uploadId"])
        self.objects[self.key] = b"".join(parts[number] for number in sorted(parts))
        return self._answer(200, b"<CompleteMultipartUploadResult><ETag>1</ETag></CompleteMultipartUploadResult>")

    def do_DELETE(self) -> None:
        self.objects.pop(self.key, None)
        self._answer(204, b"")

    def _list(self) -> None:
        bucket, query = self.key.strip("/"), self.query
        prefix, after, delimiter = query.get("prefix", ""), query.get("start-after", ""), query.get("delimiter", "")
        contents, folders = [], set()
        for name in sorted(self.objects):
            key = name.removeprefix(f"{bucket}/")
            if key == name or not key.startswith(prefix) or key <= after:
                continue
            rest = key[len(prefix) :]
            if delimiter and delimiter in rest:
                folders.add(prefix + rest.partition(delimiter)[0] + delimiter)
                continue
            contents.append(
                f"<Contents><Key>{escape(key)}</Key><Size>{len(self.objects[name])}</Size><ETag>1</ETag>"
                "<LastModified>2026-11-01T00:00:00.000Z</LastModified></Contents>"
            )
        common = "".join(f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders)
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{''.join(contents)}{common}</ListBucketResult>"
        self._answer(200, text.encode())

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    @staticmethod
    def _marks(body: bytes) -> dict[str, str]:
        digest = hashlib.sha256(body).hexdigest()
        return {"ETag": f'"{digest}"', "Last-Modified": "Sun, 01 Nov 2026 00:00:00 GMT"}

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def serve() -> Iterator[dict[str, str]]:
    """Run a store in a process of its own (the client may hold Python's lock); the value is the options that reach it."""
    process = subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{process.stdout.readline().strip()}",
            "AWS_ACCESS_KEY_ID": "key-id-of-the-test",
            "AWS_SECRET_ACCESS_KEY": "secret-of-the-test",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
    finally:
        process.kill()
        process.communicate()


def main() -> None:
    """Serve until killed; the first line says the port."""
    Store.objects, Store.uploads, Store.lock = {}, {}, threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Store)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
