"""What Encore sends to BigQuery: dbt, Dagster, Airflow scripts, dashboards, loads, reports and questions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from random import Random
from uuid import UUID

from costlens_sample.generate.bigquery_company import (
    ANALYSTS,
    CONSENT,
    EMBEDDINGS,
    EVENTS,
    FIVETRAN,
    MODELS,
    PAYOUTS,
    PROJECT,
    Model,
    account,
)
from costlens_sample.generate.clock import HOUR, MINUTE, SECOND, SINCE, UNTIL, at, chance, days, is_workday
from costlens_sample.generate.statement import Truth

GIB = 2**30
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Job:
    """One job: it runs `seconds` from `start`, asking for `slots` all the while; only `at` is no whole second."""

    at: int
    text: str
    user: str
    truth: Truth
    seconds: int
    slots: int = 0
    region: str = "us"
    reservation: str | None = None  # prod, bi, default-pipeline; None = billed by bytes
    kind: str = "QUERY"
    statement_type: str | None = "SELECT"
    processed: int = 0
    labels: Labels = ()
    target: str | None = None  # dataset.table
    reads: tuple[str, ...] = ()
    error: str | None = None
    is_cached: bool = False
    is_hidden: bool = False
    """Row-level security: the view shows no bytes, the bill has them."""
    children: tuple[Job, ...] = field(default=())

    @property
    def start(self) -> int:
        return self.at // SECOND * SECOND + SECOND

    @property
    def end(self) -> int:
        return self.start + self.seconds * SECOND


def _mark(node: str, target: str = "prod") -> str:
    mark = {
        "app": "dbt",
        "dbt_version": "1.12.6",
        "profile_name": "playback",
        "target_name": target,
        "node_id": node,
    }
    return f"/* {json.dumps(mark)} */"


def _build(m: Model, instant: int, day: date, invocation: str, random: Random) -> Job:
    labels = (
        ("dbt_invocation_id", invocation),
        ("app", "dbt"),
        ("dbt_version", "1_12_6"),
        ("profile_name", "playback"),
        ("target_name", "prod"),
        ("node_id", m.node.replace(".", "_")),
    )
    source = "events.playback_raw" if m.schema != "recommendations" else "playback.play_sessions"
    return Job(
        at=instant,
        text=(
            f"{_mark(m.node)}\nmerge into `{PROJECT}`.`{m.schema}`.`{m.name}` as DBT_INTERNAL_DEST using (\n"
            f"  select session_id, listener_id, timestamp_trunc(played_at, hour) as hour, count(*) as plays\n"
            f"  from `{PROJECT}`.`{source.replace('.', '`.`')}`\n  where played_at >= timestamp('{day} 00:00:00') "
            f"group by 1, 2, 3\n) as DBT_INTERNAL_SOURCE on "
            "DBT_INTERNAL_SOURCE.session_id = DBT_INTERNAL_DEST.session_id"
        ),
        user=account("dbt"),
        truth=Truth(m.team, m.asset, "dbt", "build", "production", "comment"),
        seconds=round(m.seconds * random.uniform(0.85, 1.15)),
        slots=round(m.slots * random.uniform(0.8, 1.1)),
        reservation="prod",
        statement_type="MERGE",
        processed=round(m.slots * GIB * random.uniform(0.5, 1.5)),
        labels=labels,
        target=f"{m.schema}.{m.name}",
        reads=(source,),
    )


def _dbt(day: date, random: Random) -> Iterator[Job]:
    for hour in range(4, 23):
        invocation = str(UUID(int=random.getrandbits(128), version=4))
        clock = at(day, hour) + 3 * MINUTE + random.randint(0, 9_000)
        for place, m in enumerate(m for m in MODELS if m.hourly):
            yield _build(m, clock + place * 40 * SECOND, day, invocation, random)
    invocation = str(UUID(int=random.getrandbits(128), version=4))
    for place, m in enumerate(m for m in MODELS if not m.hourly):
        job = _build(m, at(day, 1.5) + place * 400 * SECOND, day, invocation, random)
        if m.name == "listening_graph" and day.day in (9, 23):  # slots ran out; dbt's retry is a job of its own
            yield replace(job, seconds=600, error="resourcesExceeded", target=None)
            job = replace(job, at=job.at + 700 * SECOND)
        yield job
    for place, m in enumerate(MODELS):
        test = f"test.playback.not_null_{m.name}_session_id"
        yield Job(
            at=at(day, 3.5) + place * 9 * SECOND + random.randint(0, 900),
            text=(
                f"{_mark(test)}\nselect count(*) as failures from (\n  select session_id from "
                f"`{PROJECT}`.`{m.schema}`.`{m.name}` where session_id is null\n) dbt_internal_test"
            ),
            user=account("dbt"),
            truth=Truth(m.team, m.asset, "dbt", "test", "production", "comment"),
            seconds=6,
            slots=40,
            reservation="prod",
            processed=4 * GIB,
            labels=(("dbt_invocation_id", invocation), ("app", "dbt"), ("node_id", test.replace(".", "_"))),
            reads=(f"{m.schema}.{m.name}",),
        )


def own_labels(asset: str, orchestrator: str, run: str) -> Labels:
    """Return the job labels that CostLens' own drivers write."""
    digest = hashlib.sha1(asset.encode(), usedforsecurity=False).hexdigest()[:16]
    return (("cl_o", orchestrator), ("cl_a", asset.replace("/", "_")), ("cl_k", digest), ("cl_r", run))


