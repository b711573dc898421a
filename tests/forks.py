"""Real processes of `costlens`, started in milliseconds, and killed after a share of the work that a whole run takes.

Run as a program it imports what commands need and forks one for each line that it is sent: what would be two seconds of imports for
every process is paid once. Work is counted in seconds of CPU: how far a run has come by then depends neither on how fast the machine is
nor on what runs beside it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

#: What a sync imports late.
LATE = ("costlens.commands.sync", "costlens.orchestration", "costlens.sync", "costlens_snowflake", "pandas", "alembic")
TICKS = os.sysconf("SC_CLK_TCK")


class Run:
    """A command that runs in a process of its own; its output is thrown away, what it says on stderr is kept."""

    def __init__(self, forks: Forks, process: int, errors: Path) -> None:
        self.process, self._forks, self._errors = process, forks, errors

    def wait(self) -> tuple[int, float]:
        """Return the exit code, negative for the signal that ended it, and the seconds of CPU that it took."""
        status, seconds = self._forks.ask({"wait": self.process})
        return os.waitstatus_to_exitcode(int(status)), seconds

    def done(self) -> float:
        """Wait for it to end well; return its seconds of CPU."""
        code, seconds = self.wait()
        assert code == 0, self._errors.read_text()
        return seconds

    def killed_after(self, seconds: float) -> bool:
        """Kill it once it has taken so many seconds of CPU; tell whether it came to that before its end."""
        stat = Path(f"/proc/{self.process}/stat")
        while True:
            state, *fields = stat.read_text().rpartition(")")[2].split()
            if state == "Z" or (int(fields[10]) + int(fields[11])) / TICKS >= seconds:
                break
            time.sleep(0.005)
        os.kill(self.process, signal.SIGKILL)  # one that has ended is there until it is waited for
        return self.wait()[0] == -signal.SIGKILL


class Forks:
    """The program that forks."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._started = folder, 0
        command = [sys.executable, "-m", "tests.forks"]
        root = Path(__file__).parent.parent
        self._server = subprocess.Popen(
            command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def start(self, *words: str) -> Run:
        """Start `costlens` with these words."""
        self._started += 1
        errors = self._folder / f"errors-{self._started}"
        (process,) = self.ask({"words": words, "errors": str(errors)})
        return Run(self, int(process), errors)

    def ask(self, request: object) -> list[float]:
        """Send a request; return what is answered."""
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        return [float(part) for part in self._server.stdout.readline().split()]

    def close(self) -> None:
        """End it."""
        self._server.communicate()


@contextmanager
def forking(folder: Path) -> Iterator[Forks]:
    """Give what starts processes; `folder` takes what they say on stderr."""
    made = Forks(folder)
    try:
        yield made
    finally:
        made.close()


def serve() -> None:
    """Answer each request on stdin with a line on stdout."""
    for name in LATE:
        import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status, used = os.wait4(request["wait"], 0)
            print(status, used.ru_utime + used.ru_stime, flush=True)
            continue
        process = os.fork()
        if process == 0:
            _run(request["words"], request["errors"])
        print(process, flush=True)


def _run(words: list[str], errors: str) -> None:
    """Be the command: this process does nothing else and does not come back."""
    from costlens.commands import main

    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, os.devnull, os.O_WRONLY),
        (2, errors, os.O_CREAT | os.O_WRONLY),
    ):
        os.dup2(os.open(path, flags), number)
    code: object = 1
    try:
        main(words)
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(code is not None))


if __name__ == "__main__":
    serve()
