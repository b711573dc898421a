"""Runs the service under load: warehouses that grow, kills every few seconds, then hours of calm in minutes; `make soak` does it for ten.

At the end the charges are those of one sync of the same files, no message was seen twice, and the memory of a service that was left
alone has not grown. Prints what it measured and exits with 1 where one of these does not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import duckdb
import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import costlens_sample  # noqa: E402
from costlens.alerts.message import Message  # noqa: E402
from costlens.ledger import Ledger, outbox  # noqa: E402
from costlens.ledger.outbox import Alert, News, alert_id  # noqa: E402
from costlens.reading import run_sql  # noqa: E402
from costlens_snowflake import Snowflake  # noqa: E402
from tests.alerts.slack import TOKEN, Fault, Slack  # noqa: E402

MAIN = "from costlens.commands import main; main()"
FIRST = datetime(2026, 10, 1, tzinfo=timezone.utc)
#: What a charge is, apart from the order of rows.
CHARGES = """
    select source, day, hour, category, cause, pool_id, query_id, object_id, service, unit, units, cost, currency, status, method
    from charges order by all
"""
#: With each kill so many messages are put into the outbox: budgets and digests come when there is money of this year, not on the first of January.
TOLD_EACH_KILL = 7
LEAST_MESSAGES = 20
#: Between these two thirds of the calm, the median may differ by so much; a calm shorter than so many seconds is a service that is still warming up.
GROWTH, CALM_SECONDS = 1.15, 120
#: Longest that is waited for what is to come: a machine that does much else takes its time, a service that hangs never comes.
PATIENCE = 600


@dataclass
class Plan:
    """How long, how much, how rough."""

    seconds: float
    days: int
    step_hours: int
    replicas: int
    kills: int = 3
    """So many at least, however long they take."""
    kill_seconds: tuple[float, float] = (2, 12)
    """A replica is killed so long after it listens."""
    seed: int = 7


@dataclass
class Found:
    """What was measured."""

    kills: int = 0
    syncs: int = 0
    files: int = 0
    messages: int = 0
    memory_mb: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        third = max(len(self.memory_mb) // 3, 1)
        ends = [round(statistics.median(part)) for part in (self.memory_mb[:third], self.memory_mb[-third:]) if part]
        told = {"kills": self.kills, "syncs": self.syncs, "files": self.files, "messages": self.messages}
        return {**told, "memory_mb_first_and_last_third": ends, "wrong": self.wrong}


class Warehouse(threading.Thread):
    """Exports the sample month bit by bit, a file per view and step, as a warehouse's scheduled unload does."""

    def __init__(self, export: Path, plan: Plan, seconds: float) -> None:
        super().__init__(daemon=True)
        self._export, self._plan, self._seconds = export, plan, seconds
        self.files = 0

    def run(self) -> None:
        steps = self._plan.days * 24 // self._plan.step_hours
        began = time.monotonic()
        with duckdb.connect() as connection, tempfile.TemporaryDirectory() as scratch:
            connection.execute("set timezone = 'UTC'")
            for step in range(steps):
                since = FIRST + timedelta(hours=step * self._plan.step_hours)
                self._step(connection, Path(scratch), step, since, since + timedelta(hours=self._plan.step_hours))
                time.sleep(max(began + self._seconds * (step + 1) / steps - time.monotonic(), 0))

    def _step(
        self, connection: duckdb.DuckDBPyConnection, scratch: Path, step: int, since: datetime, until: datetime
    ) -> None:
        for view in Snowflake.views:
            source = costlens_sample.folder() / "snowflake" / f"{view.name}.parquet"
            if not source.exists() or view.is_snapshot:
                continue
            held = scratch / f"{view.name}.parquet"
            time_column = f"{view.time_column}::timestamptz"
            rows = connection.execute(
                f"copy (select {self._columns(connection, source)} from '{source}' where {time_column} >= '{since:%Y-%m-%d %H:%M}' and {time_column} < '{until:%Y-%m-%d %H:%M}')"
                f" to '{held}' (format parquet)"
            ).fetchone()
            if rows and rows[0]:
                (self._export / view.name).mkdir(parents=True, exist_ok=True)
                held.replace(self._export / view.name / f"step-{step:04}.parquet")
                self.files += 1

    def _columns(self, connection: duckdb.DuckDBPyConnection, source: Path) -> str:
        """Return a view's columns, times moved so that the last day is yesterday: budgets are of the month that it is."""
        last = (FIRST + timedelta(days=self._plan.days - 1)).date()
        days = (datetime.now(timezone.utc).date() - last).days - 1
        described = connection.execute(f"describe select * from '{source}'").fetchall()
        moved = [
            f'("{name}" + interval {days} days)::{kind} as "{name}"'
            for name, kind, *_ in described
            if kind.startswith(("TIMESTAMP", "DATE"))
        ]
        return f"* replace ({', '.join(moved)})" if moved else "*"


