"""What Encore has on BigQuery: a project, reservations, a dbt project, jobs of Dagster and Airflow, people."""

from __future__ import annotations

from dataclasses import dataclass

PROJECT = "encore-analytics"
NUMBER = 730_114_209_881


@dataclass(frozen=True)
class Reservation:
    """A reservation of Enterprise slots; `autoscale` slots on top of the baseline at most."""

    name: str
    baseline: int
    autoscale: int

    @property
    def id(self) -> str:
        return f"{PROJECT}:US.{self.name}"


PROD = Reservation("prod", 100, 1_600)
BI = Reservation("bi", 20, 0)
RESERVATIONS = (PROD, BI)


@dataclass(frozen=True)
class Model:
    """A dbt model on BigQuery: the slots it asks for and the seconds it takes."""

    name: str
    schema: str
    team: str
    slots: int
    seconds: int
    hourly: bool = False

    @property
    def node(self) -> str:
        return f"model.playback.{self.name}"

    @property
    def asset(self) -> str:
        return f"{self.schema}/{self.name}"


MODELS = (
    Model("play_sessions", "playback", "content", 140, 420, True),
    Model("stream_quality", "playback", "platform", 90, 300, True),
    Model("skip_rates", "playback", "content", 110, 260, True),
    Model("ad_impressions", "ads", "growth", 120, 340, True),
    Model("ad_attribution", "ads", "growth", 420, 1_900),
    Model("listening_graph", "recommendations", "catalog", 520, 2_600),
    Model("playback_errors", "playback", "platform", 160, 900),
    Model("royalty_streams", "royalties", "finance", 360, 2_100),
)

EMBEDDINGS = ("recommendations/session_embeddings", f"{PROJECT}.recommendations.session_embeddings", "catalog")
PAYOUTS = ("royalties/artist_payouts", f"{PROJECT}.royalties.artist_payouts", "finance")
EVENTS = ("events/playback_raw", f"{PROJECT}.events.playback_raw", "platform")
STATEMENTS = ("royalties/statements_eu", f"{PROJECT}.royalties_eu.statements", "finance")
CONSENT = ("compliance/consent_log", f"{PROJECT}.compliance.consent_log", "platform")

#: (asset, relation, team) of what dbt does not build.
OTHER_ASSETS = (EMBEDDINGS, PAYOUTS, EVENTS, CONSENT, STATEMENTS)


def account(name: str) -> str:
    """Return the address of a service account of the project."""
    return f"{name}@{PROJECT}.iam.gserviceaccount.com"


FIVETRAN = "g-encore-events@fivetran-production.iam.gserviceaccount.com"

#: Who is a team's by address; analysts of the shared group are nobody's.
PRINCIPALS = {
    "growth": (account("growth-experiments"),),
    "finance": (account("finance-reports"),),
    "platform": (FIVETRAN, account("platform-quality")),
    "content": (account("looker-content"),),
    "catalog": (account("looker-catalog"),),
}

ANALYSTS = {
    "growth": ("leo@encore.example", "yuki@encore.example"),
    "content": ("maya@encore.example", "omar@encore.example"),
    "catalog": ("priya@encore.example",),
    "finance": ("sam@encore.example",),
}
