"""A real `costlens serve` process, whose log is read line by line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx

COMMAND = [sys.executable, "-c", "from costlens.commands import main; main()", "serve", "--port", "0"]
PATIENCE = 120.0


class Served:
    """A service that runs; a context manager that kills it at the end."""

    def __init__(self, config: Path, *, dashboard: bool = False) -> None:
        self.lines: list[dict[str, Any]] = []
        self._read = threading.Condition()
        self.process = subprocess.Popen(
            [*COMMAND, *(() if dashboard else ("--no-dashboard",)), "--config", str(config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def __enter__(self) -> Served:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait()
        self._thread.join()
        assert self.process.stderr is not None
        self.process.stderr.close()

    def _follow(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._read:
                self.lines.append(json.loads(line) if line.startswith("{") else {"event": "text", "text": line})
                self._read.notify_all()
        with self._read:
            self.lines.append({"event": "(end)"})
            self._read.notify_all()

    def seen(self, event: str, **fields: Any) -> list[dict[str, Any]]:
        """Return the lines of an event whose fields hold these."""
        return [line for line in self.lines if line["event"] == event and fields.items() <= line.items()]

    def wait(self, event: str, count: int = 1, **fields: Any) -> dict[str, Any]:
        """Wait for the log to tell of an event; return the line."""
        with self._read:
            done = self._read.wait_for(lambda: len(self.seen(event, **fields)) >= count or self.seen("(end)"), PATIENCE)
            found = self.seen(event, **fields)
        assert done, (event, fields, self.lines)
        assert len(found) >= count, (event, fields, self.lines)
        return found[-1]

    @property
    def url(self) -> str:
        return str(self.wait("listening")["url"])

    def get(self, path: str) -> httpx.Response:
        """Ask the service over HTTP."""
        return httpx.get(self.url + path, timeout=PATIENCE)

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to end and return its exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)