def _dagster(day: date, random: Random) -> Iterator[Job]:
    run = str(UUID(int=random.getrandbits(128), version=4))
    asset, _, team = EMBEDDINGS
    yield Job(
        at=at(day, 6.6) + random.randint(0, 60_000),
        text=(
            f"create or replace table recommendations.session_embeddings as\nselect session_id, "
            f"ml_generate_embedding_result as v from ml.generate_embedding(model recommendations.encoder, "
            f"(select * from playback.play_sessions where day = '{day}'))"
        ),
        user=account("dagster"),
        truth=Truth(team, asset, "dagster", "build", "production", "tag"),
        seconds=random.randint(2_400, 3_000),
        slots=260,
        reservation="prod",
        statement_type="CREATE_TABLE_AS_SELECT",
        processed=900 * GIB,
        labels=own_labels(asset, "dagster", run),
        target="recommendations.session_embeddings",
        reads=("playback.play_sessions",),
    )


def _scripts(day: date, random: Random) -> Iterator[Job]:
    """Airflow's payout script: the parent has the labels, the children have the bytes and the slots."""
    asset, _, team = PAYOUTS
    steps = (
        (
            "CREATE_TABLE_AS_SELECT",
            "create temp table due as select * from royalties.royalty_streams where day = '{0}'",
        ),
        (
            "MERGE",
            "merge royalties.artist_payouts p using due d on p.artist_id = d.artist_id when matched then update set d = 1",
        ),
        ("SELECT", "select count(*) from royalties.artist_payouts where paid_at is null and day = '{0}'"),
    )
    for hour in (7, 13, 19):
        start = at(day, hour) + random.randint(0, 40_000)
        clock, children = start + SECOND, []
        for kind, step in steps:
            child = Job(
                at=clock,
                text=step.format(day),
                user=account("airflow"),
                truth=Truth(team, asset, "airflow", "build", "production", "parent"),
                seconds=random.randint(60, 240),
                slots=80,
                reservation="prod",
                statement_type=kind,
                processed=40 * GIB,
                target="royalties.artist_payouts" if kind == "MERGE" else None,
                reads=("royalties.royalty_streams",),
            )
            children.append(child)
            clock = child.end + SECOND
        run = f"scheduled__{day}t{hour:02}"
        yield Job(
            at=start,
            text=";\n".join(step.format(day) for _, step in steps) + ";",
            user=account("airflow"),
            truth=Truth(team, asset, "airflow", "build", "production", "tag"),
            seconds=(clock - start) // SECOND,
            slots=0,
            statement_type="SCRIPT",
            processed=120 * GIB,
            labels=(("airflow-dag", "artist_payouts"), *own_labels(asset, "airflow", run)),
            children=tuple(children),
        )


def _dashboards(day: date, random: Random) -> Iterator[Job]:
    """Looker on its own small reservation, which borrows what `prod` leaves idle; a fifth comes from the cache."""
    for number in range(56 if is_workday(day) else 16):
        team, mart = random.choice((("content", "playback.skip_rates"), ("catalog", "recommendations.listening_graph")))
        is_cached = random.random() < 0.2
        yield Job(
            at=at(day, random.triangular(8, 20, 10)) + number,
            text=(
                f"select region, hour, sum(plays) as plays from `{PROJECT}.{mart}` where hour >= timestamp('{day}') "
                f"and region in ('EU', 'US', 'BR') group by 1, 2 order by 2 limit {500 + number}"
            ),
            user=account(f"looker-{team}"),
            truth=Truth(team, mart.replace(".", "/"), "looker", "read", "production", "principal"),
            seconds=0 if is_cached else random.randint(30, 300),
            slots=0 if is_cached else random.choice((30, 60, 110)),
            reservation=None if is_cached else "bi",
            processed=0 if is_cached else random.randint(1, 60) * GIB,
            labels=(("looker-context-user_id", str(10 + number % 9)), ("looker-context-history_slug", f"h{number}")),
            reads=() if is_cached else (mart,),
            is_cached=is_cached,
        )


