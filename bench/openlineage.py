"""How many OpenLineage events a second the receiver takes on one core, each in a request of its own and safe on the disk.

`python bench/openlineage.py [--events 20000] [--connections 64]`: the receiver runs on core 0, the senders on core 1. Events are
those that Airflow sends (about 3 kB). Prints a line of JSON; `server_cpu_s` is what the receiver itself used.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

PORT = 5877


def event(number: int) -> bytes:
    """An event of some kilobytes: schemas of twelve columns, an SQL text, an external query."""
    fields = [{"name": f"column_{at}", "type": "VARCHAR", "description": "What it holds"} for at in range(12)]
    dataset = {"namespace": "snowflake://org-acct", "facets": {"schema": {"fields": fields}}}
    body: dict[str, Any] = {
        "eventTime": "2026-10-02T03:04:05.123Z",
        "eventType": "COMPLETE",
        "producer": "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/client/python",
        "run": {
            "runId": str(uuid.uuid4()),
            "facets": {
                "externalQuery": {"externalQueryId": f"01b8ea94-0412-{number}", "source": "snowflake://org-acct"},
                "parent": {"run": {"runId": str(uuid.uuid4())}, "job": {"namespace": "default", "name": "loads"}},
            },
        },
        "job": {
            "namespace": "default",
            "name": "loads.nightly.query.1",
            "facets": {"sql": {"query": f"insert into marts.orders select * from raw.orders where id = {number}"}},
        },
        "inputs": [{**dataset, "name": "RAW.SHOP.ORDERS"}],
        "outputs": [{**dataset, "name": "ANALYTICS.MARTS.ORDERS"}],
    }
    return json.dumps(body).encode()


def request(number: int) -> bytes:
    body = event(number)
    head = f"POST /api/v1/lineage HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer t\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def send(requests: list[bytes]) -> int:
    """Send requests over one connection, each after the answer to the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT)
    accepted = 0
    for one in requests:
        writer.write(one)
        head = await reader.readuntil(b"\r\n\r\n")
        accepted += head.startswith(b"HTTP/1.1 201")
    writer.close()
    return accepted


async def measure(events: int, connections: int) -> tuple[int, float]:
    requests = [request(number) for number in range(events)]
    parts = [requests[at::connections] for at in range(connections)]
    started = time.perf_counter()
    accepted = await asyncio.gather(*(send(part) for part in parts))
    return sum(accepted), time.perf_counter() - started


def cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def wait_for_server() -> None:
    while not await is_open():
        await asyncio.sleep(0.05)


async def is_open() -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", PORT)
    except OSError:
        return False
    writer.close()
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        spool = Path(folder) / "spool"
        command = [sys.executable, "-m", "costlens_openlineage", "--spool", str(spool), "--port", str(PORT)]
        server = subprocess.Popen(command, env={**os.environ, "COSTLENS_OPENLINEAGE_TOKEN": "t"})
        try:
            os.sched_setaffinity(server.pid, {cores[0]})
            os.sched_setaffinity(0, {cores[-1]})
            asyncio.run(wait_for_server())
            before = cpu_seconds(server.pid)
            accepted, seconds = asyncio.run(measure(given.events, given.connections))
            used = cpu_seconds(server.pid) - before
        finally:
            server.kill()
            server.wait()
        lines = sum(path.read_bytes().count(b"\n") for path in spool.iterdir())
    print(
        json.dumps(
            {
                "events": given.events,
                "accepted": accepted,
                "on_disk": lines,
                "bytes_each": len(event(1)),
                "connections": given.connections,
                "seconds": round(seconds, 2),
                "events_per_second": round(accepted / seconds),
                "server_cpu_s": round(used, 2),
                "events_per_cpu_second": round(accepted / used),
            }
        )
    )


if __name__ == "__main__":
    main()
