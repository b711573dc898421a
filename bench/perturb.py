"""What happens to a statement between the code and the query log: each function takes a text and gives what was run."""

from __future__ import annotations

import random
import re
from collections.abc import Callable

import sqlglot

from costlens.masking import mask_text

Perturbation = Callable[[str, random.Random], str]

_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_DATE = re.compile(r"'\d{4}-\d{2}-\d{2}'")
_STRINGS = re.compile(r"'([a-z_ ]+)'")


def verbatim(text: str, _: random.Random) -> str:
    """As it is."""
    return text


def one_line(text: str, _: random.Random) -> str:
    """No comments, one line, upper case but for literals."""
    bare = " ".join(_COMMENT.sub(" ", text).split())
    return "".join(part if at % 2 else part.upper() for at, part in enumerate(re.split(r"('[^']*'|`[^`]*`)", bare)))


def reprinted(text: str, _: random.Random) -> str:
    """As another printer writes it."""
    return ";\n".join(tree.sql("bigquery", pretty=True) for tree in sqlglot.parse(text, read="bigquery") if tree)


def other_dates(text: str, chance: random.Random) -> str:
    """Other dates."""
    return _DATE.sub(
        lambda _: f"'20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}'", text
    )


def parameters_bound(text: str, chance: random.Random) -> str:
    """Bind variables as literals."""
    day = f"DATE '20{chance.randint(10, 29)}-{chance.randint(1, 12):02}-{chance.randint(1, 28):02}'"
    return re.sub(r"@\w+", day, text)


def ctas(text: str, _: random.Random) -> str:
    """Kept as a table of someone's own."""
    return f"CREATE OR REPLACE TABLE `analysis.tmp_{len(text)}` AS\n{text}"


def dbt_test(text: str, _: random.Random) -> str:
    """As dbt wraps a test."""
    return f"select\n count(*) as failures,\n count(*) != 0 as should_warn,\n count(*) != 0 as should_error\nfrom (\n{text}\n) dbt_internal_test"


def dbt_merge(text: str, _: random.Random) -> str:
    """As dbt merges an incremental model."""
    return (
        "-- back compat for old kwarg name\nmerge into `prod`.`marts`.`a_model` as DBT_INTERNAL_DEST using (\n"
        f"{text}\n) as DBT_INTERNAL_SOURCE on (DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id)\n"
        "when matched then update set `id` = DBT_INTERNAL_SOURCE.`id`\nwhen not matched then insert (`id`) values (`id`)"
    )


def commented(text: str, _: random.Random) -> str:
    """With a tool's comment at both ends."""
    return f'/* {{"app": "dbt", "node_id": "model.x.y"}} */\n{text}\n-- Looker Query Context \'{{"user_id":7}}\''


def renamed(text: str, _: random.Random) -> str:
    """Its own parts called otherwise, and a limit."""
    for name in re.findall(r"(?:\bWITH\s+(?:RECURSIVE\s+)?|\),\s*)([A-Za-z_]\w*)\s+AS\s*\(", text, re.IGNORECASE)[:2]:
        text = re.sub(rf"\b{name}\b", f"{name}_2", text)
    return text.rstrip().rstrip(";") + "\nLIMIT 500"


def cut_off(text: str, chance: random.Random) -> str:
    """The first 50 to 90 per cent of it."""
    bare = " ".join(_COMMENT.sub(" ", text).split())
    return bare[: int(len(bare) * chance.uniform(0.5, 0.9))]


def head_lost(text: str, chance: random.Random) -> str:
    """All but the first 10 to 50 per cent of it."""
    bare = " ".join(_COMMENT.sub(" ", text).split())
    return bare[int(len(bare) * chance.uniform(0.1, 0.5)) :]


def masked(text: str, _: random.Random) -> str:
    """As the ledger keeps it: no literals, no comments, 4,000 characters at most."""
    return mask_text(text, "bigquery")


SAME: dict[str, Perturbation] = {
    "verbatim": verbatim,
    "one line, upper": one_line,
    "reprinted": reprinted,
    "other dates": other_dates,
    "parameters bound": parameters_bound,
    "create table as": ctas,
    "dbt test": dbt_test,
    "dbt merge": dbt_merge,
    "tools' comments": commented,
    "parts renamed": renamed,
    "cut off": cut_off,
    "its head lost": head_lost,
    "masked": masked,
}

#: Of these only what selects can be the inside.
WRAPS = ("create table as", "dbt test", "dbt merge", "parts renamed")
