"""The real driver reads a live account over HTTP and gives the same facts as an export of the same rows."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from costlens.connector import View
from costlens.engine import Engine
from costlens.exports import ExportReader
from costlens.typed import Problems, typed
from costlens_snowflake import Snowflake, SnowflakeSettings

EXPORT = Path(__file__).parent / "export"

SINCE = datetime(2026, 10, 1, tzinfo=timezone.utc)
UNTIL = datetime(2026, 11, 1, tzinfo=timezone.utc)


def connector(account: dict[str, Any], **more: Any) -> Snowflake:
    return Snowflake(SnowflakeSettings.model_validate({**account, **more}))


def live_facts(given: Snowflake, view: View, problems: Problems) -> list[str]:
    facts: list[str] = []
    with Engine() as engine, given.open() as reader:
        for rows in typed(engine, view, reader.read(view, SINCE, UNTIL), problems):
            for fact in given.normalise(view, rows):
                facts += [repr((fact.table, sorted(row.items()))) for row in engine.rows(fact.rows)]
    return sorted(facts)


def exported_facts(given: Snowflake, view: View) -> list[str]:
    with Engine() as engine:
        rows = ExportReader(given, engine).rows(view, SINCE, UNTIL)
        return sorted(
            repr((fact.table, sorted(row.items())))
            for fact in given.normalise(view, rows)
            for row in engine.rows(fact.rows)
        )


def test_live_and_exported_rows_give_the_same_facts(account: dict[str, Any]) -> None:
    live, exported = connector(account), connector(account, export=EXPORT)
    problems = Problems("prod")
    for view in Snowflake.views:
        if not view.is_snapshot:
            assert live_facts(live, view, problems) == exported_facts(exported, view), view.name
    assert problems.all() == []
