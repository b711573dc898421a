"""Reads what a statement writes and reads: targets and sources of any statement of Snowflake, BigQuery, Databricks and kin.

A reader of tokens, not a parser: it knows where relations are named and skips all else, so that statements with masked
literals, cut-off texts and new syntax are read as surely as plain ones, in linear time and without recursion.
`bench/lineage.py` compares it with sqlglot and with gold data.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context

from costlens.lineage.reader import Lineage, read

__all__ = ["VERSION", "Lineage", "read", "read_many"]

#: Rises when statements are read differently: what was read by another version is read again.
VERSION = 2
_WORTH_A_POOL = 20_000
_CHUNK = 500


def read_many(texts: Sequence[str], dialect: str, *, processes: int | None = None) -> list[Lineage]:
    """Read many statements, in several processes where that is worth it; the same answer either way."""
    processes = processes or (os.cpu_count() or 1 if len(texts) >= _WORTH_A_POOL else 1)
    one = partial(read, dialect=dialect)
    if processes > 1:
        try:
            with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
                return list(pool.map(one, texts, chunksize=_CHUNK))
        except (BrokenProcessPool, OSError):
            pass  # no room for processes: one does it too
    return [one(text) for text in texts]
