"""Asks a web service for JSON: patient with what heals, short with what does not, and no secret in any message."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any

from costlens.errors import SourceError

TIMEOUT_SECONDS = 30.0
ATTEMPTS = 4
MOST_BYTES = 100_000_000
_HEALS = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Here(urllib.request.HTTPRedirectHandler):
    """Follows redirects within a host only: a token is for the host that it was given for."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urllib.parse.urlsplit(newurl)[:2] != urllib.parse.urlsplit(req.full_url)[:2]:
            raise urllib.error.HTTPError(req.full_url, code, "redirects to another host", headers, None)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


_OPENER = urllib.request.build_opener(_Here())


class Service:
    """One web service: its address, who asks (a name for messages), and the headers that sign requests."""

    def __init__(self, who: str, url: str, headers: Mapping[str, str] | None = None, *, pause: float = 0.5) -> None:
        self.who = who
        self.url = url.rstrip("/")
        self._headers = {"Accept": "application/json", "User-Agent": "costlens", **(headers or {})}
        self._pause = pause
        if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
            raise SourceError(f"{who}: the address must begin with http:// or https://: correct it in costlens.yml")

    def get(self, path: str = "", **query: Any) -> Any:
        """Return the answer to a GET; None in the query leaves a parameter out. Raises SourceError."""
        wanted = {key: value for key, value in query.items() if value is not None}
        text = f"?{urllib.parse.urlencode(wanted, doseq=True)}" if wanted else ""
        return self._ask(urllib.request.Request(f"{self.url}{path}{text}", headers=self._headers))  # noqa: S310 (http and https only, see above)

    def post(self, body: Any, path: str = "") -> Any:
        """Return the answer to a POST of JSON. Raises SourceError."""
        headers = {**self._headers, "Content-Type": "application/json"}
        data = json.dumps(body).encode()
        return self._ask(urllib.request.Request(f"{self.url}{path}", data, headers, method="POST"))  # noqa: S310

    def _ask(self, request: urllib.request.Request) -> Any:
        for attempt in range(ATTEMPTS):
            last = attempt == ATTEMPTS - 1
            try:
                with _OPENER.open(request, timeout=TIMEOUT_SECONDS) as answer:
                    return self._read(answer)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code not in _HEALS or last:
                        raise self._refused(error) from None
                    self._wait(attempt, error.headers.get("Retry-After") if error.headers else None)
            except (OSError, HTTPException) as error:
                if last:
                    cause = getattr(error, "reason", None) or error
                    reason = getattr(cause, "strerror", None) or type(cause).__name__
                    raise SourceError(
                        f"{self.who}: {self._place()} cannot be reached ({reason}): check the address and that it runs",
                        permanent=False,
                    ) from None
                self._wait(attempt, None)
        raise AssertionError("the last attempt returns or raises")

    def _read(self, answer: Any) -> Any:
        body = answer.read(MOST_BYTES + 1)
        if len(body) > MOST_BYTES:
            raise SourceError(f"{self.who}: {self._place()} answered with more than {MOST_BYTES // 1_000_000} MB")
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            raise SourceError(
                f"{self.who}: {self._place()} did not answer with JSON: is the address its API's and not its page's?"
            ) from None

    def _refused(self, error: urllib.error.HTTPError) -> SourceError:
        remedy = {
            401: "give it a valid token in costlens.yml",
            403: "allow the token to read",
            404: "correct the address in costlens.yml",
        }.get(error.code, "its own log says more")
        said = "redirects to another host" if 300 <= error.code < 400 else f"answered {error.code}"
        return SourceError(f"{self.who}: {self._place()} {said}: {remedy}", permanent=error.code not in _HEALS)

    def _place(self) -> str:
        parts = urllib.parse.urlsplit(self.url)
        return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"

    def _wait(self, attempt: int, said: str | None) -> None:
        asked = float(said) if said and said.isdecimal() else 0.0
        time.sleep(min(max(self._pause * 2**attempt, asked), 30.0))