class Replica:
    """A service process; its log goes to a file."""

    def __init__(self, config: Path, number: int) -> None:
        self._log = config.parent / f"serve-{number}.log"
        self._config = config
        self._starts = 0
        self.start()

    def start(self) -> None:
        self._starts += 1
        with self._log.open("ab") as log:
            words = [
                sys.executable,
                "-c",
                MAIN,
                "serve",
                "--no-dashboard",
                "--port",
                "0",
                "--config",
                str(self._config),
            ]
            self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=log)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def listens(self) -> bool:
        """Tell whether it has come up since it was started last; one that is killed before never does."""
        return len([line for line in self.lines() if line["event"] == "listening"]) >= self._starts

    def lines(self) -> list[dict[str, Any]]:
        text = self._log.read_text(encoding="utf-8", errors="replace")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def memory_mb(self) -> float | None:
        """Return the memory of the process as its metrics tell, None while it does not answer."""
        urls = [line["url"] for line in self.lines() if line["event"] == "listening"]
        try:
            with urlopen(f"{urls[-1]}/metrics", timeout=5) as answer:
                text = answer.read().decode()
        except (OSError, IndexError):
            return None
        line = next(line for line in text.splitlines() if line.startswith("process_resident_memory_bytes"))
        return float(line.split()[1]) / 1e6


def soak(folder: Path, plan: Plan) -> Found:
    """Run it all below a folder."""
    found, dice = Found(), random.Random(plan.seed)
    export = folder / "export"
    export.mkdir(parents=True)
    with Slack() as slack:
        _invite(slack)
        config = _config(folder, export, slack.url)
        rough = plan.seconds * 0.6
        warehouse = Warehouse(export, plan, plan.seconds * 0.8)
        warehouse.start()
        replicas = [Replica(config, number) for number in range(plan.replicas)]
        began = time.monotonic()
        while found.kills < plan.kills or time.monotonic() - began < rough:
            replica = dice.choice(replicas)
            _until(replica.listens)
            _tell(folder, found.kills)
            time.sleep(dice.uniform(*plan.kill_seconds))
            replica.kill()
            found.kills += 1
            slack.faults.extend(_faults(dice))
            replica.start()
        for replica in replicas[1:]:
            replica.end()
        _calm(replicas[0], began + plan.seconds, warehouse, found)
        if not _until(lambda: _is_told(folder)):
            found.wrong.append("the outbox still held messages after ten minutes")
        if replicas[0].end() != 0:
            found.wrong.append("the service did not end in order")
        found.files = warehouse.files
        _compare(folder, config, plan, replicas, slack, found)
    return found


def _invite(slack: Slack) -> None:
    """Have the workspace know the channels of the sample's teams, and our app be in them."""
    teams = yaml.safe_load((costlens_sample.folder() / "teams.yml").read_text())["teams"]
    for number, team in enumerate(teams.values() if isinstance(teams, dict) else teams):
        name = str(team.get("slack") or "").removeprefix("#")
        if name:
            slack.channels.setdefault(name, f"C1{number:06}")
            slack.members.add(name)


def _config(folder: Path, export: Path, slack: str) -> Path:
    for name in ("manifest.json", "assets.yml", "teams.yml"):
        shutil.copy(costlens_sample.folder() / name, folder / name)
    source = {"name": "prod", "type": "snowflake", "export": str(export), "rates": {"compute": 2.85, "currency": "USD"}}
    # Of the year: that of the month is empty in the first days of one.
    budgets = [
        {"source": "prod", "amount": amount, "currency": "USD", "period": "year"} for amount in range(5, 400, 15)
    ]
    body = {
        "lake": "./lake",
        "database": "sqlite:///./costlens.db",
        "sources": [source],
        "assets": [{"dbt": {"manifest": "manifest.json"}}, {"yaml": "assets.yml"}],
        "teams": "teams.yml",
        "schedule": {"sync": "every 3s", "maintain": "every 60s", "jitter_seconds": 0, "digest": "every 15s"},
        "service": {"lease_seconds": 5, "retry_seconds": 1, "grace_seconds": 20},
        "budgets": {"limits": budgets},
        "alerts": {"slack": {"bot_token": TOKEN, "api_url": f"{slack}/api/"}, "timeout_seconds": 5},
    }
    path = folder / "costlens.yml"
    path.write_text(json.dumps(body))
    return path


