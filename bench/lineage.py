"""Lineage judged: gold data of OpenLineage by class of statement, and speed on many distinct shapes, beside sqlglot's.

`python bench/lineage.py` prints both; `make eval` calls `evaluate()`.
"""

from __future__ import annotations

import gzip
import json
import logging
import os
import random
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import sqlglot

from costlens.lineage import read, read_many
from costlens.lineage.tokens import plain
from costlens.masking import mask_text

GOLD = Path(__file__).parents[1] / "tests" / "lineage" / "data" / "lineage_openlineage_dev.jsonl.gz"
SHAPES = 100_000
NOTE = (
    "77 statements of a vendor's own unit tests, mostly PostgreSQL's dialect, written to be parsed: they do not show how often real statements "
    "are of these classes, nor scripts, stages and dynamic tables; tests/lineage/data/cases.jsonl holds those, by our own judgement."
)


def evaluate() -> list[dict[str, Any]]:
    """Return rows of part, class, measure, right, of, note: statements whose targets and sources are all and only the gold's."""
    right: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for row in _gold():
        kind = row["file"].rsplit("tests_", 1)[-1].removesuffix(".rs")
        for form, sql in (("plain", row["sql"]), ("masked", mask_text(row["sql"], row["dialect"]))):
            lineage = read(sql, row["dialect"])
            both = ((lineage.targets, row["targets"]), (lineage.sources, row["sources"]))
            is_right = all(_names(said) == _names(gold) for said, gold in both)
            right[kind, form].append(is_right)
            right["all", form].append(is_right)
    return [
        {
            "part": "lineage",
            "class": f"{kind}, {form}",
            "measure": "targets and sources exact",
            "right": sum(marks),
            "of": len(marks),
            "note": NOTE if kind == "all" and form == "plain" else "",
        }
        for (kind, form), marks in sorted(right.items())
    ]


def _gold() -> list[dict[str, Any]]:
    with gzip.open(GOLD, "rt") as lines:
        return [json.loads(line) for line in lines]


def _names(names: Any) -> set[str]:
    return {".".join(plain(part) for part in name.split(".")).replace("`", "") for name in names}


def shapes(count: int, seed: int = 7) -> Iterator[str]:
    """Yield distinct masked statements as a company's: reads of people, dbt's models and merges, loads; 60 bytes to 4 kB."""
    chance = random.Random(seed)
    for number in range(count):
        kind = chance.random()
        columns = ", ".join(f"a.column_{chance.randrange(500)} as c{n}" for n in range(chance.randrange(3, 25)))
        tables = [
            f"raw_{chance.randrange(40)}.shop.table_{chance.randrange(900)}" for _ in range(chance.randrange(1, 6))
        ]
        joined = f"{tables[0]} a" + "".join(f" left join {t} t{n} on a.id = t{n}.id" for n, t in enumerate(tables[1:]))
        where = f"where a.c{number} > ? and a.day between ? and ? group by {', '.join(map(str, range(1, 4)))}"
        if kind < 0.5:
            yield f"select {columns} from {joined} {where} order by ? limit ?"
        elif kind < 0.85:
            ctes = ", ".join(
                f"c{n} as (select {columns} from {t} a {where})" for n, t in enumerate(tables * chance.randrange(1, 3))
            )
            yield f"create or replace transient table marts.m.model_{number} as (with {ctes} select {columns} from c0 a {where})"
        elif kind < 0.95:
            changed = columns.replace(" as ", " = ")
            using = f"using marts.m.model_{number}__dbt_tmp as s on (t.id = s.id)"
            yield f"merge into marts.m.model_{number} as t {using} when matched then update set {changed}"
        else:
            yield f"copy into raw.shop.table_{number} from @raw.stage/x file_format = (type = ?)"


def _timed(name: str, function: Callable[[], Any], count: int) -> None:
    start = time.perf_counter()
    function()
    seconds = time.perf_counter() - start
    print(f"{name:50} {seconds:8.1f} s  {seconds / count * 1000:7.3f} ms a shape")


def main() -> None:
    """Print scores and speed."""
    logging.disable(logging.ERROR)
    for row in evaluate():
        print(f"{row['class']:30} {row['right']:3} of {row['of']:3}  {row['note']}")
    texts = list(shapes(SHAPES))
    print(f"{SHAPES:,} shapes of {sum(map(len, texts)) // SHAPES:,} bytes on average, {os.cpu_count()} cores")
    _timed("read_many, all cores", lambda: read_many(texts, "snowflake"), SHAPES)
    few = texts[:1000]
    _timed("read, one core, 1,000 shapes", lambda: [read(text, "snowflake") for text in few], len(few))
    _timed("sqlglot.parse, one core, 1,000 shapes", lambda: [_parses(text, "snowflake") for text in few], len(few))
    rows = _gold()
    failed = [
        row
        for row in rows
        if not _parses(mask_text(row["sql"], row["dialect"]), row["dialect"].replace("sqlserver", "tsql"))
    ]
    print(f"masked statements of the gold data that sqlglot cannot parse: {len(failed)} of {len(rows)}")


def _parses(text: str, dialect: str) -> bool:
    try:
        sqlglot.parse(text, dialect=dialect)
    except (sqlglot.ParseError, sqlglot.TokenError):
        return False
    return True


if __name__ == "__main__":
    main()
