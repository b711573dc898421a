"""What people send to Snowflake: dashboards, questions, notebooks, experiments, and a crawler out of hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from random import Random

from costlens_sample.generate.clock import MINUTE, SECOND, at, chance, days, is_workday
from costlens_sample.generate.company import DASHBOARDS, MODELS, PEOPLE, TEAMS, asset_of
from costlens_sample.generate.statement import Client, Statement, Truth

WEB = "Snowflake Web App (PROD)"
CRAWLER = Client("ATLAN_SVC", "PLATFORM_CATALOG", "Atlan", "JDBC 3.24.2")
CRAWL_DAY = date(2026, 10, 18)
ENDLESS = at(date(2026, 10, 9), 15.2)
ENDLESS_SECONDS = 40 * 3_600 + 1_260


def _bi_role(team: str) -> str:
    return f"{team.upper()}_BI"


def _tiles(day: date, random: Random) -> Iterator[Statement]:
    """Dashboards opened through the working day, a dozen tiles at once; a second look hits the result cache."""
    opened = random.randint(9, 12) if is_workday(day) else 3
    monday = day.weekday() == 0
    for number in range(opened):
        tool, name, team, mart = random.choice(DASHBOARDS)
        hour = 8.5 if monday and number < 3 else random.triangular(7, 20, 9.5)
        start = at(day, hour) + (number * 900 if monday and number < 3 else 0)
        user = random.choice(PEOPLE[team])
        client = (
            Client("LOOKER_SVC", _bi_role(team), "Looker", "JDBC 3.24.2")
            if tool == "looker"
            else Client("TABLEAU_SVC", _bi_role(team), "TableauServer", "ODBC 3.5.0")
        )
        truth = Truth(team, asset_of(mart), tool, "read", "production", "principal")
        for tile in range(random.randint(6, 11)):
            is_cached = random.random() < 0.12
            yield Statement(
                at=start + tile * 90,
                text=_tile_text(tool, name, mart, tile, day, user, random),
                type="SELECT",
                client=client,
                session=f"{tool} {team} {day}",
                truth=truth,
                warehouse="BI_WH",
                seconds=0 if is_cached else random.lognormvariate(3.9, 0.9),
                weight=random.choice((0.6, 1, 1.6)),
                overhead=random.uniform(0.003, 0.012),
                is_computed=not is_cached,
                tag=f'{{"tableau":{{"workbook":"{name}"}}}}' if tool == "tableau" else "",
                schema=mart.partition(".")[0],
                compile_ms=random.randint(120, 600),
                bytes_scanned=0 if is_cached else random.randint(2**26, 2**34),
            )


def _tile_text(tool: str, name: str, mart: str, tile: int, day: date, user: str, random: Random) -> str:
    column = ("account_id", "region", "plan", "platform")[tile % 4]
    body = (
        f"select {column}, date_trunc('day', day) as d, sum(events) as events, sum(amount) as amount\n"
        f"from analytics.{mart.lower()}\nwhere day >= '{day}'::date - {7 * (1 + tile % 5)} and region in ('EU', 'US')\n"
        f"group by 1, 2 order by 2 desc limit 500"
    )
    if tool == "looker":
        number, instance = sum(map(ord, user)), f"{random.getrandbits(24):06x}"
        context = {"user_id": number, "history_slug": f"{name}{tile}", "instance_slug": instance}
        return f"{body}\n-- Looker Query Context '{json.dumps(context)}'"
    return body


#: {0} a relation, {1} and {2} days, {3} an account.
_QUESTIONS = (
    "select count(distinct account_id) from {0} where day between '{1}' and '{2}' and plan = 'premium'",
    (
        "with a as (select account_id, min(day) as first_day from {0} group by 1)\n"
        "select date_trunc('week', first_day) as w, count(*) from a where first_day > '{1}' group by 1 order by 1"
    ),
    "select * from {0} where account_id = {3} and day >= '{1}' order by day desc limit 200",
    (
        "select region, approx_percentile(amount, 0.95) from {0} t join analytics.growth.daily_active_listeners l "
        "on l.account_id = t.account_id where t.day = '{2}' group by 1"
    ),
)


def _question(day: date, random: Random) -> Statement:
    """One ad-hoc question from the web page: the shared ANALYST role says nothing about the team."""
    team = random.choices(TEAMS, (5, 2, 4, 3, 3, 1))[0]
    user = random.choice(PEOPLE[team])
    m = random.choice(MODELS)
    text = random.choice(_QUESTIONS).format(
        m.relation.lower(), day.replace(day=1), day, random.randint(10_000, 99_999_999)
    )
    failed = random.random() < 0.05
    cancelled = random.random() < 0.02
    error = (
        ("000604", "SQL execution canceled") if cancelled else ("002003", "Object does not exist") if failed else None
    )
    is_computed = error is None or cancelled
    return Statement(
        at=at(day, random.triangular(7.5, 19, 11)) + random.randint(0, 50_000),
        text=text,
        type="SELECT",
        client=Client(user, "ANALYST", WEB, "Snowflake UI"),
        session=f"web {user} {day}",
        truth=Truth(team, None, "adhoc", "read", "development"),
        warehouse="ADHOC_WH",
        seconds=random.lognormvariate(4.1, 1.3) if is_computed else 0,
        weight=random.choice((0.8, 1, 1.3)),
        overhead=random.uniform(0.004, 0.012),
        is_computed=is_computed,
        error=error,
        schema=m.schema.upper(),
        compile_ms=random.randint(90, 900),
        bytes_scanned=random.randint(2**24, 2**36) if is_computed else 0,
        acceleration=random.uniform(0.05, 0.4) if random.random() < 0.03 and is_computed else 0,
    )


def _housekeeping(statement: Statement, random: Random) -> Iterator[Statement]:
    """What the web page itself asks around a question: nothing of it computes, or next to nothing."""
    text, kind, seconds = random.choice(
        (
            ("SHOW TERSE SCHEMAS IN DATABASE ANALYTICS LIMIT 1000", "SHOW", 0),
            ("select 1", "SELECT", 0.03),
            ("DESCRIBE TABLE ANALYTICS.STAGING.STG_APP__PLAYS", "DESCRIBE", 0),
            ("select current_role(), current_warehouse()", "SELECT", 0.06),
            ("create or replace temporary table scratch_ids (account_id number)", "CREATE_TABLE", 0),
        )
    )
    yield replace(
        statement,
        at=statement.at - 2 * SECOND,
        text=text,
        type=kind,
        seconds=seconds,
        is_computed=seconds > 0,
        error=None,
        overhead=0.0008,
        compile_ms=30,
        bytes_scanned=0,
        acceleration=0,
        is_client_generated=kind == "SHOW",
        truth=replace(statement.truth, purpose="maintenance"),
    )


def _notebooks(day: date, random: Random) -> Iterator[Statement]:
    for number in range(random.randint(8, 13) if is_workday(day) else 2):
        user = random.choice(PEOPLE["catalog"])
        text = (
            f'SELECT "TRACK_ID", "TEMPO", "ENERGY" FROM ( SELECT * FROM ANALYTICS.CATALOG.TRACK_FEATURES WHERE '
            f"(\"SNAPSHOT\" = '{day}' :: DATE)) SAMPLE ({random.randint(1, 30)})"
        )
        yield Statement(
            at=at(day, random.uniform(8, 20)) + number,
            text=text,
            type="SELECT",
            client=Client(user, "CATALOG_RESEARCH", "PythonSnowpark"),
            session=f"notebook {user} {day}",
            truth=Truth("catalog", None, "notebook", "read", "development", "principal"),
            warehouse="RESEARCH_WH",
            seconds=random.lognormvariate(5.6, 0.8),
            overhead=random.uniform(0.005, 0.02),
            schema="CATALOG",
            bytes_scanned=random.randint(2**30, 2**37),
        )


def _endless() -> Statement:
    """A cross join that nobody stopped for a weekend."""
    return Statement(
        at=ENDLESS,
        text=(
            "create or replace table ml.scratch.all_pairs as\nselect a.track_id as left_id, b.track_id as right_id, "
            "vector_cosine_similarity(a.embedding, b.embedding) as s\nfrom ml.features.track_embeddings a, "
            "ml.features.track_embeddings b where a.track_id < b.track_id"
        ),
        type="CREATE_TABLE_AS_SELECT",
        client=Client("ALEX.MORENO", "CATALOG_RESEARCH", "PythonSnowpark"),
        session="notebook endless",
        truth=Truth("catalog", None, "notebook", "build", "development", "principal"),
        warehouse="RESEARCH_WH",
        seconds=ENDLESS_SECONDS,
        overhead=0.05,
        database="ML",
        schema="SCRATCH",
        bytes_scanned=2**40,
        bytes_spilled=2**41,
    )


def _experiments(day: date, random: Random) -> Iterator[Statement]:
    """Growth's experiment reads on the adaptive warehouse, billed one by one; the eleventh of a day crosses an hour."""
    client = Client("EXPERIMENTS_SVC", "GROWTH_EXPERIMENTS", "PythonConnector")
    for number in range(22 if is_workday(day) else 12):
        start = at(day, 6 + number * 0.6) + (-5 * MINUTE if number == 10 else random.randint(0, 20 * 60_000))
        yield Statement(
            at=start,
            text=(
                f"select variant, count(*), avg(converted::int) from analytics.growth.experiment_exposures e join "
                f"analytics.growth.trial_conversion c using (listener_id) where experiment_id = {1_000 + number} and "
                f"exposed_at >= '{day}'::date - 14 group by 1"
            ),
            type="SELECT",
            client=client,
            session=f"experiments {day}",
            truth=Truth("growth", None, "experiments", "read", "production", "principal"),
            warehouse="GROWTH_AP_WH",
            seconds=900 if number == 10 else random.lognormvariate(4.6, 0.7),
            weight=random.uniform(0.6, 1.8),
            overhead=random.uniform(0.003, 0.01),
            schema="GROWTH",
            bytes_scanned=random.randint(2**28, 2**35),
        )


def _crawl() -> Iterator[Statement]:
    """One Sunday the catalogue tool clones every table to profile it: cloud services pass 10 % of the day's compute."""
    random = chance("crawl")
    for number in range(520):
        table = random.choice(MODELS).relation.lower()
        yield Statement(
            at=at(CRAWL_DAY, 9) + number * 20 * SECOND,
            text=f"create or replace transient table atlan.profile.t{number % 60} clone {table}",
            type="CREATE_TABLE",
            client=CRAWLER,
            session="atlan crawl",
            truth=Truth("platform", None, "atlan", "maintenance", "production", "principal"),
            warehouse=None,
            is_computed=False,
            overhead=random.uniform(0.06, 0.14),
            database="ATLAN",
            schema="PROFILE",
            compile_ms=9_000,
        )


def statements() -> Iterator[Statement]:
    """Yield everything that people and their tools send, in no order."""
    random = chance("people")
    for day in days():
        yield from _tiles(day, random)
        for _ in range(random.randint(34, 46) if is_workday(day) else 6):
            question = _question(day, random)
            yield question
            if random.random() < 0.45:
                yield from _housekeeping(question, random)
        yield from _notebooks(day, random)
        yield from _experiments(day, random)
    yield _endless()
    yield from _crawl()
