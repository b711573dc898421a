"""However often a company syncs, late and restated rows lead to the same charges at the same instant."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from costlens.config import load_config
from costlens.ledger import Ledger
from costlens.reading import run_sql
from costlens.sync import Request, sync
from costlens_sample import folder
from costlens_sample.as_of import export_as_of

#: The first sees neither an hour of queries that came 12 hours late nor that a day's metering was too low.
EARLY = datetime(2026, 10, 22, 2, tzinfo=timezone.utc)
END = datetime(2026, 10, 24, 20, tzinfo=timezone.utc)
CHARGES = """
    select source, day, hour, category, cause, pool_id, query_id, object_id, service, unit, status, billing_period,
        sum(units)::varchar as units, sum(cost)::varchar as cost
    from charges group by all order by all
"""


def charges_after(home: Path, instants: Sequence[datetime]) -> list[tuple[str, ...]]:
    """Sync both sources at each instant from what could be exported then; return all charges."""
    home.mkdir()
    for name in ("costlens.yml", "assets.yml", "teams.yml", "manifest.json", "manifest_bigquery.json"):
        shutil.copy(folder() / name, home / name)
    for instant in instants:
        export_as_of(instant, home)
        config = load_config(home / "costlens.yml")
        with Ledger.open(config.root.lake, config.root.database) as ledger:
            for connector in config.sources:
                sync(config, ledger, connector, Request(now=instant, as_of=instant))
            frame = run_sql(ledger, ledger.snapshot(), CHARGES)
    return [tuple(str(value) for value in row) for row in frame.itertuples(index=False)]


def test_two_syncs_charge_what_one_charges(tmp_path: Path) -> None:
    once = charges_after(tmp_path / "once", [END])
    assert len(once) > 20_000
    assert charges_after(tmp_path / "twice", [EARLY, END]) == once
