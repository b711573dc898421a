"""What `costlens.yml` says of a Snowflake source."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from costlens.connector import SourceSettings

_IDENTIFIER = r"^[A-Za-z_][A-Za-z0-9_$]*$"
_SCHEMA = r"^[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)?$"


class Rates(BaseModel):
    """Prices used where the account cannot see its own, in one currency."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    compute: Decimal | None = Field(default=None, ge=0, description="Price of a platform credit.")
    storage: Decimal | None = Field(default=None, ge=0, description="Price of a TiB-month of storage.")
    ai: Decimal | None = Field(default=None, ge=0, description="Price of an AI credit.")
    transfer: Decimal | None = Field(default=None, ge=0, description="Price of a TiB of data transfer.")
    currency: str = Field(default="USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of these prices.")


class SnowflakeSettings(SourceSettings):
    """A Snowflake account: who one is there, and where its usage is read."""

    account: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="Account identifier such as `myorg-myaccount`; rows of other accounts in organization views are left out.",
    )
    user: str | None = Field(default=None, description="User, best of TYPE = SERVICE.")
    role: str | None = Field(default=None, pattern=_IDENTIFIER, description="Role that may read the usage views.")
    warehouse: str | None = Field(default=None, pattern=_IDENTIFIER, description="Warehouse of our own queries.")
    private_key_file: Path | None = Field(default=None, description="Key pair: file with the private key (PEM or DER).")
    private_key_password: SecretStr | None = Field(default=None, description="Password of the private key.")
    token: SecretStr | None = Field(default=None, description="Programmatic access token, or OAuth token.")
    authenticator: Literal["oauth", "workload_identity"] | None = Field(
        default=None, description="`oauth` (with `token`) or `workload_identity`; else told by what is given."
    )
    workload_identity_provider: Literal["AWS", "AZURE", "GCP", "OIDC"] | None = Field(
        default=None, description="Where the workload's identity comes from; OIDC needs `token`."
    )
    password: SecretStr | None = Field(default=None, description="Password; for trials only.")
    host: str | None = Field(default=None, description="Host, where it is not <account>.snowflakecomputing.com.")
    port: int | None = Field(default=None, ge=1, le=65535, description="Port, where it is not 443.")
    protocol: Literal["https", "http"] = Field(default="https", description="`http` only for a proxy on this machine.")
    database: str = Field(default="SNOWFLAKE", pattern=_IDENTIFIER, description="Database with the usage schemas.")
    account_usage: str = Field(
        default="ACCOUNT_USAGE", pattern=_SCHEMA, description="Schema, or DATABASE.SCHEMA, of the account's views."
    )
    organization_usage: str = Field(
        default="ORGANIZATION_USAGE",
        pattern=_SCHEMA,
        description="Schema, or DATABASE.SCHEMA, of the organization's views.",
    )
    edition: Literal["standard", "enterprise", "business critical"] = Field(
        default="enterprise", description="Edition whose list price is used where no better price is known."
    )
    rates: Rates | None = Field(default=None, description="Prices used where the account cannot see its rate sheet.")
    access_history: bool = Field(
        default=False,
        description="Read ACCESS_HISTORY too (Enterprise edition): what queries wrote and read by Snowflake's own word; a large view.",
    )
    bill: Literal["currency", "focus"] = Field(
        default="currency",
        description="Which view is the bill: USAGE_IN_CURRENCY_DAILY or the FOCUS view; set it once, before the first sync.",
    )

    @model_validator(mode="after")
    def _can_connect(self) -> SnowflakeSettings:
        if self.export is not None:
            return self
        if not self.account:
            raise ValueError("set `account:` to connect, or `export:` to read a folder")
        if self.authenticator == "workload_identity":
            if not self.workload_identity_provider:
                raise ValueError("workload_identity needs `workload_identity_provider:` (AWS, AZURE, GCP or OIDC)")
            return self
        if self.authenticator == "oauth":
            if not self.token:
                raise ValueError("oauth needs `token:`")
            return self
        if not self.user:
            raise ValueError("set `user:`")
        given = [n for n in ("private_key_file", "token", "password") if getattr(self, n) is not None]
        if len(given) != 1:
            raise ValueError("set one of `private_key_file:`, `token:`, `password:`, or `authenticator:`")
        return self
