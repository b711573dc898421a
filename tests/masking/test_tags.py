"""Query tags and labels keep what tools and the configuration need, and mask the rest."""

from __future__ import annotations

import pytest

from costlens.masking import mask_labels, mask_tag
from costlens.tagging.codec import query_tag

UUID = "0a1b2c3d-1111-2222-3333-444455556666"
TAGS = [
    (
        '{"_cl":{"v":1,"o":"dagster","a":["marts/orders"]},"job":"x"}',
        '{"_cl":{"a":["marts/orders"],"o":"dagster","v":1},"job":"?"}',
    ),
    ('{"tag":"my own text","_cl":{"a":["m"],"long_key":"x"}}', '{"_cl":{"a":["m"],"v":1},"tag":"?"}'),
    ("cl_a=marts/orders;cl_t=growth;ticket=1", '{"_cl":{"a":["marts/orders"],"t":"growth","v":1},"ticket":"?"}'),
    ("nightly job cl_t=growth", '{"_cl":{"t":"growth","v":1},"tag":"?cd84e132"}'),
    (query_tag({"a": ["m"]}, "team=growth;x=1"), '{"_cl":{"a":["m"],"v":1,"w":1},"team":"growth","x":"?"}'),
    (query_tag({"a": ["m"]}, '{"team":"growth"}'), '{"_cl":{"a":["m"],"v":1},"team":"growth"}'),
    ('{"app":"dbt","node_id":"model.p.t","team":"growth"}', '{"app":"dbt","node_id":"model.p.t","team":"growth"}'),
    ('{"app":"payroll","Team":"growth"}', '{"Team":"growth","app":"?"}'),
    ('{"app":"costlens"}', '{"app":"costlens"}'),
    ('{"team":"Größe & \'Co\'"}', '{"team":"Größe & \'Co\'"}'),
    ("team=growth;ticket=ABC-1", '{"team":"growth","ticket":"?"}'),
    ("team:growth, ticket:ABC-1", '{"team":"growth","ticket":"?"}'),
    (f"mc_monitor_id={UUID}", f'{{"mc_monitor_id":"{UUID}"}}'),
    (f"monitor run, mc_monitor_id={UUID} started", f'{{"mc_monitor_id":"{UUID}"}}'),
    (
        '{"StreamlitEngine":"ExecuteStreamlit","StreamlitName":"DB.S.APP"}',
        '{"StreamlitEngine":"ExecuteStreamlit","StreamlitName":"DB.S.APP"}',
    ),
    (
        '{"dag_id":"d","task_id":"t","operator":"SnowparkOperator"}',
        '{"dag_id":"d","operator":"SnowparkOperator","task_id":"t"}',
    ),
    ('{"nested":{"team":"growth"},"team":{"a":1}}', '{"nested":"?","team":"?"}'),
    ('{"team":"\\ud800"}', '{"team":"?"}'),
    ("  ", None),
    (None, None),
]


@pytest.mark.parametrize(("tag", "masked"), TAGS)
def test_tags_are_masked(tag: str | None, masked: str | None) -> None:
    assert mask_tag(tag, keep={"team"}) == masked


def test_opaque_tags_stay_equal_and_tell_nothing() -> None:
    assert mask_tag("nightly load") == mask_tag("nightly load")
    assert mask_tag("nightly load") != mask_tag("daily load")
    assert "load" not in (mask_tag("nightly load") or "")
    for broken in ('{"a": "secret"', '["secret"]', '"secret"', "a=1;secret"):
        assert "secret" not in (mask_tag(broken) or "")


def test_labels_are_masked() -> None:
    labels = '{"team":"growth","cl_a":"marts_orders","dbt_invocation_id":"u","customer":"acme","airflow-dag":"d"}'
    assert mask_labels(labels) == (
        '{"airflow-dag":"d","cl_a":"marts_orders","customer":"?","dbt_invocation_id":"u","team":"?"}'
    )
    assert '"team":"growth"' in (mask_labels(labels, keep=["team"]) or "")
    assert mask_labels(None) is None
    assert mask_labels("{}") is None


def test_a_commit_is_kept_where_it_looks_like_one() -> None:
    assert mask_tag('{"git_sha": "9f3c2ab"}') == '{"git_sha":"9f3c2ab"}'
    assert mask_tag('{"git_sha": "no commit", "secret": "9f3c2ab"}') == '{"git_sha":"?","secret":"?"}'
