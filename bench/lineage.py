"""Speed of reading statements: many distinct shapes in processes, beside sqlglot's parser on one core (`make eval PART=lineage` judges)."""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import sqlglot

from costlens.lineage import read, read_many

SHAPES = 100_000


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
    """Print the figures."""
    logging.disable(logging.ERROR)
    texts = list(shapes(SHAPES))
    print(f"{SHAPES:,} shapes of {sum(map(len, texts)) // SHAPES:,} bytes on average, {os.cpu_count()} cores")
    _timed("read_many, all cores", lambda: read_many(texts, "snowflake"), SHAPES)
    few = texts[:1000]
    _timed("read, one core, 1,000 shapes", lambda: [read(text, "snowflake") for text in few], len(few))
    _timed("sqlglot.parse, one core, 1,000 shapes", lambda: [_parses(text, "snowflake") for text in few], len(few))


def _parses(text: str, dialect: str) -> bool:
    try:
        sqlglot.parse(text, dialect=dialect)
    except (sqlglot.ParseError, sqlglot.TokenError):
        return False
    return True


if __name__ == "__main__":
    main()
