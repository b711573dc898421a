"""The section `budgets`: what a team, an asset, a pool or a source may spend in a month, a quarter or a year."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

KEY = "budgets"

Period = Literal["month", "quarter", "year"]


class Limit(BaseModel):
    """One budget: exactly one of team, asset, pool and source; a pool may be narrowed to its source."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    team: str | None = Field(default=None, description="Team that the money is of, as in `report --by team`.")
    asset: str | None = Field(default=None, description="Asset, by its key.")
    pool: str | None = Field(default=None, description="Pool, by its name; its idle time counts.")
    source: str | None = Field(default=None, description="Source; beside `pool`, the source that the pool is of.")
    amount: Decimal = Field(gt=0, description="Money that may be spent in one period.")
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="Currency of the amount; charges in others do not count.")
    period: Period = Field(
        default="month", description="month, quarter or year, by the calendar of the vendors' bills."
    )
    valid_from: date | None = Field(default=None, description="First day of the first period that it holds for.")
    valid_to: date | None = Field(default=None, description="Day after the last period that it holds for.")

    @model_validator(mode="after")
    def _names_one_thing(self) -> Limit:
        named = [name for name in ("team", "asset", "pool") if getattr(self, name)]
        if len(named) > 1 or not (named or self.source) or (self.source and named not in ([], ["pool"])):
            raise ValueError("name one of team, asset, pool and source (a pool may have its source beside it)")
        if self.valid_from and self.valid_to and self.valid_from >= self.valid_to:
            raise ValueError("valid_from is not before valid_to: it would hold for no period")
        return self

    @property
    def kind(self) -> str:
        """Return what the budget is for: team, asset, pool or source."""
        return next(name for name in ("team", "asset", "pool", "source") if getattr(self, name))

    @property
    def key(self) -> str:
        """Return the name of what it is for."""
        return str(getattr(self, self.kind))


class Settings(BaseModel):
    """Budgets, and the parts of them at which somebody is told."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    thresholds: list[int] = Field(
        default=[80, 100], description="Per cent of a budget that are told of when spent, and when forecast (100 only)."
    )
    limits: list[Limit] = Field(default_factory=list, description="The budgets.")
