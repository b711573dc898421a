"""`POST /api/v1/lineage`: takes OpenLineage events, one or many, and answers 201 when they are on the disk.

What is no event is refused with 4xx and a line that says why; nothing of an event is echoed or logged.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import zlib
from pathlib import Path
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from costlens_openlineage.records import Record, attempt
from costlens_openlineage.spool import Full, Spool

PATH = "/api/v1/lineage"
#: An event is some kilobytes; a data set of thousands of columns takes a megabyte.
MAX_BYTES = 5_000_000
MAX_EVENTS = 1_000
_BODY_SECONDS = 30
_OWN_MACHINE = frozenset({"127.0.0.1", "::1"})


class Refused(Exception):
    """A request that is answered with a status and a reason."""

    def __init__(self, status: int, reason: str, **headers: str) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, headers


def routes(spool: Path, *, token: str | None, max_bytes: int = MAX_BYTES) -> list[Route]:
    """Return the routes of a receiver that keeps events below `spool`; without a token only the own machine may post.

    `max_bytes` bounds a request, compressed and not.
    """
    receiver = _Receiver(Spool(spool), token, max_bytes)
    return [Route(path, receiver.post, methods=["POST"]) for path in (PATH, f"{PATH}/batch")]


class _Receiver:
    def __init__(self, spool: Spool, token: str | None, max_bytes: int) -> None:
        self._spool = spool
        self._expected = f"Bearer {token}".encode() if token else None
        self._max_bytes = max_bytes

    async def post(self, request: Request) -> Response:
        """Answer a request: 201, 207 where some of many events were refused, 4xx, or 503 where the disk is full."""
        try:
            self._authorise(request)
            async with asyncio.timeout(_BODY_SECONDS):
                body = await self._body(request)
            records, failed = _records(body)
            lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
            await self._spool.append(lines.encode(), len(records))
        except Refused as refusal:
            return JSONResponse({"error": refusal.reason}, refusal.status, refusal.headers)
        except TimeoutError:
            return JSONResponse({"error": f"the request took longer than {_BODY_SECONDS} s"}, 408)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody reads it
        except Full as full:
            return JSONResponse({"error": f"not stored: {full}; send it again"}, 503, {"Retry-After": "10"})
        if not failed:
            return Response(status_code=201)
        summary = {"received": len(records) + len(failed), "successful": len(records), "failed": len(failed)}
        return JSONResponse({"status": "partial_success", "summary": summary, "failed_events": failed}, 207)

    def _authorise(self, request: Request) -> None:
        if self._expected is None:
            if request.client is None or request.client.host not in _OWN_MACHINE:
                raise Refused(401, "the receiver has no token: it takes events of its own machine only")
            return
        said = request.headers.get("authorization", "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(said, self._expected):
            raise Refused(401, "the bearer token is missing or wrong", **{"WWW-Authenticate": "Bearer"})

    async def _body(self, request: Request) -> bytes:
        encoding = request.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in ("identity", "gzip", ""):
            raise Refused(415, "Content-Encoding is neither gzip nor identity")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        async for part in request.stream():
            size += len(part)
            if size > self._max_bytes:
                raise self._too_large()
            parts.append(part)
        body = b"".join(parts)
        return self._unzipped(body) if encoding == "gzip" else body

    def _unzipped(self, body: bytes) -> bytes:
        """Unpack gzip, never more than the limit: a small body may hold gigabytes."""
        unzip = zlib.decompressobj(wbits=31)
        try:
            plain = unzip.decompress(body, self._max_bytes + 1)
        except zlib.error:
            raise Refused(400, "the body is not gzip, as Content-Encoding says") from None
        if len(plain) > self._max_bytes:
            raise self._too_large()
        if not unzip.eof:
            raise Refused(400, "the gzip body is cut off")
        return plain

    def _too_large(self) -> Refused:
        return Refused(413, f"larger than {self._max_bytes:,} bytes")


def _records(body: bytes) -> tuple[list[Record], list[dict[str, Any]]]:
    """Return the records of a body, and which of many events are none."""
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(400, "the body is not valid JSON") from None
    if not isinstance(read, list):
        record = attempt(read)
        if isinstance(record, str):
            raise Refused(422, record)
        return [record], []
    if not 0 < len(read) <= MAX_EVENTS:
        raise Refused(422, f"a list holds 1 to {MAX_EVENTS:,} events")
    records: list[Record] = []
    failed: list[dict[str, Any]] = []
    for index, event in enumerate(read):
        record = attempt(event)
        if isinstance(record, str):
            failed.append({"index": index, "reason": record, "retriable": False})
        else:
            records.append(record)
    if not records:
        raise Refused(422, f"event {failed[0]['index']}: {failed[0]['reason']}")
    return records, failed
