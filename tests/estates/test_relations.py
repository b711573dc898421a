"""One relation, many spellings."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costlens.estate import Asset
from costlens.estates import Relations

RELATIONS = Relations(
    [
        Asset("orders", ("ANALYTICS.MARTS.ORDERS",)),
        Asset("again", ("analytics.marts.orders", "analytics.marts.again")),
        Asset("events", ("acme-prod.web.events_*",)),
        Asset("users", ("acme-prod.web.users",)),
        Asset("odd", ('DB."My.Schema"."T ""1"""',)),
        Asset("anywhere", ("staging.stg_orders",)),
        Asset("twin_a", ("a.shared.t",)),
        Asset("twin_b", ("b.shared.t",)),
    ]
)
SPELLINGS = [
    ("analytics.marts.orders", "orders"),
    ('"ANALYTICS"."MARTS"."ORDERS"', "orders"),
    (' "analytics".Marts.orders ', "orders"),
    ("snowflake://org-acct/ANALYTICS/MARTS/ORDERS", "orders"),
    ("snowflake://org-acct/ANALYTICS.MARTS.ORDERS", "orders"),
    ("marts.orders", "orders"),
    ("ANALYTICS.MARTS.ORDERS__dbt_tmp", "orders"),
    ("ANALYTICS.MARTS.ORDERS__dbt_backup", "orders"),
    ("`acme-prod.web.users`", "users"),
    ("`acme-prod`.web.`users`", "users"),
    ("acme-prod:web.users", "users"),
    ("example.org:acme-prod.web.users", "users"),
    ("acme-prod.web.users$20261001", "users"),
    ("bigquery://acme-prod/web/users", "users"),
    ("bigquery://acme-prod.web.users", "users"),
    ("//bigquery.googleapis.com/projects/acme-prod/datasets/web/tables/users", "users"),
    ("[acme-prod:web.users]", "users"),
    ("snowflake://locator.eu-central-1.aws/ANALYTICS.MARTS.ORDERS", "orders"),
    ("databricks://adb-1.azuredatabricks.net/analytics.marts.orders", "orders"),
    ("redshift://cluster.eu-west-1:5439/analytics.marts.orders", "orders"),
    ("arn:aws:glue:eu-west-1:123456789012/table/staging/stg_orders", "anywhere"),
    ("arn:aws:glue:eu-west-1:123456789012/table/nowhere/stg_orders", None),
    ("s3://bucket/analytics.marts.orders", None),
    ("acme-prod.web.events_20261001", "events"),
    ('db."my.schema"."t ""1"""', "odd"),
    ("db.my.schema.t", None),
    ("anything.staging.stg_orders", "anywhere"),
    ("shared.t", None),
    ("b.shared.t", "twin_b"),
    ("orders", None),
    ("", None),
    ("...", None),
]


@pytest.mark.parametrize(("name", "key"), SPELLINGS)
def test_spellings(name: str, key: str | None) -> None:
    assert RELATIONS.find(name) == key


def test_names_are_completed_by_the_session() -> None:
    assert RELATIONS.find("orders", database="analytics", schema="MARTS") == "orders"
    assert RELATIONS.find("shared.t", database="A") == "twin_a"
    assert RELATIONS.find("orders", database="analytics", schema="other") is None


PLAIN = st.text(string.ascii_letters + "_", min_size=1, max_size=8).map(lambda text: f"x{text}")
ODD = st.text(string.ascii_letters + '_ .":/-$é', min_size=1, max_size=8).map(lambda text: f"x{text}y")
THREE = st.tuples(PLAIN, PLAIN, PLAIN)


def _cases(parts: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [parts, tuple(part.upper() for part in parts), tuple(part.swapcase() for part in parts)]


def _spelt(parts: tuple[str, ...]) -> list[str]:
    """One relation as warehouses, tools and orchestrators write it."""
    plain, quoted = ".".join(parts), ".".join(f'"{part}"' for part in parts)
    project, dataset, table = parts
    return [
        plain,
        quoted,
        f" {plain} ",
        f'"{project}".{dataset}.{table}',
        f"`{plain}`",
        ".".join(f"`{part}`" for part in parts),
        f"{project}:{dataset}.{table}",
        f"[{project}:{dataset}.{table}]",
        f"snowflake://org-account/{plain}",
        f"snowflake://org-account/{quoted}",
        f"snowflake://locator.region.cloud/{project}/{dataset}/{table}",
        f"bigquery://{plain}",
        f"//bigquery.googleapis.com/projects/{project}/datasets/{dataset}/tables/{table}",
        f"projects/{project}/datasets/{dataset}/tables/{table}",
        f"databricks://host.cloud/{plain}",
        f"{plain}$20261001",
    ]


@given(THREE, THREE)
def test_every_spelling_finds_its_relation_and_no_other(parts: tuple[str, ...], others: tuple[str, ...]) -> None:
    is_one = [part.lower() for part in parts] == [part.lower() for part in others]
    for told in _spelt(parts):
        relations = Relations([Asset("wanted", (told,)), Asset("other", (".".join(others),))])
        for case in _cases(parts):
            assert {relations.find(name) for name in _spelt(case)} == {"wanted"}
        assert relations.find(".".join(others)) == ("wanted" if is_one else "other")


@given(st.tuples(ODD, ODD, ODD))
def test_quoted_names_may_hold_anything(parts: tuple[str, ...]) -> None:
    quoted = ".".join('"{}"'.format(part.replace('"', '""')) for part in parts)
    relations = Relations([Asset("wanted", (quoted,)), Asset("other", ("a.b.c",))])
    assert relations.find(quoted) == relations.find(quoted.lower()) == "wanted"
    database, schema, table = quoted.split('"."') if quoted.count('"."') == 2 else ("", "", "")
    if database:
        assert relations.find(f'"{table}', database[1:].replace('""', '"'), schema.replace('""', '"')) == "wanted"


@given(st.text(max_size=30))
def test_no_name_breaks_the_reading(name: str) -> None:
    Relations([Asset("a", (name,))]).find(name, "d", "s")
