"""The section `attribution`: which keys of tags and labels name an asset or a team, and what tells the environment."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

KEY = "attribution"


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
        default={"ci": ["ci", "ci[_-]*", "*[_-]ci", "*[_-]ci[_-]*", "github*", "gitlab*", "circleci*", "buildkite*"]},
        description="Environment -> globs of user names; used where no target tells.",
    )
