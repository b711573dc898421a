"""One relation, many spellings."""

from __future__ import annotations

import pytest

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
