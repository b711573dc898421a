"""`costlens serve` as a process: it pulls by itself, says how it is, ends in order, and what kills it loses nothing."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from costlens.commands import main
from tests.ledger.frozen import freeze
from tests.ports import held_port
from tests.service.conftest import Make
from tests.service.served import PATIENCE, Served
from tests.sync.conftest import Company


def status(company: Company) -> dict[str, Any]:
    """Return what `costlens status --json` says, jobs by name."""
    done = CliRunner().invoke(main, ["status", "--json", "--config", str(company.path)])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    return {**found, "jobs": {job["name"]: job for job in found["jobs"]}}


def metrics(served: Served) -> dict[str, float]:
    lines = [line for line in served.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def counted(served: Served, name: str) -> dict[str, float]:
    """Return the metrics once one is 1: a run is counted just after the log tells of it."""
    last = time.monotonic() + PATIENCE
    while (told := metrics(served)).get(name) != 1:
        assert time.monotonic() < last, told
        time.sleep(0.05)
    return told


def test_it_pulls_and_says_how_it_is(make: Make) -> None:
    company = make()
    with Served(company.path) as served:
        served.wait("job done", job="sync:prod")
        assert served.get("/healthz").json()["role"] == "leading"
        assert served.get("/readyz").status_code == 200
        told = counted(served, 'costlens_job_seconds_count{job="sync:prod",state="done"}')
        assert told["costlens_leading"] == told["costlens_database_up"] == told["costlens_snapshot"] == 1
        assert told['costlens_job_failures{job="sync:prod"}'] == 0
        found = status(company)
        assert found["leader"].endswith(f":{served.process.pid}")
        assert found["jobs"]["sync:prod"]["state"] == "done"
        assert found["jobs"]["sync:prod"]["next_at"]
        assert served.end() == 0
        assert served.seen("stopped")
    assert status(company)["leader"] is None
    by_service = company.charges()
    shutil.rmtree(company.folder / "lake")
    (company.folder / "costlens.db").unlink()
    assert CliRunner().invoke(main, ["sync", "--config", str(company.path)]).exit_code == 0
    assert company.charges() == by_service


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_ended_in_the_middle_of_a_pull_it_goes_on_where_it_was(make: Make, number: signal.Signals) -> None:
    company = make()
    with Served(company.path) as served:
        served.wait("leading")
        code = served.end(number)
        assert code == (0 if number == signal.SIGTERM else -signal.SIGKILL)
    with Served(company.path) as served:
        served.wait("job done", job="sync:prod")
        assert served.end() == 0
    assert status(company)["jobs"]["sync:prod"]["state"] == "done"
    assert len(company.charges()) > 100


def test_another_replica_takes_over(make: Make, database: str) -> None:
    """The leader is stopped, not killed: its lease has to run out, and when it wakes up it has lost it."""
    company = make(database=database)
    with Served(company.path) as first:
        first.wait("leading")
        with Served(company.path) as second:
            assert second.get("/healthz").json()["role"] == "waiting"
            assert second.get("/readyz").status_code == 200
            first.wait("job done", job="sync:prod")
            freeze(first.process.pid, database, company.folder)
            token = second.wait("leading")["token"]
            assert token > first.wait("leading")["token"]
            first.process.send_signal(signal.SIGCONT)
            first.wait("lease lost")
            assert second.get("/healthz").json()["role"] == "leading"
            second.end(signal.SIGKILL)
        first.wait("leading", count=2)  # a dead process of this host is known to be dead at once
        assert first.end() == 0


def test_what_may_heal_is_tried_again_and_heals(make: Make) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # bound and not listening
        port = held.getsockname()[1]
        source = {"name": "lost", "type": "snowflake", "account": "acme-prod", "user": "x", "password": "s3cret-pa55"}
        source |= {"host": "127.0.0.1", "port": port, "protocol": "http"}
        company = make(sources=[{**source, "rates": {"compute": 2, "currency": "USD"}}])
        with Served(company.path) as served:
            served.wait("job failed", count=2, job="sync:lost", permanent=False)
            told = status(company)["jobs"]["sync:lost"]
            assert told["state"] in ("failed", "running")
            assert told["failures"] >= 1
            assert served.end() == 0
            assert "s3cret-pa55" not in json.dumps(served.lines)


def test_what_may_not_heal_is_said_to_be_permanent(make: Make, tmp_path: Path) -> None:
    company = make(sources=[{"name": "gone", "type": "snowflake", "export": str(tmp_path / "nowhere")}])
    with Served(company.path) as served:
        served.wait("job failed", job="sync:gone", permanent=True)
        assert metrics(served)['costlens_job_failed_permanently{job="sync:gone"}'] == 1
        assert served.end() == 0
    told = CliRunner().invoke(main, ["status", "--config", str(company.path)]).stdout
    assert "failed (permanent)" in told
    assert "nowhere" in told


def test_a_port_in_use_and_a_source_that_is_none_are_one_line(make: Make) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        done = CliRunner().invoke(main, ["serve", "--no-dashboard", "--port", str(port), "--config", str(make().path)])
        assert done.exit_code == 1
        assert "choose another with --host and --port" in done.stderr
    company = make(schedule={"sources": {"prd": "every 5m"}})
    done = CliRunner().invoke(main, ["serve", "--no-dashboard", "--port", "0", "--config", str(company.path)])
    assert done.exit_code == 1
    assert "no source 'prd'" in done.stderr


def test_the_dashboard_runs_beside_it_and_ends_with_it(make: Make) -> None:
    with held_port() as port:
        company = make(dashboard={"port": port}, schedule={"sync": "never"})
        with Served(company.path, dashboard=True) as served:
            child = os.pidfd_open(served.wait("child started", command="dashboard")["pid"])
            served.end(signal.SIGKILL)
    ended, _, _ = select.select([child], [], [], 60)  # a pidfd can be read when its process has ended
    os.close(child)
    assert ended == [child]
