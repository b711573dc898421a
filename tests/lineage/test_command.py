"""`costlens lineage` as people and programs call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from costlens.commands import main


def _run(path: Path, *more: str) -> list[str]:
    done = CliRunner().invoke(main, ["lineage", "--queries", str(path), *more])
    assert done.exit_code == 0, done.output
    return done.output.splitlines()


@pytest.fixture
def queries(tmp_path: Path) -> Path:
    path = tmp_path / "queries.jsonl"
    rows = [
        {"id": 1, "sql": 'insert into "A"."B" select * from c'},
        {"id": "two", "sql": "not sql at all '"},
        {"id": 3, "sql": 'select "a" from `p.d.t`', "dialect": "bigquery"},
    ]
    path.write_text("\n\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_json_lines_in_json_lines_out(queries: Path) -> None:
    assert [json.loads(line) for line in _run(queries, "--dialect", "snowflake", "--json")] == [
        {"id": 1, "targets": ['"A"."B"'], "sources": ["c"]},
        {"id": "two", "targets": [], "sources": []},
        {"id": 3, "targets": [], "sources": ["`p.d.t`"]},
    ]


def test_for_people(queries: Path) -> None:
    assert _run(queries)[0] == '1: insert: "A"."B" <- c'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1: not valid JSON"),
        ('{"id": 1}', "line 1: `id` and a text `sql` are wanted"),
        ("[" * 100_000, "line 1: not valid JSON"),
    ],
)
def test_wrong_lines_are_told_with_their_place(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "queries.jsonl"
    path.write_text(text, encoding="utf-8")
    done = CliRunner().invoke(main, ["lineage", "--queries", str(path)])
    assert done.exit_code == 1
    assert said in done.output


def test_no_such_file(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["lineage", "--queries", str(tmp_path / "none")])
    assert done.exit_code == 1
    assert "cannot be read" in done.output
