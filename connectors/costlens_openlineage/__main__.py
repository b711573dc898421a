"""Runs the receiver alone: `python -m costlens_openlineage --spool DIR`, the token in COSTLENS_OPENLINEAGE_TOKEN."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from costlens_openlineage.receiver import MAX_BYTES, routes


def main() -> None:
    """Serve until stopped; an empty token is refused but for the own machine."""
    parser = argparse.ArgumentParser(prog="python -m costlens_openlineage", description=__doc__)
    parser.add_argument("--spool", type=Path, required=True, help="Folder for events until a sync takes them.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=5000)
    parser.add_argument("--max-bytes", type=int, default=MAX_BYTES)
    given = parser.parse_args()
    token = os.environ.get("COSTLENS_OPENLINEAGE_TOKEN") or None
    if token is None and given.host not in ("127.0.0.1", "::1", "localhost"):
        parser.error("set COSTLENS_OPENLINEAGE_TOKEN: without a token only the own machine may post")
    app = Starlette(routes=routes(given.spool, token=token, max_bytes=given.max_bytes))
    uvicorn.run(app, host=given.host, port=given.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
