"""The soak of `make soak`, short: a warehouse that grows, kills, a Slack that fails; nothing lost, nothing twice, charges exact."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_spec = importlib.util.spec_from_file_location("bench_soak", Path(__file__).parent.parent.parent / "bench" / "soak.py")
assert _spec is not None
assert _spec.loader is not None
bench = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = bench
_spec.loader.exec_module(bench)


def test_a_short_soak(tmp_path: Path) -> None:
    plan = bench.Plan(seconds=20, days=1, step_hours=4, replicas=1, kills=3, kill_seconds=(0, 5))
    found = bench.soak(tmp_path / "soak", plan)
    assert found.wrong == []
    assert found.kills >= 3
    assert found.syncs >= 1
    assert found.files > 50