def _faults(dice: random.Random) -> list[Fault]:
    """Return what Slack does wrong next: nothing, a lost answer, an error after the message was taken, a limit."""
    kinds = [
        Fault("chat.postMessage", drop=True, does=True),
        Fault("chat.postMessage", status=500, does=dice.random() < 0.5),
        Fault("chat.postMessage", status=429, error="ratelimited", retry_after=1),
        Fault("files.completeUploadExternal", drop=True),
    ]
    return dice.sample(kinds, dice.randint(0, 2))


def _until(condition: Callable[[], bool]) -> bool:
    """Wait for something; tell whether it came."""
    last = time.monotonic() + PATIENCE
    while not (found := condition()) and time.monotonic() < last:
        time.sleep(0.1)
    return found


def _ledger(folder: Path, lake: str = "lake", database: str = "costlens.db") -> Ledger:
    return Ledger.open(str(folder / lake), f"sqlite:///{folder / database}")


def _tell(folder: Path, number: int) -> None:
    """Put messages into the outbox, for the service to send."""
    body = Message(f"Round {number} of the soak", "It goes on").as_json()
    threads = [f"soak:{number}:{one}" for one in range(TOLD_EACH_KILL)]
    told = [
        Alert(alert_id(name, "slack", "#data-cost", "told"), name, "slack", "#data-cost", "post", body)
        for name in threads
    ]
    with _ledger(folder) as ledger:
        outbox.add(ledger.database, News(told), datetime.now(timezone.utc))


def _is_told(folder: Path) -> bool:
    """Tell whether all that is to be told has been sent: also what a killed service was sending."""
    with _ledger(folder) as ledger:
        counts = outbox.counts(ledger.database)
    return not counts.get("pending") and counts.get("sent", 0) >= LEAST_MESSAGES


def _calm(replica: Replica, until: float, warehouse: Warehouse, found: Found) -> None:
    """Leave the service alone, read its memory after each sync, wait for it to have read all that there is."""
    seen = len(_syncs(replica))
    while time.monotonic() < until or warehouse.is_alive():
        time.sleep(1)
        count = len(_syncs(replica))
        memory = replica.memory_mb() if count > seen else None
        if memory is not None:
            found.memory_mb.append(memory)
        seen = count
    last = len(_syncs(replica)) + 2  # one may have begun before the last file was there
    _until(lambda: len(_syncs(replica)) >= last)


def _syncs(replica: Replica) -> list[dict[str, Any]]:
    return [line for line in replica.lines() if line["event"] == "job done" and line["job"] == "sync:prod"]


def _compare(folder: Path, config: Path, plan: Plan, replicas: list[Replica], slack: Slack, found: Found) -> None:
    found.syncs = sum(len(_syncs(replica)) for replica in replicas)
    body = json.loads(config.read_text())
    for name in ("lake", "database"):
        body[name] = {"lake": "./lake-2", "database": "sqlite:///./costlens-2.db"}[name]
    (folder / "again.yml").write_text(json.dumps(body))
    subprocess.run(
        [sys.executable, "-c", MAIN, "sync", "--config", str(folder / "again.yml")], check=True, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    served, whole = (_charges(folder, *names) for names in (("lake", "costlens.db"), ("lake-2", "costlens-2.db")))
    if not served or served != whole:
        found.wrong.append(f"{len(set(served) ^ set(whole)):,} charges of {len(whole):,} differ from those of one sync")
    ids = [post.metadata.get("event_payload", {}).get("id") for post in slack.posts]
    found.messages = len(ids)
    if len(set(ids)) != len(ids):
        found.wrong.append(f"{len(ids) - len(set(ids))} messages were seen twice")
    if len(ids) < LEAST_MESSAGES:
        found.wrong.append(f"only {len(ids)} messages: too few to tell whether one comes twice")
    if slack.refused:
        found.wrong.append(f"Slack refused: {slack.refused[0]}")
    ends = found.as_dict()["memory_mb_first_and_last_third"]
    if plan.seconds * 0.4 >= CALM_SECONDS and len(found.memory_mb) >= 6 and ends[1] > ends[0] * GROWTH:
        found.wrong.append(f"memory grew from {ends[0]} to {ends[1]} MB")


def _charges(folder: Path, lake: str, database: str) -> list[str]:
    with _ledger(folder, lake, database) as ledger:
        frame = run_sql(ledger, ledger.snapshot(), CHARGES)
    return [str(tuple(row)) for row in frame.itertuples(index=False)]


def main() -> None:
    """Run it as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--days", type=int, default=10, help="days of the sample month")
    parser.add_argument("--step-hours", type=int, default=3)
    parser.add_argument("--replicas", type=int, default=2)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="costlens-soak-"))
    try:
        found = soak(folder, Plan(given.minutes * 60, given.days, given.step_hours, given.replicas))
    finally:
        if not os.environ.get("COSTLENS_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(found.as_dict(), indent=2))
    sys.exit(1 if found.wrong else 0)


if __name__ == "__main__":
    main()
