"""Encore, a made-up music streaming start-up: its teams, people, warehouses, models and other assets."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from costlens_sample.generate.clock import MINUTE, at

ORGANIZATION = "ENCORE"
ACCOUNT = "PROD"
LOCATOR = "EN42071"
REGION = "AWS_US_EAST_1"
SNOWFLAKE = "encore-prod"  # name of the source
BIGQUERY = "encore-analytics"

TEAMS = ("growth", "payments", "content", "catalog", "finance", "platform")
COST_CENTERS = {team: f"CC-{110 + 10 * i}" for i, team in enumerate(TEAMS)}

#: Analysts and researchers; their role says the team only where it is not the shared ANALYST.
PEOPLE = {
    "growth": ("AMARA.OKEKE", "LEO.BRANDT", "YUKI.TANAKA"),
    "payments": ("INES.COSTA", "TOM.HALE"),
    "content": ("MAYA.LINDQVIST", "OMAR.HADDAD", "JUNE.PARK"),
    "catalog": ("PRIYA.NAIR", "ALEX.MORENO", "WEI.ZHANG"),
    "finance": ("NORA.WEISS", "SAM.OYELARAN"),
    "platform": ("KIT.ANDERSEN", "RUBEN.VOS"),
}


@dataclass(frozen=True)
class Warehouse:
    """A Snowflake warehouse; `resizes` are (instant, size)."""

    id: int
    name: str
    size: str
    suspend_seconds: int = 60
    clusters: int = 1
    kind: str = "STANDARD"
    resizes: tuple[tuple[int, str], ...] = ()


#: Credits per hour of a standard first generation warehouse.
CREDITS = {"X-Small": 1, "Small": 2, "Medium": 4, "Large": 8, "X-Large": 16, "2X-Large": 32}

_RESIZE_UP = at(date(2026, 10, 14), 10) + 20 * MINUTE
_RESIZE_DOWN = _RESIZE_UP + 22 * MINUTE

WAREHOUSES = (
    Warehouse(1, "TRANSFORM_WH", "X-Large", 60),
    Warehouse(2, "CATALOG_ML_WH", "X-Large", 60, resizes=((_RESIZE_UP, "2X-Large"), (_RESIZE_DOWN, "X-Large"))),
    Warehouse(3, "BI_WH", "Large", 120, clusters=3),
    Warehouse(4, "ADHOC_WH", "Large", 180),
    Warehouse(5, "INGEST_WH", "Small", 60),
    Warehouse(6, "PAYMENTS_WH", "Large", 60),
    Warehouse(7, "FINANCE_WH", "Small", 300),
    Warehouse(8, "RESEARCH_WH", "Medium", 300),
    Warehouse(9, "GROWTH_AP_WH", "ADAPTIVE", kind="ADAPTIVE"),
    Warehouse(10, "CI_WH", "Small", 60),
    Warehouse(11, "LEGACY_WH", "X-Small", 0),
    Warehouse(12, "COSTLENS_WH", "X-Small", 60),
)


@dataclass(frozen=True)
class Model:
    """A dbt model on Snowflake; `seconds` of one build."""

    name: str
    schema: str
    team: str
    seconds: float
    reads: tuple[str, ...]
    hourly: bool = False
    materialized: str = "table"

    @property
    def node(self) -> str:
        return f"model.encore.{self.name}"

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"

    @property
    def relation(self) -> str:
        return f"ANALYTICS.{self.schema}.{self.name}".upper()

    @property
    def path(self) -> str:
        return f"models/{self.schema}/{self.name}.sql"


def _raw(*names: str) -> tuple[str, ...]:
    return tuple(f"RAW.{name.upper()}" for name in names)


#: From this day on the model reads its whole history on every run: a commit dropped the incremental filter.
SPIKE_MODEL = "artist_daily_streams"
SPIKE_COMMIT = "9f3c2ab"
COMMIT = "51d07e4"
SPIKE_FACTOR = 4

MODELS = (
    Model("stg_stripe__charges", "staging", "payments", 160, _raw("stripe.charge"), True, "incremental"),
    Model("stg_stripe__refunds", "staging", "payments", 90, _raw("stripe.refund")),
    Model("stg_braze__events", "staging", "growth", 210, _raw("braze.event"), True, "incremental"),
    Model("stg_ads__spend", "staging", "growth", 120, _raw("google_ads.campaign_stats")),
    Model("stg_app__plays", "staging", "content", 330, _raw("app.play"), True, "incremental"),
    Model("stg_app__listeners", "staging", "growth", 240, _raw("app.listener")),
    Model("stg_royalty__statements", "staging", "finance", 150, _raw("royalty.statement")),
    Model("stg_catalog__tracks", "staging", "catalog", 180, _raw("catalog_db.track")),
    Model("fct_charges", "payments", "payments", 260, ("STAGING.STG_STRIPE__CHARGES",), True, "incremental"),
    Model("fct_refunds", "payments", "payments", 200, ("STAGING.STG_STRIPE__REFUNDS",)),
    Model("subscriptions_mrr", "payments", "payments", 520, ("PAYMENTS.FCT_CHARGES", "PAYMENTS.FCT_REFUNDS")),
    Model("dunning_queue", "payments", "payments", 180, ("PAYMENTS.FCT_CHARGES",)),
    Model("daily_active_listeners", "growth", "growth", 420, ("STAGING.STG_APP__PLAYS",), True, "incremental"),
    Model("acquisition_funnel", "growth", "growth", 640, ("STAGING.STG_BRAZE__EVENTS", "STAGING.STG_ADS__SPEND")),
    Model("campaign_performance", "growth", "growth", 310, ("STAGING.STG_ADS__SPEND",)),
    Model("trial_conversion", "growth", "growth", 290, ("STAGING.STG_APP__LISTENERS",)),
    Model("churn_scores", "growth", "growth", 700, ("GROWTH.DAILY_ACTIVE_LISTENERS",)),
    Model(SPIKE_MODEL, "content", "content", 2_400, ("STAGING.STG_APP__PLAYS",), False, "incremental"),
    Model("podcast_listens", "content", "content", 560, ("STAGING.STG_APP__PLAYS",)),
    Model("playlist_reach", "content", "content", 480, ("STAGING.STG_APP__PLAYS",)),
    Model("release_calendar", "content", "content", 60, ("STAGING.STG_CATALOG__TRACKS",)),
    Model("track_features", "catalog", "catalog", 620, ("STAGING.STG_CATALOG__TRACKS",)),
    Model("similar_tracks", "catalog", "catalog", 880, ("CATALOG.TRACK_FEATURES",)),
    Model("search_index_feed", "catalog", "catalog", 340, ("STAGING.STG_CATALOG__TRACKS",)),
    Model("revenue_daily", "finance", "finance", 300, ("PAYMENTS.FCT_CHARGES", "PAYMENTS.FCT_REFUNDS")),
    Model("royalty_accruals", "finance", "finance", 900, ("STAGING.STG_ROYALTY__STATEMENTS", "STAGING.STG_APP__PLAYS")),
    Model("gl_entries", "finance", "finance", 150, ("FINANCE.REVENUE_DAILY",)),
    Model("cohort_ltv", "finance", "finance", 760, ("PAYMENTS.SUBSCRIPTIONS_MRR",)),
)


@dataclass(frozen=True)
class Source:
    """A table that Fivetran or Snowpipe loads."""

    connector: str
    table: str
    seconds: float  # of one sync on a Small warehouse

    @property
    def asset(self) -> str:
        return f"raw/{self.connector}/{self.table}"

    @property
    def relation(self) -> str:
        return f"RAW.{self.connector}.{self.table}".upper()


SOURCES = (
    Source("stripe", "charge", 240),
    Source("stripe", "refund", 90),
    Source("braze", "event", 420),
    Source("google_ads", "campaign_stats", 150),
    Source("app", "listener", 300),
    Source("royalty", "statement", 120),
    Source("catalog_db", "track", 180),
)


@dataclass(frozen=True)
class Job:
    """An asset that Dagster or Airflow builds with code of its own; `seconds` on its warehouse."""

    asset: str
    team: str
    warehouse: str
    seconds: float
    code: str
    job: str
    moves: tuple[date, str] | None = None
    """From a UTC day on it belongs to another team: a reorganisation in the middle of the month."""

    def team_on(self, day: date) -> str:
        return self.moves[1] if self.moves and day >= self.moves[0] else self.team

    @property
    def relation(self) -> str:
        return f"ANALYTICS.{self.asset.replace('/', '.')}".upper()


DAGSTER_NIGHTLY = (
    Job(
        "catalog/track_embeddings",
        "catalog",
        "CATALOG_ML_WH",
        2_700,
        "catalog_ml/assets/embeddings.py:48",
        "nightly_recs",
    ),
    Job(
        "catalog/listener_vectors", "catalog", "CATALOG_ML_WH", 2_100, "catalog_ml/assets/vectors.py:31", "nightly_recs"
    ),
    Job(
        "catalog/daily_recs",
        "catalog",
        "CATALOG_ML_WH",
        1_500,
        "catalog_ml/assets/recs.py:77",
        "nightly_recs",
        moves=(date(2026, 10, 16), "content"),
    ),
    Job(
        "content/editorial_picks", "content", "CATALOG_ML_WH", 600, "catalog_ml/assets/editorial.py:22", "nightly_recs"
    ),
)
DAGSTER_HOURLY = (
    Job("catalog/fresh_recs", "catalog", "CATALOG_ML_WH", 150, "catalog_ml/assets/fresh.py:19", "hourly_recs"),
)
SETTLEMENT = Job("payments/settlements", "payments", "PAYMENTS_WH", 280, "dags/settlement.py:64", "settlement")
FRAUD = Job("payments/fraud_features", "payments", "PAYMENTS_WH", 4_200, "dags/fraud.py:112", "fraud_nightly")
STATEMENTS = Job(
    "finance/royalty_statements", "finance", "FINANCE_WH", 1_900, "dags/royalties.py:40", "royalty_statements"
)
LEDGER_TASK = Job("finance/ledger_close", "finance", "", 0, "tasks/ledger_close.sql:1", "ledger_close")
JOBS = (*DAGSTER_NIGHTLY, *DAGSTER_HOURLY, SETTLEMENT, FRAUD, STATEMENTS, LEDGER_TASK)

#: Dashboards: (tool, name, team, mart they read).
DASHBOARDS = (
    ("looker", "growth_overview", "growth", "GROWTH.DAILY_ACTIVE_LISTENERS"),
    ("looker", "campaigns", "growth", "GROWTH.CAMPAIGN_PERFORMANCE"),
    ("looker", "artist_pulse", "content", "CONTENT.ARTIST_DAILY_STREAMS"),
    ("looker", "podcasts", "content", "CONTENT.PODCAST_LISTENS"),
    ("looker", "checkout_health", "payments", "PAYMENTS.FCT_CHARGES"),
    ("looker", "recs_quality", "catalog", "CATALOG.SIMILAR_TRACKS"),
    ("tableau", "board_pack", "finance", "FINANCE.REVENUE_DAILY"),
    ("tableau", "royalties", "finance", "FINANCE.ROYALTY_ACCRUALS"),
)


def model(name: str) -> Model:
    """Return the model of a name; KeyError where there is none."""
    return next(m for m in MODELS if m.name == name)


def asset_of(relation: str) -> str:
    """Return the asset key of SCHEMA.TABLE of the analytics database."""
    return relation.lower().replace(".", "/")
