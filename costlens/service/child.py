"""The dashboard as a child process: started again when it ends, ended with the service, also where that is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from costlens.service.logs import log

#: Runs a command of ours that gets SIGTERM when its parent dies (Linux; elsewhere it is only ended by an orderly end).
_CODE = """
import ctypes, os, signal, sys
try:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
except (OSError, AttributeError):
    pass
if os.getppid() == int(sys.argv.pop(1)):
    from costlens.commands import main
    main()
"""
_LONGEST_SECONDS = 300.0
_STEADY_SECONDS = 60.0


class Child:
    """A `costlens` command that is kept running; `watch` is called now and then and starts it again when it has ended."""

    def __init__(self, *words: str) -> None:
        self._words = words
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._failures = 0
        self._next = 0.0

    @classmethod
    def dashboard(cls, config: Path) -> Child:
        """Return the dashboard of a configuration."""
        return cls("dashboard", "--config", str(config))

    def watch(self) -> None:
        """Start it where it does not run and it is time to."""
        clock = time.monotonic()
        if self._process is not None:
            code = self._process.poll()
            if code is None:
                if clock - self._started > _STEADY_SECONDS:
                    self._failures = 0
                return
            self._process = None
            self._failures += 1
            wait = min(2.0**self._failures, _LONGEST_SECONDS) * random.uniform(0.9, 1.1)  # noqa: S311 (no secret)
            self._next = clock + wait
            log("child ended", "warning", command=self._words[0], code=code, again_in_seconds=round(wait, 1))
        if clock >= self._next:
            words = [sys.executable, "-c", _CODE, str(os.getpid()), *self._words]
            # What it prints may hold anything: its own pages show its errors.
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
            self._started = clock
            log("child started", command=self._words[0], pid=self._process.pid)

    def close(self, seconds: float = 2.0) -> None:
        """End it."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
