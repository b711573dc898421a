"""Evaluates `costlens blame` on what no rule of it was written with: other hands' wrappers and printers, and twins left in the code.

Held out are classes of change (`HELD`) that neither `perturb.py` nor a test holds, and the source itself: it is taken out of the
repository and a twin put in its place that differs in one thing. Every claim is then false.
"""

from __future__ import annotations

import logging
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlglot
from eval_trace import Code, code_of, load
from evaluation import Section
from others import OTHERS, other
from perturb import masked
from sqlglot import exp

from costlens.trace import FOUND, NEAR, Tracer
from costlens.trace.units import Unit, units_of

Change = Callable[[str, random.Random], str]
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
#: Twins that a masked text cannot tell apart.
_LITERALS = ("another text", "another number")
#: A cut text is asked in each of these lengths, as logs cut them.
_CUTS = (0.5, 0.7, 0.9)


def _bare(text: str) -> str:
    return _COMMENT.sub(" ", text).strip().rstrip(";")


def _body(text: str) -> str:
    """Return the query of a view, the text itself of a query."""
    return re.sub(r"^\s*create\s+(or\s+replace\s+)?(materialized\s+)?view\s+\S+\s+as\s+", "", _bare(text), flags=re.I)


def virtual_table(text: str, _: random.Random) -> str:
    """As a dashboard pages through it."""
    return f"SELECT * FROM (\n{_body(text)}\n) AS virtual_table\nLIMIT 1000"


def counted(text: str, _: random.Random) -> str:
    """As a client counts its rows."""
    return f"select count(*) from ({_body(text)}) as t"


def inserted(text: str, _: random.Random) -> str:
    """As a job appends it."""
    return f"INSERT INTO `reports.daily_{len(text)}`\n{_body(text)}"


def exported(text: str, _: random.Random) -> str:
    """As a job exports it."""
    return f"EXPORT DATA OPTIONS(uri='gs://bucket/x/*.parquet', format='PARQUET', overwrite=true) AS\n{_body(text)}"


def explained(text: str, _: random.Random) -> str:
    """As somebody looks at its plan."""
    return f"EXPLAIN {_body(text)}"


def names_quoted(text: str, _: random.Random) -> str:
    """By a printer that quotes every name."""
    return ";\n".join(tree.sql("bigquery", identify=True) for tree in sqlglot.parse(text, read="bigquery") if tree)


def aliases_renamed(text: str, _: random.Random) -> str:
    """Tables called otherwise within the statement."""
    tree = sqlglot.parse_one(text, read="bigquery")
    names = {table.alias: f"t_{number}" for number, table in enumerate(tree.find_all(exp.Table)) if table.alias}
    for table in tree.find_all(exp.Table):
        if table.alias in names:
            table.set("alias", exp.TableAlias(this=exp.to_identifier(names[table.alias])))
    for column in tree.find_all(exp.Column):
        if column.table in names:
            column.set("table", exp.to_identifier(names[column.table]))
    return tree.sql("bigquery", pretty=True)


def other_dialect(text: str, _: random.Random) -> str:
    """As a transpiler writes it for Snowflake; what it cannot say is no matter here."""
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    return ";\n".join(sqlglot.transpile(text, read="bigquery", write="snowflake", pretty=True))


def scheduled(text: str, chance: random.Random) -> str:
    """With a scheduler's remark in front and settings before it."""
    return f"SET @@query_label = 'job:{chance.randint(1, 999)}';\n-- scheduled by cron\n{_bare(text)};"


#: Nobody runs the body of a view so.
_OF_QUERIES = (inserted, exported)

HELD: dict[str, Change] = {
    "in a dashboard's paging": virtual_table,
    "rows counted": counted,
    "appended by INSERT": inserted,
    "exported": exported,
    "explained": explained,
    "every name quoted": names_quoted,
    "tables called otherwise": aliases_renamed,
    "settings and remarks before it": scheduled,
    "transpiled for Snowflake": other_dialect,
}


