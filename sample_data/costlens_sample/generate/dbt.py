"""What dbt sends to Snowflake: hourly and daily runs, their tests, and pull requests in CI."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random

from costlens_sample.generate.clock import MINUTE, SECOND, at, chance, days, is_workday
from costlens_sample.generate.company import COMMIT, MODELS, SPIKE_COMMIT, SPIKE_FACTOR, SPIKE_MODEL, Model, model
from costlens_sample.generate.statement import Client, Environment, Statement, Truth

PROD = Client("DBT_PROD_SVC", "TRANSFORMER", "dbt")
CI = Client("DBT_CI_SVC", "CI_TRANSFORMER", "dbt")
SPIKE_DAY = date(2026, 10, 19)

#: (test name, model it tests, seconds)
TESTS = tuple(
    (f"{kind}_{m.name}_{column}", m, 4 + m.seconds / 40)
    for m in MODELS
    if m.schema != "staging"
    for kind, column in (("not_null", "id"),)
)


def _comment(target: str, node: str) -> str:
    mark = {
        "app": "dbt",
        "dbt_version": "1.12.6",
        "profile_name": "encore",
        "target_name": target,
        "node_id": node,
    }
    return f"/* {json.dumps(mark)} */"


def _tag(day: date, m: Model, is_incremental: bool) -> str:
    """Return the tag JSON that a dbt package writes, with the commit that the deployment adds to it."""
    commit = SPIKE_COMMIT if day >= SPIKE_DAY else COMMIT
    mark = {
        "app": "dbt",
        "dbt_snowflake_query_tags_version": "2.6.0",
        "is_incremental": is_incremental,
        "git_sha": commit,
        "node_original_file_path": m.path,
    }
    return json.dumps(mark)


def _sql(m: Model, database: str, schema: str, day: date, is_incremental: bool) -> str:
    sources = [f"{name if name.startswith('RAW.') else 'ANALYTICS.' + name}".lower() for name in m.reads]
    joins = "".join(f"\n  left join {name} s{i} on s{i}.id = s0.parent_id" for i, name in enumerate(sources[1:], 1))
    where = f"\n  where s0.loaded_at >= dateadd(day, -2, '{day}'::date)" if is_incremental else ""
    body = (
        f"select s0.id, s0.account_id, date_trunc('day', s0.occurred_at) as day, count(*) as events, "
        f"sum(s0.amount) as amount\n  from {sources[0]} s0{joins}{where}\n  group by 1, 2, 3"
    )
    target = f"{database}.{schema}.{m.name}".lower()
    if m.materialized == "incremental":
        return (
            f"merge into {target} as DBT_INTERNAL_DEST using (\n  {body}\n) as DBT_INTERNAL_SOURCE\n"
            "  on DBT_INTERNAL_SOURCE.id = DBT_INTERNAL_DEST.id\n  when matched then update set events = "
            "DBT_INTERNAL_SOURCE.events when not matched then insert (id) values (DBT_INTERNAL_SOURCE.id)"
        )
    return f"create or replace transient table {target} as (\n  {body}\n)"


def _seconds(m: Model, day: date, random: Random) -> float:
    spike = SPIKE_FACTOR if m.name == SPIKE_MODEL and day >= SPIKE_DAY else 1
    return m.seconds * spike * random.uniform(0.88, 1.12)


def build(m: Model, instant: int, day: date, random: Random, session: str) -> Statement:
    """Return the production build of a model."""
    is_incremental = m.materialized == "incremental" and not (m.name == SPIKE_MODEL and day >= SPIKE_DAY)
    return Statement(
        at=instant,
        text=f"{_sql(m, 'ANALYTICS', m.schema, day, is_incremental)}\n{_comment('prod', m.node)}",
        type="MERGE" if m.materialized == "incremental" else "CREATE_TABLE_AS_SELECT",
        client=PROD,
        session=session,
        truth=Truth(m.team, m.asset, "dbt", "build", "production", "comment"),
        warehouse="TRANSFORM_WH",
        seconds=_seconds(m, day, random),
        weight=random.choice((0.7, 1, 1, 1.4)),
        overhead=random.uniform(0.01, 0.03),
        tag=_tag(day, m, is_incremental),
        schema=m.schema.upper(),
        compile_ms=random.randint(250, 900),
        rows_inserted=random.randint(10_000, 4_000_000),
        bytes_scanned=round(m.seconds * 2**30 * random.uniform(0.5, 2)),
        bytes_spilled=round(m.seconds * 2**26) if m.seconds > 700 else 0,
    )


def _threads(start: int, models: list[Model], day: date, random: Random, session: str) -> Iterator[Statement]:
    """Build models on four threads, each taking the next when it is free."""
    free = [start + i * 700 for i in range(4)]
    for m in models:
        thread = free.index(min(free))
        statement = build(m, free[thread], day, random, session)
        free[thread] += round(statement.seconds * SECOND) + 4 * SECOND
        if m.name == "churn_scores" and day.day % 9 == 4:  # out of memory, and again ten minutes later
            broken = replace(statement, seconds=statement.seconds * 0.6, error=("300005", "Processing aborted"))
            yield replace(broken, rows_inserted=0)
            statement = replace(statement, at=statement.at + 10 * MINUTE)
        yield statement


def _test(name: str, m: Model, seconds: float, instant: int, client: Client, session: str, where: str) -> Statement:
    environment: Environment = "production" if client is PROD else "ci"
    target = "prod" if client is PROD else "ci"
    node = f"test.encore.{name}"
    return Statement(
        at=instant,
        text=(
            f"select count(*) as failures, count(*) != 0 as should_warn from (\n  select id from {where}.{m.name}\n"
            f"  where id is null\n) dbt_internal_test\n{_comment(target, node)}"
        ),
        type="SELECT",
        client=client,
        session=session,
        truth=Truth(m.team, m.asset, "dbt", "test", environment, "comment"),
        warehouse="TRANSFORM_WH" if client is PROD else "CI_WH",
        seconds=seconds,
        overhead=0.003,
        schema=m.schema.upper(),
        database=where.partition(".")[0].upper(),
        bytes_scanned=round(seconds * 2**27),
    )


def _hourly(day: date, random: Random) -> Iterator[Statement]:
    models = [m for m in MODELS if m.hourly]
    for hour in range(5, 24):
        session = f"dbt hourly {day} {hour}"
        yield from _threads(at(day, hour) + 5 * MINUTE + random.randint(0, 20_000), models, day, random, session)


def _daily(day: date, random: Random) -> Iterator[Statement]:
    session = f"dbt daily {day}"
    start = at(day, 2) + random.randint(0, 30_000)
    yield from _threads(start, [m for m in MODELS if m.schema == "staging"], day, random, session)
    yield from _threads(start + 14 * MINUTE, [m for m in MODELS if m.schema != "staging"], day, random, session)
    clock = at(day, 4.5)
    for name, m, seconds in TESTS:
        took = seconds * random.uniform(0.8, 1.2)
        yield _test(name, m, took, clock, PROD, session, f"analytics.{m.schema}")
        clock += round(took * SECOND) + 900


def _pull_request(day: date, number: int, random: Random) -> Iterator[Statement]:
    """Build a few models on a sample of the data in a schema of the pull request, and test them."""
    session = f"dbt ci {day} {number}"
    clock = at(day, random.uniform(8, 17))
    where = f"analytics_ci.pr_{number}"
    for m in random.sample(MODELS, 4):
        seconds = m.seconds * random.uniform(0.3, 0.6)
        production = build(m, clock, day, random, session)
        error = ("000904", "SQL compilation error") if random.random() < 0.06 else None
        yield replace(
            production,
            text=f"{_sql(m, 'ANALYTICS_CI', f'PR_{number}', day, False)}\n{_comment('ci', m.node)}",
            client=CI,
            warehouse="CI_WH",
            seconds=seconds if error is None else 0,
            is_computed=error is None,
            error=error,
            tag="",
            database="ANALYTICS_CI",
            schema=f"PR_{number}",
            rows_inserted=0,
            bytes_spilled=0,
            truth=Truth(m.team, m.asset, "dbt", "build", "ci", "comment"),
        )
        clock += round(seconds * SECOND) + 2 * SECOND
        yield _test(f"not_null_{m.name}_id", m, 2 + seconds / 20, clock, CI, session, where)
        clock += 6 * SECOND


def _backfill() -> Iterator[Statement]:
    """A developer rebuilds a model by hand from a laptop, in a schema of their own."""
    random = chance("dbt backfill")
    m = model("acquisition_funnel")
    laptop = Client("YUKI.TANAKA", "GROWTH_DEV", "dbt")
    for day in (date(2026, 10, 7), date(2026, 10, 8)):
        yield replace(
            build(m, at(day, 13.3), day, random, f"dbt dev {day}"),
            text=f"{_sql(m, 'ANALYTICS_DEV', 'DBT_YTANAKA', day, False)}\n{_comment('dev', m.node)}",
            client=laptop,
            tag="",
            warehouse="CI_WH",
            database="ANALYTICS_DEV",
            schema="DBT_YTANAKA",
            truth=Truth(m.team, m.asset, "dbt", "build", "development", "comment"),
        )


def statements() -> Iterator[Statement]:
    """Yield everything dbt sends, in no order."""
    random = chance("dbt")
    number = 2_310
    for day in days():
        yield from _hourly(day, random)
        yield from _daily(day, random)
        for _ in range(random.randint(3, 5) if is_workday(day) else 0):
            number += 1
            yield from _pull_request(day, number, random)
    yield from _backfill()
