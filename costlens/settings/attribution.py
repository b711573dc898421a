"""The section `attribution`: which keys of tags and labels name an asset or a team, and what tells the environment."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

KEY = "attribution"
_PLACE = re.compile(r"\{[A-Za-z_]\w*\}")
#: What a rule of a tool may look at, beside `tag:KEY`, `label:KEY` and `mark:KEY` (a tool's comment).
FIELDS = ("user", "role", "pool", "client", "account", "database", "schema", "target", "source", "text")


class ToolRule(BaseModel):
    """How a tool is known."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)

    tool: str = Field(description="Name of the tool.")
    when: dict[str, str] = Field(
        min_length=1, description="Field -> regular expression; all must be found. `text` has words with `|` between."
    )
    kind: str = Field(default="app", description="app, bi, catalog, console, ingest, monitor, notebook, orchestrate, …")
    purpose: Literal["build", "test", "read", "maintenance"] | None = Field(
        default=None, description="What its queries are for."
    )
    environment: Literal["production", "ci", "development"] | None = Field(
        default=None, description="Where they belong."
    )
    asset: str | None = Field(default=None, description="Asset; `{name}` stands for a named group of the expressions.")
    team: str | None = Field(default=None, description="Team; `{name}` as above.")
    confidence: float = Field(default=0.8, ge=0, le=1, description="How sure the rule is.")

    @field_validator("asset", "team")
    @classmethod
    def _fillable(cls, template: str | None) -> str | None:
        if template and _PLACE.sub("", template).count("{") + _PLACE.sub("", template).count("}"):
            raise ValueError("braces hold the name of a group: {name}")
        return template

    @field_validator("when")
    @classmethod
    def _known_fields(cls, when: dict[str, str]) -> dict[str, str]:
        for field, pattern in when.items():
            kind, _, key = field.partition(":")
            if field not in FIELDS and not (kind in ("tag", "label", "mark") and key):
                raise ValueError(f"no field {field!r}: known are {', '.join(FIELDS)}, tag:KEY, label:KEY and mark:KEY")
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"{field}: no regular expression: {error}") from None
        return when


class Settings(BaseModel):
    """How queries are attributed."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    asset_keys: list[str] = Field(
        default=["asset"], description="Keys of query tags and job labels whose value is an asset's key or relation."
    )
    team_keys: list[str] = Field(default=["team"], description="Keys of query tags and job labels that name a team.")
    targets: dict[str, list[str]] = Field(
        default={
            "production": ["prod", "prod[_-]*", "production", "prd", "live"],
            "ci": ["ci", "ci[_-]*", "pr[_-]*", "test"],
            "development": ["dev", "dev[_-]*", "development", "local", "default", "staging"],
        },
        description="Environment -> globs of dbt target names.",
    )
    users: dict[str, list[str]] = Field(
        default={
            "ci": ["ci", "ci[_-]*", "*[_-]ci", "*[_-]ci[_-]*", "github*", "gitlab*", "circleci*", "buildkite*"],
            "production": [
                "*gserviceaccount.com",
                "*[_-]svc",
                "svc[_-]*",
                "*[_-]service",
                "*[_-]bot",
                "*_user",
                "system",
            ],
            "development": ["*@*", "?*.?*"],
        },
        description="Environment -> globs of user names; used where no target tells.",
    )
    places: dict[str, list[str]] = Field(
        default={
            "ci": ["ci", "ci[_-]*", "*[_-]ci", "*[_-]ci[_-]*", "pr[_-][0-9]*", "dbt_cloud_pr_*"],
            "development": ["dev", "dev[_-]*", "*[_-]dev", "*[_-]dev[_-]*", "dbt_[a-z]*", "sandbox*", "scratch*"],
        },
        description="Environment -> globs of databases and schemas; a table there may be a copy of an asset's.",
    )
    tools: list[ToolRule] = Field(
        default=[],
        description="Rules by which tools are known, before those that CostLens ships (docs/attribution.md).",
    )