def _loads(day: date, random: Random) -> Iterator[Job]:
    asset, _, team = EVENTS
    for hour in range(0, 24, 2):
        load = Job(
            at=at(day, hour) + random.randint(0, 50_000),
            text="",
            user=FIVETRAN,
            truth=Truth(team, asset, "fivetran", "build", "production", "principal"),
            seconds=random.randint(20, 90),
            slots=20,
            reservation="default-pipeline",
            kind="LOAD",
            statement_type=None,
            processed=0,
            target="events.playback_raw",
        )
        yield load
        if hour == 6:
            yield replace(load, at=load.at + 3 * MINUTE, kind="EXTRACT", target=None, reads=("events.playback_raw",))


def _reports(day: date, random: Random) -> Iterator[Job]:
    """Finance reads in the EU and growth in the US, both paid by bytes; one table hides its bytes from the view."""
    for number in range(12 if is_workday(day) else 4):
        yield Job(
            at=at(day, 6 + number * 0.8) + random.randint(0, 90_000),
            text=(
                f"select country, sum(amount_eur) from `{PROJECT}.royalties_eu.statements` where "
                f"period = '{day:%Y-%m}' and artist_id between {number * 1_000} and {number * 1_000 + 999} group by 1"
            ),
            user=account("finance-reports"),
            truth=Truth("finance", None, "reports", "read", "production", "principal"),
            seconds=random.randint(20, 120),
            slots=200,
            region="eu",
            processed=round(random.uniform(0.2, 1.1) * 2**40),
            reads=("royalties_eu.statements",),
        )
    for number in range(8):
        yield Job(
            at=at(day, 9 + number * 1.1) + random.randint(0, 90_000),
            text=(
                f"select variant, avg(minutes) from `{PROJECT}.ads.ad_attribution` where experiment = 'exp_{number}' "
                f"and day between date_sub('{day}', interval 14 day) and '{day}' group by variant"
            ),
            user=account("growth-experiments"),
            truth=Truth("growth", None, "experiments", "read", "production", "principal"),
            seconds=random.randint(20, 90),
            slots=300,
            processed=round(random.uniform(0.1, 0.9) * 2**40),
            reads=("ads.ad_attribution",),
            error="stopped"
            if number == 7 and day.day % 7 == 3
            else "invalidQuery"
            if number == 6 and day.day % 5 == 0
            else None,
        )
    if day.weekday() in (1, 4):
        asset, _, team = CONSENT
        yield Job(
            at=at(day, 12) + random.randint(0, 90_000),
            text=f"select count(*) from `{PROJECT}.compliance.consent_log` where revoked_at >= '{day}'",
            user=account("platform-quality"),
            truth=Truth(team, asset, "quality", "read", "production", "principal"),
            seconds=40,
            slots=120,
            processed=round(0.8 * 2**40),
            reads=("compliance.consent_log",),
            is_hidden=True,
        )


def _questions(day: date, random: Random) -> Iterator[Job]:
    for number in range(random.randint(20, 30) if is_workday(day) else 4):
        team = random.choice(tuple(ANALYSTS))
        m = random.choice(MODELS)
        yield Job(
            at=at(day, random.triangular(8, 19, 11)) + number,
            text=(
                f"select * from `{PROJECT}.{m.schema}.{m.name}` where listener_id = {random.randint(10**6, 10**9)} "
                f"and hour > timestamp_sub(timestamp('{day}'), interval {random.randint(1, 60)} day)"
            ),
            user=random.choice(ANALYSTS[team]),
            truth=Truth(team, None, "adhoc", "read", "development"),
            seconds=random.randint(4, 60),
            slots=random.randint(50, 400),
            processed=round(random.lognormvariate(-2.6, 1.6) * 2**40),
            reads=(f"{m.schema}.{m.name}",),
        )


def jobs() -> list[Job]:
    """Return every job of the sample in order of creation, children after their scripts."""
    random = chance("bigquery")
    makers = (_dbt, _dagster, _scripts, _dashboards, _loads, _reports, _questions)
    found = [job for day in days() for maker in makers for job in maker(day, random)]
    found = [job for job in found if job.at >= SINCE and job.end <= UNTIL - HOUR]
    return sorted(found, key=lambda job: (job.at, job.text))
