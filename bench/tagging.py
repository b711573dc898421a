"""Prints what tagging costs a statement, in microseconds; run it with `python bench/tagging.py`."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable
from typing import Any

import costlens
from costlens.tagging import caller, codec
from costlens.tagging.drivers import bigquery, snowflake
from costlens.tagging.guard import rewriting
from costlens.tagging.patching import wrap

STATEMENT = (
    "select o.id, sum(o.amount) from analytics.orders o join analytics.items i using (id) where o.day = '2026-10-01' "
)
ROUNDS, CALLS = 7, 20_000


class Connection:
    """Stands for a driver's connection: does nothing, so that only ours is measured."""

    _session_parameters: dict[str, Any] = {"QUERY_TAG": '{"app":"nightly"}'}  # noqa: RUF012

    def cmd_query(self, sql: str, *args: Any, statement_params: dict[str, Any] | None = None) -> dict[str, Any]:
        return {"success": True}


class Client:
    """Stands for a BigQuery client."""

    def _call_api(self, retry: Any, **kwargs: Any) -> dict[str, Any]:
        return kwargs


def microseconds(call: Callable[[], Any]) -> float:
    """Return the median time of a call, of the processor's: what else runs on the machine does not count."""
    return statistics.median(timeit.repeat(call, timer=time.process_time, number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


def deep(call: Callable[[], Any], depth: int) -> Any:
    """Call from a deep stack, as a framework does."""
    return call() if depth == 0 else deep(call, depth - 1)


def main() -> None:
    connection, client = Connection(), Client()
    job = {"configuration": {"query": {"query": STATEMENT}, "labels": {"team": "growth"}}}

    def query() -> Any:
        return connection.cmd_query(STATEMENT)

    def start_job() -> Any:
        return client._call_api(None, method="POST", path="/projects/p/jobs", data=job)

    long_text = STATEMENT * 1_000
    rows = {
        "snowflake": query,
        "snowflake, text of 100 kB": lambda: connection.cmd_query(long_text),
        "bigquery": start_job,
    }
    rows["snowflake, 30 frames deep"] = lambda: deep(query, 30)
    before = {name: microseconds(call) for name, call in rows.items()}
    wrap(Connection, "cmd_query", snowflake._calls(snowflake._rewrite_4, snowflake._follow_4))
    wrap(Client, "_call_api", rewriting(bigquery._rewrite_call))
    print(f"{'microseconds a statement':40}{'added':>10}")
    with costlens.asset("analytics/orders", team="growth", run="3f0c9a52-77aa-4d57-9f27-1d6f0e7a0c11", job="nightly"):
        for name, call in rows.items():
            print(f"{name:40}{microseconds(call) - before[name]:10.1f}")
        print(f"{'of that: line and version':40}{microseconds(caller.caller):10.1f}")
        fields = {"a": ["analytics/orders"], "t": "growth", "f": "jobs/orders.py:42"}
        print(f"{'a tag that was not sent before':40}{microseconds(lambda: codec.query_tag(fields, 'mine')):10.1f}")
    print(f"{'entering and leaving a block':40}{microseconds(enter):10.1f}")


def enter() -> None:
    with costlens.asset("analytics/orders"):
        pass


if __name__ == "__main__":
    main()