@dataclass(frozen=True)
class Told:
    """What was said of a query of a class: whether its own place was found, something alike shown, or another place claimed."""

    group: str
    is_present: bool
    is_found: bool
    is_false: bool
    is_near: bool


def _said(tracer: Tracer, group: str, text: str, path: str, *, present: bool) -> Told:
    said = tracer.trace(text)
    where = said.best.unit.path if said.best else None
    claims = said.verdict == FOUND
    is_right = present and claims and where == path
    return Told(group, present, is_right, claims and not is_right, said.verdict == NEAR)


def _statements() -> tuple[Code, list[dict[str, Any]]]:
    rows = load("bqetl_assets.jsonl.gz")
    kept = [row for row in rows if not row["jinja"] and row["kind"] != "script"]
    return code_of({row["path"]: row["sql"] for row in rows}), kept


def _units(code: Code, without: str = "", more: Sequence[Unit] = ()) -> list[Unit]:
    return [*(unit for path, held in code.items() if path != without for unit in held), *more]


def forms() -> Iterator[Told]:
    """Yield what is said of statements in forms that no rule was written with, with their file and without it."""
    code, rows = _statements()
    everything = Tracer(_units(code))
    for row in rows:
        rest = Tracer(_units(code, row["path"]))
        for name, change in HELD.items():
            if change in _OF_QUERIES and row["kind"] != "query":
                continue
            try:
                text = change(row["sql"], random.Random(row["asset"] + name))
            except sqlglot.errors.SqlglotError:
                continue
            for tracer, present in ((everything, True), (rest, False)):
                yield _said(tracer, name, text, row["path"], present=present)


def twins(kinds: int = 3) -> Iterator[Told]:
    """Yield what is said of statements whose file is not there and a twin of it is, and where both are."""
    code, rows = _statements()
    for row in rows:
        chance = random.Random(row["asset"])
        for name in chance.sample([*OTHERS], kinds):
            twin = other(row["sql"], OTHERS[name], random.Random(row["asset"] + name))
            if twin is None:
                continue
            place = units_of(f"twin/{row['path']}", twin.encode())
            alone, both = Tracer(_units(code, row["path"], place)), Tracer(_units(code, more=place))
            bare = " ".join(_COMMENT.sub(" ", row["sql"]).split())
            hides = "twin, masked: another literal" if name in _LITERALS else "twin, masked"
            asked = {
                f"twin with {name}": row["sql"],
                "twin, cut off": bare[: int(len(bare) * chance.choice(_CUTS))],
                hides: masked(row["sql"], chance),
            }
            for group, text in asked.items():
                yield _said(alone, group, text, row["path"], present=False)
                yield _said(both, group, text, row["path"], present=True)


def evaluate() -> Iterator[Section]:
    """Yield what is found and what is claimed falsely, by class."""
    for title, told in (("forms that no rule was written with", [*forms()]), ("twins left in the code", [*twins()])):
        rows = []
        for group in [*dict.fromkeys(one.group for one in told), "all"]:
            mine = [one for one in told if group in ("all", one.group)]
            there, gone = [one for one in mine if one.is_present], [one for one in mine if not one.is_present]
            rows.append(
                (
                    group,
                    len(there),
                    sum(one.is_found for one in there) / (len(there) or 1),
                    sum(one.is_near for one in there),
                    sum(one.is_false for one in there),
                    len(gone),
                    sum(one.is_false for one in gone),
                )
            )
        columns = ("class", "present", "found", "near", "wrong file", "absent", "claimed")
        yield Section(f"Code tracing, held out: {title}", columns, tuple(rows), NOTES)


NOTES = (
    "present: the source is in the code (beside its twin); absent: it was taken out, the twin is there; a claim is then false.",
    "What a twin differs in lies beyond the cut of half of the cut texts, and behind the mask of other literals: nothing can tell it there.",
)
