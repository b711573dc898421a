"""Finds the asset of a relation however it is spelt: case, quotes, backticks, project:dataset.table, snowflake://…, awsglue"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from costlens.estate import Asset

#: OpenLineage's namespaces: those of warehouses begin with a host, those of files are names as they are.
_SCHEME = re.compile(r"^(?!(?:bigquery|bq)://)[a-z][a-z0-9+]*://[^/]*/", re.IGNORECASE)
_BIGQUERY_SCHEME = re.compile(r"^(?:bigquery|bq)://", re.IGNORECASE)
_FILES = re.compile(r"^(?:s3[an]?|gs|abfss?|wasbs?|adl|hdfs|dbfs|file|kafka|pubsub)://", re.IGNORECASE)
_GLUE_NAME = re.compile(r"^arn:aws[\w-]*:glue:[^/]*/?table/([^/]+)/([^/]+)$", re.IGNORECASE)
_GOOGLE_NAME = re.compile(r"^(?://bigquery\.googleapis\.com/)?projects/([^/]+)/datasets/([^/]+)/tables/([^/]+)$")
_PART = re.compile(r'"((?:[^"]|"")*)"|([^."]+)')
_DECORATOR = re.compile(r"\$(?:\d+|__\w+__)$")  # BigQuery's partition: table$20261001
_HELPER = re.compile(r"__dbt_(?:tmp|backup|new|intermediate)\w*$")
_SHARD = re.compile(r"_\d{8}$")  # BigQuery's date-sharded tables: events_20261001 is one of events_*


def parts_of(name: str) -> tuple[str, ...]:
    """Return the parts of a relation's name in lower case, without quotes: at most (database, schema, table)."""
    name = name.strip()
    if _FILES.match(name):
        return (name,)
    if found := _GOOGLE_NAME.match(name) or _GLUE_NAME.match(name):
        return tuple(part.lower() for part in found.groups())
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]  # BigQuery's legacy SQL
    if _SCHEME.match(name) or _BIGQUERY_SCHEME.match(name):
        name = _BIGQUERY_SCHEME.sub("", _SCHEME.sub("", name)).replace("/", ".")
    name = name.replace("`", "")
    if '"' not in name:
        name = name.replace(":", ".")
    parts = [quoted.replace('""', '"') or plain.strip() for quoted, plain in _PART.findall(name)]
    return tuple(_DECORATOR.sub("", part.lower()) for part in parts if part)[-3:]


class Relations:
    """The relations of assets; where two assets claim one, the first asset has it."""

    def __init__(self, assets: Iterable[Asset]) -> None:
        self._exact: dict[tuple[str, ...], str] = {}
        self._tails: dict[tuple[str, ...], set[str]] = {}
        self._tables: dict[str, set[str]] = {}
        for asset in assets:
            for relation in asset.relations:
                parts = parts_of(relation)
                if parts:
                    self._exact.setdefault(parts, asset.key)
                    self._tails.setdefault(parts[-2:], set()).add(self._exact[parts])
                    self._tables.setdefault(parts[-1], set()).add(self._exact[parts])

    def find(self, name: str, database: str | None = None, schema: str | None = None) -> str | None:
        """Return the key of the asset that a relation belongs to, or None.

        A name without database or schema is completed by those given; `schema.table` alone is found where only one
        database has it. A table that dbt swaps in or out, and a date shard, belong to their table.
        """
        parts = parts_of(name)
        if not parts:
            return None
        if len(parts) == 1 and schema:
            parts = (schema.lower(), *parts)
        if len(parts) == 2 and database:
            parts = (database.lower(), *parts)
        return self.find_parts(parts)

    def find_parts(self, parts: tuple[str, ...]) -> str | None:
        """Return the key of the asset of a name that was cut into its parts, in lower case."""
        for spelling in _spellings(parts[-1]) if parts else ():
            if found := self._find((*parts[:-1], spelling)):
                return found
        return None

    def find_table(self, table: str) -> str | None:
        """Return the key of the only asset whose table has the name, in any place."""
        for spelling in _spellings(table):
            candidates = self._tables.get(spelling, set())
            if len(candidates) == 1:
                return next(iter(candidates))
        return None

    def _find(self, parts: tuple[str, ...]) -> str | None:
        if found := self._exact.get(parts):
            return found
        if len(parts) == 3:
            return self._exact.get(parts[1:])  # an asset that names no database means every one
        candidates = self._tails.get(parts, set()) if len(parts) == 2 else set()
        return next(iter(candidates)) if len(candidates) == 1 else None


def _spellings(table: str) -> tuple[str, ...]:
    return table, _HELPER.sub("", table), _SHARD.sub("_*", table)
