"""Statements lose every literal and comment, and keep their names and shape."""

from __future__ import annotations

import pytest

from costlens.masking import MAX_TEXT, mark_of, mask_text, shape_of

SNOWFLAKE = [
    ("select 'it''s', 'a\\'b' from t", "select ?, ? from t"),
    ("select $$ it's\n-- secret $$, x'AB12', $1, col_2", "select ?, ?, $1, col_2"),
    ('select "Col \'1 -- a", t."b" from t -- it\'s', 'select "Col \'1 -- a", t."b" from t'),
    ("select 1e-3, 0xFF, 12.50, -3 // don't", "select ?, ?, ?, -?"),
    ("select 1 /* a 'b */ + /* c */ 2", "select ? + ?"),
    ("select * from t where d >= date '2026-01-01'", "select * from t where d >= date ?"),
    (
        "select * from t where a IN ('a','b' , 'c') and b not in ( 1, -2 )",
        "select * from t where a IN (?) and b not in ( ? )",
    ),
    ("insert into t values (1, f(2, (3))), (2, f(3, (4)))", "insert into t values (?, f(?, (?)))"),
    ("select min(1, 2), f('a', 'b')", "select min(?, ?), f(?, ?)"),
    ("copy into t from @stage/2026/10/01/f.csv", "copy into t from @stage/?/?/?/f.csv"),
    ("select 'cut off -- by the vend", "select ?"),
    ('select "cut off', "select ?"),
    ("select 1 /* cut off 'secret", "select ?"),
    ("select $$ cut off", "select ?"),
    ("select 'ends in a backslash\\", "select ?"),
    ("select\0 1", "select ?"),
    ("", ""),
]
BIGQUERY = [
    ("""select "it's", 'a "b"', \"\"\"x "y" ' \"\"\", '''a'b'''""", "select ?, ?, ?, ?"),
    ("""select r"a\\"b", b'x', rb'y', R'''z''' from t""", "select ?, ?, ?, ? from t"),
    ("select * from `acme-12.ds.t_1` # it's", "select * from `acme-12.ds.t_1`"),
    ("select * from acme-123.ds.t where x-1 = y-2.5", "select * from acme-123.ds.t where x-? = y-?"),
    ("select '' , 'a' from t where b in unnest([1, 2, 3])", "select ? , ? from t where b in unnest([?])"),
    ('select x from t where y = "', "select x from t where y = ?"),
]


@pytest.mark.parametrize(("text", "masked"), SNOWFLAKE)
def test_snowflake_literals_are_masked(text: str, masked: str) -> None:
    assert mask_text(text, "snowflake") == masked


@pytest.mark.parametrize(("text", "masked"), BIGQUERY)
def test_bigquery_literals_are_masked(text: str, masked: str) -> None:
    assert mask_text(text, "bigquery") == masked


def test_a_long_text_is_cut_and_its_shape_is_of_the_whole() -> None:
    columns = ", ".join(f"column_{n}" for n in range(2_000))
    one, other = f"select {columns} from a", f"select {columns} from b"
    assert len(mask_text(one)) == MAX_TEXT
    assert mask_text(one) == mask_text(other)
    assert shape_of(one) != shape_of(other)


def test_shapes_are_equal_but_for_literals_case_comments_and_white_space() -> None:
    shapes = {
        shape_of(text)
        for text in (
            "select a from t where b in (1, 2) and c = 'x'",
            "SELECT a\n  FROM t /* dbt */ WHERE b IN ( 3 ) AND c = 'y';",
            "select a from t where b in (1,2 , 3,4) and c = '' -- note",
        )
    }
    assert len(shapes) == 1
    assert shape_of("select a from u where b in (1) and c = 'x'") not in shapes
    assert len(shapes.pop()) == 16


def test_deeply_nested_and_long_texts_do_not_hang() -> None:
    for text in (
        "(" * 50_000,
        "values " + "(1), " * 20_000,
        "in (" + "1, " * 30_000,
        "'" * 100_001,
        "/*" * 50_000,
        "\\" * 99_999,
    ):
        assert len(mask_text(text)) <= MAX_TEXT


MARKS = [
    (
        '/* {"app": "dbt", "dbt_version": "1.11", "node_id": "model.p.t", "secret": "s3"} */ select 1',
        '{"app":"dbt","dbt_version":"1.11","node_id":"model.p.t","tool":"dbt"}',
    ),
    (
        "select 1\n-- snowflake_dagster_dbt_v1_opaque_id[[[3f2a-41]]]\n",
        '{"dagster_opaque_id":"3f2a-41","tool":"dagster"}',
    ),
    (
        """select 1 -- Looker Query Context '{"user_id":7,"history_slug":"ab","email":"a@b.c"}'""",
        '{"history_slug":"ab","tool":"looker","user_id":7}',
    ),
    (
        'select 1 -- Sigma Σ {"sourceUrl":"https://app.sigma.com/w/Sales-1?token=x","kind":"adhoc","email":"a@b.c"}',
        '{"kind":"adhoc","sourceUrl":"https://app.sigma.com/w/Sales-1","tool":"sigma"}',
    ),
    (
        'select 1 -- Hex query metadata: {"project_id":"p1","user_email":"a@b.c","categories":["CELL"]}',
        '{"categories":["CELL"],"project_id":"p1","tool":"hex"}',
    ),
    (
        'select 1 -- {"client":"Metabase","cardId":4,"databaseId":2,"x":"y"}',
        '{"cardId":4,"client":"Metabase","databaseId":2,"tool":"metabase"}',
    ),
    (
        "-- Metabase:: userID: 12 queryType: MBQL queryHash: 0af3\nselect 1",
        '{"queryHash":"0af3","queryType":"MBQL","tool":"metabase"}',
    ),
    (
        "select 1 /* cl_a=marts/orders cl_o=py */",
        '{"_cl":{"a":["marts/orders"],"o":"py","v":1},"tool":"costlens"}',
    ),
    ("/* SQLMESH_PLAN: 1ab2 */ select 1", '{"sqlmesh_plan":"1ab2","tool":"sqlmesh"}'),
    (
        'select 1 /* {"user":"u","url":"https://modeanalytics.com/a/reports/1","scheduled":true} */',
        '{"scheduled":true,"tool":"mode","url":"https://modeanalytics.com/a/reports/1"}',
    ),
    ('select \'/* {"app": "dbt", "node_id": "model.p.t"} */\'', None),
    ('select 1 /* {"unknown": "tool"} */ -- note', None),
    ('select 1 /* {"app": "dbt", "node_id": "it\'s odd"', None),
]


@pytest.mark.parametrize(("text", "mark"), MARKS)
def test_marks_of_known_tools_are_kept_and_nothing_else_of_a_comment(text: str, mark: str | None) -> None:
    assert mark_of(text) == mark
