"""What statements write and read: gold data of OpenLineage, our own cases, and the same with literals masked."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from costlens.lineage import Lineage, read, read_many
from costlens.lineage.tokens import plain
from costlens.masking import mask_text

DATA = Path(__file__).parent / "data"
with gzip.open(DATA / "lineage_openlineage_dev.jsonl.gz", "rt") as _lines:
    GOLD = [json.loads(line) for line in _lines]
CASES = [json.loads(line) for line in (DATA / "cases.jsonl").read_text().splitlines()]


def _names(names: tuple[str, ...] | list[str]) -> set[str]:
    return {".".join(plain(part) for part in name.split(".")).replace("`", "") for name in names}


@pytest.mark.parametrize("row", GOLD, ids=lambda row: row["name"])
def test_gold(row: dict[str, Any]) -> None:
    for sql in (row["sql"], mask_text(row["sql"], row["dialect"])):
        lineage = read(sql, row["dialect"])
        assert _names(lineage.targets) == _names(row["targets"])
        assert _names(lineage.sources) == _names(row["sources"])


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['dialect']}: {row['sql'][:60]}")
def test_cases(row: dict[str, Any]) -> None:
    lineage = read(row["sql"], row["dialect"])
    assert [*lineage.targets] == row["targets"]
    assert [*lineage.sources] == row["sources"]
    assert [*lineage.temporary] == row["temporary"]


#: Names that stand in a literal are gone with it.
IN_LITERALS = ("execute immediate", "identifier(", "unload (")


@pytest.mark.parametrize("row", CASES, ids=lambda row: f"{row['dialect']}: {row['sql'][:60]}")
def test_masking_takes_nothing_away_but_names_in_literals(row: dict[str, Any]) -> None:
    if not any(word in row["sql"] for word in IN_LITERALS):
        assert read(mask_text(row["sql"], row["dialect"]), row["dialect"]) == read(row["sql"], row["dialect"])


def test_names_are_told_as_written_and_once() -> None:
    lineage = read('insert into "Db"."S".T select * from a.b join A.B using (x) join "a"."b" using (x)')
    assert lineage == Lineage(('"Db"."S".T',), ("a.b",), "insert")


def test_the_verb_is_that_of_the_first_statement_that_writes() -> None:
    assert read("use schema x; select 1 from a; merge into t using a on 1=1 when matched then delete").verb == "merge"
    assert read("select 1").verb == "select"
    assert read("").verb == ""


def test_many_in_processes_as_one_by_one() -> None:
    texts = [row["sql"] for row in CASES] * 3
    assert read_many(texts, "snowflake", processes=2) == [read(text, "snowflake") for text in texts]
