"""The service's HTTP side: health, readiness, metrics, and the routes that others add (Slack, OpenLineage)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from costlens.errors import ConfigError
from costlens.service.metrics import CONTENT_TYPE, Metrics

#: How long open requests have to end.
CLOSE_SECONDS = 2


def routes(
    health: Callable[[], dict[str, Any]], ready: Callable[[], dict[str, Any]], metrics: Metrics
) -> list[BaseRoute]:
    """Return the service's own routes; `health` and `ready` return what they say, with `ok`."""

    def answer(state: dict[str, Any]) -> Response:
        return JSONResponse(state, status_code=200 if state["ok"] else 503)

    def healthz(request: Request) -> Response:
        return answer(health())

    def readyz(request: Request) -> Response:
        return answer(ready())

    def scrape(request: Request) -> Response:
        return Response(metrics.text(), headers={"content-type": CONTENT_TYPE})

    return [Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", scrape)]


class Server:
    """An HTTP server in a thread of its own, listening from the start; `close` ends it within seconds."""

    def __init__(self, host: str, port: int, paths: Sequence[BaseRoute]) -> None:
        try:
            self._socket = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        except OSError as error:
            raise ConfigError(
                f"service: cannot listen on {host}:{port}: {error.strerror}: choose another with --host and --port"
            ) from None
        config = uvicorn.Config(
            Starlette(routes=list(paths)), log_config=None, access_log=False, lifespan="off",
            timeout_graceful_shutdown=CLOSE_SECONDS, server_header=False,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="costlens-http", daemon=True
        )
        self._thread.start()

    @property
    def url(self) -> str:
        """Return where it listens."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def is_up(self) -> bool:
        """Tell whether its thread lives."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Answer what is open, then stop."""
        self._server.should_exit = True
        self._thread.join(CLOSE_SECONDS + 1)
        self._socket.close()
