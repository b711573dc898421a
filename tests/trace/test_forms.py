"""Forms of code, and files that are hostile: what is read, and that reading ends."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costlens.trace import FOUND, Repository, Store, Tracer
from costlens.trace.units import units_of

QUERY = """select order_id, customer_id, sum(amount) as total, max(paid_at) as last_paid
from raw.payments where status = 'settled' and paid_at > '2026-01-01' group by order_id, customer_id"""
FILES: dict[str, str] = {
    "shell.sh": f"set -e\nbq query --use_legacy_sql=false <<EOF\n{QUERY.replace('2026-01-01', '${DAY}')}\nEOF\n",
    "app.ts": f"const run = (day) => client.query(`\n{QUERY.replace('2026-01-01', '${day}')}\n`);\n",
    "Job.java": "class Job { String sql = \"\"\"\n" + QUERY + "\n\"\"\"; }\n",
    "view.lkml": "view: orders {\n  derived_table: {\n    sql: " + QUERY + " ;;\n  }\n}\n",
    "README.md": f"# Orders\n\n```sql\n{QUERY}\n```\n",
    "dag.yaml": "tasks:\n  - sql: >\n      " + QUERY.replace("\n", "\n      ") + "\n",
    "join.py": "SQL = ' '.join([\n" + "".join(f"    {line!r},\n" for line in QUERY.splitlines()) + "])\n",
    "alchemy.py": "from sqlalchemy import text\n\ndef load(c):\n    return c.execute(text(\n        "
    + repr(QUERY.replace("'2026-01-01'", ":day"))
    + "\n    ))\n",
    "conditional.py": "def build(paid):\n"
    "    sql = 'select order_id, customer_id, sum(amount) as total, max(paid_at) as last_paid '\n"
    "    sql += \"from raw.payments where status = 'settled' and paid_at > '\" + paid + \"' \"\n"
    "    sql += 'group by order_id, customer_id'\n    return sql\n",
    "loop.sql": "select order_id, customer_id, sum(amount) as total, max(paid_at) as last_paid\nfrom {{ ref('payments') }}\n"
    "where status = 'settled' {% if is_incremental() %} and paid_at > '{{ var(\"day\") }}' {% endif %}\ngroup by order_id, customer_id",
    "many.sql": f"create table other as select a, b, c from d where e = f;\n\n{QUERY};\n\nselect a, b, c, d, e from f where g = h;\n",
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_statement_is_found_in_every_form(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(FILES[name])
    (tmp_path / "other.sql").write_text(QUERY.replace("raw.payments", "raw.refunds"))
    trace = Tracer.open([Repository(tmp_path)], Store()).trace(QUERY)
    assert trace.best is not None
    assert (trace.verdict, trace.best.unit.path) == (FOUND, name), trace
    lines = FILES[name].splitlines()
    first = next(number for number, line in enumerate(lines, 1) if "order_id" in line)
    assert abs(trace.best.line - first) <= 1


HOSTILE: dict[str, Callable[[], str]] = {
    "open.sql": lambda: "{{ " * 200_000,
    "quotes.sql": lambda: "select '" + "''" * 300_000,
    "comments.py": lambda: "X = '''" + "--      \n" * 5_000 + "nothing'''",
    "shift.js": lambda: "a << b; select 1 from x; " * 30_000,
    "sql.lkml": lambda: "sql: select " * 5_000,
    "plus.py": lambda: "X = " + " + ".join(["'select a from b'"] * 3_000),
    "deep.py": lambda: "X = " + "(" * 5_000 + ")" * 5_000,
    "name.sql": lambda: "select " + "a" * 500_000,
    "dashes.sql": lambda: "select a" + "-b" * 200_000,
    "blocks.sql": lambda: "select a {% if x %}" * 20_000,
    "list.yaml": lambda: "a: [" * 3_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_reading_a_hostile_file_ends(name: str) -> None:
    """It takes a moment; what looks at characters again and again would take hours."""
    units_of(name, HOSTILE[name]().encode()[:1_900_000])


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300), st.sampled_from(["a.sql", "a.py", "a.ipynb", "a.yml", "a.md", "a.sh"]))
def test_any_text_can_be_read_and_asked_for(text: str, name: str) -> None:
    units = units_of(name, text.encode("utf-8", "replace")) + units_of("b.sql", QUERY.encode())
    tracer = Tracer(units)
    assert tracer.trace(text).score <= 1.0
    found = tracer.trace(QUERY)
    assert found.best is not None
    assert found.best.unit.path == "b.sql"
