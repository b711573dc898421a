"""However often one syncs, the same facts give the same attributions: shapes speak over months, tables are followed over midnight."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from costlens import book
from costlens.config import load_config
from costlens.ledger import Ledger
from costlens.ledger.lake import Selection
from costlens.reading import run_sql
from costlens.sync import Request, sync

CONFIG = """
lake: ./lake
database: sqlite:///./costlens.db
sources:
  - {name: prod, type: snowflake, export: ./export, rates: {compute: 2.85, currency: USD}}
assets: [{yaml: assets.yml}]
"""
ASSETS = "assets:\n" + "".join(f"- {{key: a{n}, relations: [DB.S.A{n}], team: t{n % 3}}}\n" for n in range(6))
FIRST = datetime(2026, 9, 20, tzinfo=timezone.utc)
DAYS = 45
TOLD = "select subject_id, asset, rule_team, share, method, confidence, evidence, environment, purpose from attributions order by all"
LINEAGE = "select * exclude (source) from lineage order by all"
SHAPES = "select day, shape, asset from shape_assets order by all"


def _rows(seed: int) -> list[dict[str, Any]]:
    """Return queries of a few jobs: some tagged, some not, tables in between, threads over midnight, rows of one shape for two assets."""
    chance = random.Random(seed)
    rows: list[dict[str, Any]] = []

    def put(text: str, at: datetime, session: str, asset: str | None = None) -> None:
        number = len(rows)
        tag = json.dumps({"_cl": {"v": 1, "a": [asset]}}) if asset else ""
        rows.append(
            {
                "QUERY_ID": f"q{number:04}",
                "QUERY_TEXT": text,
                "SESSION_ID": session,
                "USER_NAME": "ETL_SVC",
                "WAREHOUSE_ID": "1",
                "WAREHOUSE_NAME": "WH",
                "WAREHOUSE_SIZE": "X-Small",
                "DATABASE_NAME": "DB",
                "SCHEMA_NAME": "S",
                "QUERY_TAG": tag,
                "START_TIME": at.isoformat(),
                "END_TIME": (at + timedelta(minutes=1)).isoformat(),
                "EXECUTION_TIME": 60_000,
            }
        )

    for day in range(DAYS):
        start = FIRST + timedelta(days=day)
        for _ in range(chance.randrange(1, 4)):
            job, at = chance.randrange(8), start + timedelta(minutes=chance.randrange(1430))
            asset = f"a{chance.randrange(6)}" if chance.random() < 0.05 else None
            put(f"select f{job}(x) from raw.r{job} where n = {chance.randrange(99)}", at, f"s{day}", asset)
        if chance.random() < 0.5:
            target, late = chance.randrange(6), start + timedelta(hours=23, minutes=57)
            put(f"create temporary table t{target} as select * from raw.x", late, f"m{day}")
            put(f"insert into a{target} select * from t{target}", late + timedelta(minutes=5), f"m{day}")
    return rows


def _attributions(
    home: Path, rows: Sequence[dict[str, Any]], instants: Sequence[datetime]
) -> list[list[tuple[str, ...]]]:
    (home / "export").mkdir(parents=True)
    (home / "costlens.yml").write_text(CONFIG)
    (home / "assets.yml").write_text(ASSETS)
    for now in instants:
        seen = [row for row in rows if datetime.fromisoformat(row["END_TIME"]) < now]
        (home / "export" / "query_history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in seen))
        metered = {
            "START_TIME": FIRST.isoformat(),
            "WAREHOUSE_ID": "1",
            "WAREHOUSE_NAME": "WH",
            "CREDITS_USED_COMPUTE": "1",
        }
        (home / "export" / "warehouse_metering_history.jsonl").write_text(json.dumps(metered) + "\n")
        config = load_config(home / "costlens.yml")
        with Ledger.open(config.root.lake, config.root.database) as ledger:
            sync(config, ledger, config.sources[0], Request(now=now, as_of=now))
    with Ledger.open(config.root.lake, config.root.database) as ledger:
        frames = [run_sql(ledger, ledger.snapshot(), query) for query in (TOLD, LINEAGE, SHAPES)]
    return [[tuple(str(value) for value in row) for row in frame.itertuples(index=False)] for frame in frames]


def test_every_cadence_attributes_alike(tmp_path: Path) -> None:
    rows = _rows(seed=3)
    end = FIRST + timedelta(days=DAYS, hours=3)
    once = _attributions(tmp_path / "once", rows, [end])
    methods = {row[4] for row in once[0]}
    assert {"tag", "target", "shape", "none"} <= methods
    often = [FIRST + timedelta(days=day, hours=12) for day in range(3, DAYS, 9)]
    assert _attributions(tmp_path / "often", rows, [*often, end]) == once


def test_the_steps_of_one_sync_attribute_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a later step finds speaks for the days of the steps before it."""
    rows = _rows(seed=5)
    end = FIRST + timedelta(days=DAYS, hours=3)
    once = _attributions(tmp_path / "once", rows, [end])
    monkeypatch.setattr(book, "CHUNK_QUERIES", 25)
    assert _attributions(tmp_path / "steps", rows, [end]) == once


def _files(home: Path) -> set[str]:
    config = load_config(home / "costlens.yml")
    with Ledger.open(config.root.lake, config.root.database) as ledger:
        version = ledger.snapshot().versions["attributions"]
        return {file.path for file in ledger.lake.select("attributions", version, Selection())}


@pytest.mark.parametrize(("asset", "is_news"), [("a1", False), ("a2", True)])
def test_days_are_attributed_again_only_where_a_shape_tells_otherwise(
    tmp_path: Path, asset: str, *, is_news: bool
) -> None:
    """One more day on which a statement was for the asset that it is for anyway tells nothing new of the others."""
    rows = [
        {
            "QUERY_ID": f"q{day}-{number}",
            "QUERY_TEXT": "select f(x) from raw.r where n = 1",
            "USER_NAME": "ETL_SVC",
            "WAREHOUSE_ID": "1",
            "WAREHOUSE_NAME": "WH",
            "QUERY_TAG": json.dumps({"_cl": {"v": 1, "a": [tag]}}) if tag else "",
            "START_TIME": (FIRST + timedelta(days=day, hours=6)).isoformat(),
            "END_TIME": (FIRST + timedelta(days=day, hours=7)).isoformat(),
        }
        for day in range(6)
        for number, tag in enumerate((None, "a1" if day < 5 else asset))
    ]
    _attributions(tmp_path / "ledger", rows, [FIRST + timedelta(days=5)])
    before = _files(tmp_path / "ledger")
    (tmp_path / "ledger" / "export").rename(tmp_path / "old")
    told = _attributions(tmp_path / "ledger", rows, [FIRST + timedelta(days=6)])[0]
    after = _files(tmp_path / "ledger")
    assert (not before & after) == is_news
    assert {row[1] for row in told if row[0] == "q0-0"} == ({"<NA>"} if is_news else {"a1"})
