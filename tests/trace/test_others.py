"""What is nearly a statement of the code and is another one is not claimed; what was cut off is found as far as it goes."""

from __future__ import annotations

import random
import re

import pytest
from others import OTHERS, other

from costlens.trace import FOUND, NEAR, Trace, Tracer
from costlens.trace.units import units_of

STATEMENT = """with paid as (
  select customer_id, country, channel, sum(amount) as revenue, max(paid_at) as last_paid, count(*) as orders
  from raw.payments as p left join raw.accounts as a on p.account_id = a.account_id
  where p.status in ('settled', 'captured', 'refunded') and p.amount > 25 and p.region not in ('test', 'demo')
    and p.paid_at >= '2026-01-01'
  group by customer_id, country, channel
)
select paid.customer_id, paid.country, paid.channel, paid.revenue, c.segment, c.owner
from paid cross join crm.customers as c
where paid.customer_id = c.customer_id and c.deleted is null
order by paid.revenue, paid.country
"""


@pytest.fixture(scope="module")
def code() -> Tracer:
    text = STATEMENT.replace("raw.payments", "raw.invoices")
    files = {"revenue.sql": STATEMENT, "invoices.sql": text}
    return Tracer([unit for path, held in files.items() for unit in units_of(path, held.encode())])


def _path(trace: Trace) -> str | None:
    return trace.best.unit.path if trace.best else None


@pytest.mark.parametrize("name", OTHERS)
def test_one_difference_is_enough_to_claim_nothing(code: Tracer, name: str) -> None:
    for seed in range(4):
        text = other(STATEMENT, OTHERS[name], random.Random(seed), "snowflake")
        assert text
        trace = code.trace(text)
        assert trace.verdict != FOUND, text
        assert trace.why


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("'2026-01-01'", "'2031-05-07'"),
        ("cross join", ","),
        ("p.region not in ('test', 'demo')", "not p.region in ('test', 'demo')"),
        ("p.amount > 25", "p.amount > 25.0"),
    ],
)
def test_what_printers_and_runs_change_is_no_difference(code: Tracer, before: str, after: str) -> None:
    assert before in STATEMENT
    trace = code.trace(STATEMENT.replace(before, after))
    assert (trace.verdict, _path(trace)) == (FOUND, "revenue.sql"), trace.why


def test_a_text_that_is_cut_off_within_a_word_a_number_or_a_literal_is_found(code: Tracer) -> None:
    outer = STATEMENT.index("from paid cross")
    for end in range(STATEMENT.index("raw.accounts") + 20, len(STATEMENT) - 40):
        trace = code.trace(STATEMENT[:end])
        if end > outer and re.match(r"\s*(where|and)\b", STATEMENT[end:]):
            assert trace.verdict == NEAR, STATEMENT[:end]  # whole as it is: it may be another statement that does less
            continue
        assert (trace.verdict, _path(trace)) == (FOUND, "revenue.sql"), (STATEMENT[:end], trace.why)


def test_a_text_that_is_cut_off_before_its_table_is_not_claimed(code: Tracer) -> None:
    assert code.trace(STATEMENT[: STATEMENT.index("from raw")]).verdict != FOUND


def test_the_table_that_is_written_is_enough_for_a_text_cut_off_after_it() -> None:
    text = "create or replace view `acme.fire.daily` as select * from `acme.fire_derived.daily_v1`"
    tracer = Tracer(units_of("daily/view.sql", text.encode()))
    assert tracer.trace(text[:-7]).verdict == FOUND
    assert tracer.trace(text[:-7].replace("acme.fire.daily", "acme.water.daily")).verdict == NEAR
    assert tracer.trace(text.replace("daily_v1", "weekly_v1")).verdict == NEAR


def test_a_text_without_its_head_may_write_anything() -> None:
    head = "create or replace view acme.klar.events as "
    tracer = Tracer(units_of("events/view.sql", (head + STATEMENT).encode()))
    assert tracer.trace(STATEMENT).verdict == FOUND
    for start in (30, 100, 200):
        assert tracer.trace(STATEMENT[start:]).verdict == NEAR


@pytest.mark.parametrize("more", [" and c.region = 'eu'", " left join crm.regions as r on r.id = c.region"])
def test_a_statement_that_is_whole_where_the_code_goes_on_is_not_cut_off(more: str) -> None:
    """The twin in the code has a clause more at its end; its own file is not there."""
    whole = STATEMENT[: STATEMENT.index("where paid.customer_id")]
    tracer = Tracer(units_of("twin.sql", (whole + more).encode()))
    assert tracer.trace(whole + more).verdict == FOUND
    said = tracer.trace(whole)
    assert (said.verdict, said.why) == (NEAR, "1 clause is only in the code")


def test_another_table_as_the_last_word_is_another_statement() -> None:
    """The last name of the query stands elsewhere in the code: as what it writes."""
    text = "create view acme.fire.pings as " + STATEMENT[: STATEMENT.index("from paid cross")]
    tracer = Tracer(units_of("pings.sql", (text + "from acme.stable.other").encode()))
    assert tracer.trace(text + "from acme.stable.other").verdict == FOUND
    assert tracer.trace(text + "from acme.stable.pings").verdict == NEAR


def test_a_difference_far_behind_is_seen() -> None:
    columns = ", ".join(f"column_{number} as c_{number}" for number in range(12_000))
    text = f"create view acme.wide as select {columns} from acme.stable.pings_v1 as p"
    tracer = Tracer(units_of("wide.sql", text.encode()))
    assert len(text) > 250_000
    assert tracer.trace(text).verdict == FOUND
    assert tracer.trace(text.replace("pings_v1", "pings_v2")).verdict == NEAR


def test_what_a_client_sets_before_it_asks_is_no_part_of_the_statement(code: Tracer) -> None:
    trace = code.trace(f"SET @@query_label = 'job:1,team:growth'; USE WAREHOUSE x_large; {STATEMENT}")
    assert (trace.verdict, _path(trace)) == (FOUND, "revenue.sql"), trace.why


def test_a_value_in_a_template_is_no_place_for_a_condition() -> None:
    text = STATEMENT.replace("25", "{{ least }}")
    tracer = Tracer(units_of("revenue.sql", text.encode()))
    assert tracer.trace(STATEMENT).verdict == FOUND
    assert tracer.trace(STATEMENT.replace("25", "25 and p.hidden = 1")).verdict == NEAR
