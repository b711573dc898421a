"""What the Waste page says, and what it counts as a retry."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import ibis
import pyarrow as pa

from costlens.engine import Engine
from costlens.model import TABLES, Column
from costlens_dashboard.questions import waste

from .conftest import Open

HOUR = 3_600_000_000


def test_every_line_says_what_and_why(show: Open, demo: Path) -> None:
    app = show(demo, "waste")
    assert not app.exception
    rows = app.dataframe[0].value
    assert "Development of nobody" in set(rows["what"])
    words = " ".join(f"{row['what']} {row['reasoning']}" for row in rows.to_dict("records")).split()
    assert not {"nan", "None", "<NA>"} & set(words)
    failing = rows[rows["kind"] == "Failing and retried"]
    assert len(failing)
    assert failing["reasoning"].str.contains("tried again").all()


def test_a_use_by_another_team_is_a_use(show: Open, demo: Path) -> None:
    def unread(**params: str) -> set[str]:
        rows = show(demo, "waste", **params).dataframe[0].value
        return set(rows[(rows["kind"] == "Never read") & (rows["team"] == "content")]["what"])

    assert unread() == unread(team="content") != set()


def table(engine: Engine, name: str, rows: list[dict[str, Any]], *more: Column) -> Any:
    columns = [*(column for column in TABLES[name].columns if column.name in rows[0]), *more]
    return engine.register(pa.Table.from_pylist(rows), name, columns)


def test_a_retry_is_the_same_statement_of_the_same_user_within_an_hour() -> None:
    ran = [
        ("ann", "a", 0.0, "failed"),  # tried again, in vain
        ("ann", "a", 0.2, "failed"),  # tried again, and well
        ("ann", "a", 0.9, "success"),
        ("ann", "a", 5.0, "failed"),  # again only much later
        ("ann", "a", 9.0, "success"),
        ("bob", "a", 5.5, "success"),  # somebody else's
        ("ann", "b", 0.1, "success"),  # a shape that never fails is not counted
    ]
    names = [str(number) for number in range(len(ran))]
    with Engine() as engine:
        asked = table(
            engine,
            "queries",
            [
                {
                    "query_id": name,
                    "source": "s",
                    "shape": shape,
                    "user": user,
                    "started_at": int(at * HOUR),
                    "status": status,
                }
                for name, (user, shape, at, status) in zip(names, ran, strict=True)
            ],
        )
        charges = table(engine, "charges", [{"query_id": name, "cost": Decimal(2)} for name in names])
        told = table(
            engine,
            "attributions",
            [{"subject_id": name, "asset": "orders", "share": 0.5} for name in names],
        ).mutate(team=ibis.literal("growth"))
        (found,) = engine.rows(waste.failed(asked, charges, told))
    assert found == {
        "asset": "orders",
        "team": "growth",
        "cost": 3.0,
        "failed": 3,
        "ran": 6,
        "retried": 2,
        "recovered": 1,
    }
