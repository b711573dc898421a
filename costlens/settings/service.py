"""The section `service`: where the service listens and how it works."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

KEY = "service"


class Settings(BaseModel):
    """How `costlens serve` runs."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 in a container.")
    port: int = Field(
        default=8642,
        ge=0,
        le=65535,
        description="Port of /healthz, /readyz, /metrics, Slack's and OpenLineage's calls.",
    )
    workers: int = Field(default=2, ge=1, le=16, description="How many sources are pulled at a time.")
    grace_seconds: float = Field(default=20, ge=0, le=22, description="How long SIGTERM waits for running jobs.")
    lease_seconds: float = Field(
        default=30, ge=3, le=50, description="Another replica takes over so long after one's death."
    )
    retry_seconds: float = Field(
        default=30, gt=0, description="First wait after a failure that may heal; it doubles, to 15 minutes."
    )
