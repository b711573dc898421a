"""A ledger whose every name, text and tag tries to be Markdown, HTML, LaTeX, a link or a spreadsheet's formula."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from costlens.anomaly import store
from costlens.errors import NOT_READ, Problem
from costlens.estate import Asset, Estate, Ownership, Team
from costlens.ledger import Ledger
from costlens.model import TABLES

#: What each name is made of. `TRAP` is what the page would have if any of it worked.
TRAP = "trap-was-sprung"
EVIL = (
    f"<img src=x onerror=\"document.title='{TRAP}'\">",
    f"<script>document.title='{TRAP}'</script>",
    "**bold** _it_ `code` ~~gone~~",
    "[click](https://evil.example/)",
    "![pixel](https://evil.example/pixel.png)",
    "$\\\\frac{1}{2}$ :red[red] :material/bolt: :sunglasses:",
    "# heading\n- item\n| a | b |\n|---|---|",
    "=cmd|' /C calc'!A0",
    "www.evil.example and root@evil.example and https://evil.example/x",
    "\u202egnp.exe\u200b\x07",
)
AS_OF = datetime(2026, 11, 20, 6, tzinfo=timezone.utc)
FIRST = date(2026, 10, 1)
CONFIG = "lake: ./lake\ndatabase: sqlite:///./costlens.db\n"


def make(folder: Path) -> Path:
    """Write the ledger below a folder; return its configuration."""
    (folder / "costlens.yml").write_text(CONFIG)
    assets = [f"{text} asset" for text in EVIL]
    teams = [f"{text} team" for text in EVIL]
    estate = Estate(
        assets=tuple(
            Asset(
                a,
                (f"{a} relation",),
                kind=a,
                owners=(f"{a} owner",),
                tags=(f"{a} tag",),
                path=a,
                upstream=tuple(assets[:2]),
            )
            for a in assets
        ),
        ownership=tuple(Ownership(a, t, origin=a) for a, t in zip(assets, teams, strict=True)),
        teams=tuple(Team(t, slack=t, cost_center=t, email=t) for t in teams),
        conflicts=tuple(EVIL),
    )
    rows = _rows(assets)
    with Ledger.open(str(folder / "lake"), f"sqlite:///{folder / 'costlens.db'}") as ledger:
        with ledger.write("run", "test") as writer:
            for name, table in rows.items():
                days = {(row["day"] - date(1970, 1, 1)).days for row in table}
                writer.replace(name, "shop", days, _arrow(name, table))
            problems = [Problem("shop", text, text, text) for text in EVIL]
            problems += [Problem("shop", text, f"{text}{NOT_READ}{text}") for text in EVIL]
            info = {"types": {"shop": "snowflake"}, "sources": {"shop": {"missing": {text: text for text in EVIL}}}}
            writer.commit(AS_OF, info=info, estate=estate, problems=problems)
        _anomalies(ledger, assets)
    return folder / "costlens.yml"


def _rows(assets: list[str]) -> dict[str, list[dict[str, Any]]]:
    daily, queries, charges, attributions, shapes = [], [], [], [], []
    for number in range(50):
        day, text, asset = FIRST + timedelta(days=number), EVIL[number % len(EVIL)], assets[number % len(EVIL)]
        base = {"source": "shop", "day": day, "billing_period": f"{day:%Y-%m}", "currency": "USD", "account": text}
        money = {
            "units": Decimal(10),
            "cost": Decimal(30),
            "list_cost": Decimal(30),
            "unit": "credits",
            "service": text,
        }
        who = {"user": text, "role": text, "pool": text, "shape": text, "queries": 1.0, "seconds": 60.0, "bytes": 1.0}
        state = {"status": "final", "provisional_cost": Decimal(0), "runs": 1, "category": "query", "method": "tag"}
        named = {"asset": asset, "purpose": "build", "environment": text}
        daily.append({**base, **money, **who, **state, **named})
        daily.append({**base, **money, **who, **state, "method": "none", "asset": None})
        daily.append({**base, **money, **state, "category": "idle", "cause": text, "pool": text})
        at = datetime(day.year, day.month, day.day, 5, tzinfo=timezone.utc)
        times = {"started_at": at, "ended_at": at + timedelta(minutes=1)}
        query = {"query_id": f"{text} {number}", "pool": text, "pool_id": text, "pool_kind": "standard"}
        asked = {"user": text, "role": text, "shape": text, "status": "failed", "error": text, "execution_ms": 60_000}
        queries.append({"source": "shop", "day": day, **query, **times, **asked, "pool_size": text, "queued_ms": 2_000})
        charges.append({**base, **money, **times, **query, "hour": at, "category": "query", "status": "final"})
        said = json.dumps(
            [{"method": text, "asset": asset, "team": text, "share": 1.0, "confidence": 1.0, "text": text}]
        )
        told = {"asset": asset, "share": 1.0, "method": text, "confidence": 1.0, "evidence": said, "code_ref": text}
        told |= {"subject_kind": "query", "subject_id": query["query_id"], "purpose": "build", "environment": text}
        attributions.append({"source": "shop", "day": day, **told})
        shapes.append({"source": "shop", "day": day, "shape": text, "text": f"select '{text}'"})
    return {"daily": daily, "queries": queries, "charges": charges, "attributions": attributions, "shapes": shapes}


def _arrow(name: str, rows: list[dict[str, Any]]) -> pa.Table:
    kinds = {
        "text": pa.string(),
        "instant": pa.timestamp("us", "UTC"),
        "day": pa.date32(),
        "integer": pa.int64(),
        "double": pa.float64(),
        "decimal": pa.decimal128(38, 12),
        "boolean": pa.bool_(),
    }
    schema = pa.schema([(column.name, kinds[column.type]) for column in TABLES[name].columns])
    names = schema.names
    return pa.Table.from_pylist([{key: row.get(key) for key in names} for row in rows], schema=schema)


def _anomalies(ledger: Ledger, assets: list[str]) -> None:
    found = [
        store.Found(
            kind="asset",
            key=asset,
            source="shop",
            currency="USD",
            form="spike",
            first_day=date(2026, 10, 28),
            last_day=date(2026, 10, 30),
            actual=Decimal(90),
            expected=Decimal(30),
            low=Decimal(20),
            high=Decimal(40),
            money=Decimal(60),
            per_month=Decimal(600),
            team=f"{text} team",
        )
        for asset, text in zip(assets, EVIL, strict=True)
    ]
    judged = store.Judged(FIRST, AS_OF.date())
    changes = store.record(ledger.database, found, judged=judged, snapshot=1, at=AS_OF)
    for one in changes.new:
        store.act(ledger.database, one.id, "comment", who=one.key, at=AS_OF, text=one.key)
