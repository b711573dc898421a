"""The section `allocation`: how money that is not one team's own is spread over teams."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

KEY = "allocation"

Driver = Literal["separate", "proportional", "even", "queries", "runs", "seconds", "bytes", "storage"]
Globs = Annotated[list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)]
_STRICT = ConfigDict(extra="forbid", hide_input_in_errors=True)


class SpreadSettings(BaseModel):
    """How an amount is spread: by a driver, in fixed shares, or to one team."""

    model_config = _STRICT

    by: Driver | None = Field(
        default=None, description="What it is spread by; `separate` = it stays a line of its own."
    )
    shares: dict[str, Decimal] | None = Field(default=None, description="Team -> its share; their sum is the whole.")
    team: str | None = Field(default=None, description="The one team that pays it all.")
    among: list[str] = Field(default_factory=list, description="Only these teams; default all that pay anything.")

    @model_validator(mode="after")
    def _is_one(self) -> SpreadSettings:
        if sum(given is not None for given in (self.by, self.shares, self.team)) != 1:
            raise ValueError("write one of by, shares or team")
        if self.shares is not None and (not self.shares or any(share <= 0 for share in self.shares.values())):
            raise ValueError("shares: each is more than 0")
        if self.among and self.by in (None, "separate"):
            raise ValueError("among: goes with `by: proportional` and other drivers")
        return self


def _spread(value: Any) -> Any:
    return {"by": value} if isinstance(value, str) else value


SpreadOrDriver = Annotated[SpreadSettings, BeforeValidator(_spread)]


class RuleSettings(BaseModel):
    """Money that matches is spread so."""

    model_config = _STRICT

    name: str = Field(description="What the statement calls it.")
    match: dict[
        Literal[
            "team", "source", "account", "region", "service", "category", "cause", "pool", "object", "asset", "user",
            "role", "environment", "purpose", "method", "billed_as",
        ],
        Globs,
    ] = Field(description="Column -> glob or list of globs; all columns must match. `billed_as`: credit, tax, support.")  # fmt: skip
    by: Driver | Literal["fair", "causal"] | None = Field(
        default=None, description="As in `unattributed.by`; of idle also fair and causal."
    )
    shares: dict[str, Decimal] | None = Field(default=None, description="Team -> its share; their sum is the whole.")
    team: str | None = Field(default=None, description="The one team that pays it all.")
    among: list[str] = Field(default_factory=list, description="Only these teams.")
    valid_from: date | None = Field(default=None, description="First day on which it holds.")
    valid_to: date | None = Field(default=None, description="Day from which it no longer holds.")

    @model_validator(mode="after")
    def _is_right(self) -> RuleSettings:
        if self.by in ("fair", "causal") and "idle" not in self.match.get("category", []):
            raise ValueError("by: fair and causal are ways to allocate idle: add `category: idle` to `match`")
        by = "separate" if self.by in ("fair", "causal") else self.by
        SpreadSettings.model_validate({"by": by, "shares": self.shares, "team": self.team, "among": self.among})
        if not self.match:
            raise ValueError("match: name at least one column")
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_from is not before valid_to")
        return self


class Settings(BaseModel):
    """How money is allocated; `costlens report` states it."""

    model_config = _STRICT

    idle: Literal["fair", "causal", "separate"] | None = Field(
        default=None,
        description="fair = over the pool-hour's queries by own part; causal = to the query that kept the pool up; "
        "separate = a line of its own. Default: the top-level `idle`.",
    )
    unattributed: SpreadOrDriver = Field(
        default=SpreadSettings(by="separate"),
        description="What no team is known for: a driver, or keys as below; default a line of its own.",
    )
    bill: SpreadOrDriver = Field(
        default=SpreadSettings(by="proportional"),
        description="Adjustments, credits, discounts, support and taxes of the bill; default proportional.",
    )
    rules: list[RuleSettings] = Field(
        default_factory=list, description="Shared and platform cost, first match decides, before the above."
    )
