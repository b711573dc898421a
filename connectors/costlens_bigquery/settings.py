"""What `costlens.yml` may say of a BigQuery source."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from costlens.connector import SourceSettings

_PROJECT = r"^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]{4,62}$"
_REGION = re.compile(r"[a-z][a-z0-9-]{1,40}")
_TABLE = r"^([a-z][a-z0-9.-]*:)?[a-z][a-z0-9-]+\.[A-Za-z0-9_]+\.[A-Za-z0-9_$-]+$"


def _price(description: str) -> Any:
    return Field(default=None, ge=0, description=description)


class RegionRates(BaseModel):
    """Prices that Google charges you, where they are not its list prices: per TiB, slot-hour, GiB-month or GiB."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    on_demand: Decimal | None = _price("Price of a TiB that on-demand queries are billed for.")
    standard: Decimal | None = _price("Price of a slot-hour, Standard edition.")
    enterprise: Decimal | None = _price("Price of a slot-hour, Enterprise edition.")
    enterprise_plus: Decimal | None = _price("Price of a slot-hour, Enterprise Plus edition.")
    enterprise_1_year: Decimal | None = _price("Price of a slot-hour committed for one year, Enterprise edition.")
    enterprise_3_years: Decimal | None = _price("Price of a slot-hour committed for three years, Enterprise edition.")
    enterprise_plus_1_year: Decimal | None = _price(
        "Price of a slot-hour committed for one year, Enterprise Plus edition."
    )
    enterprise_plus_3_years: Decimal | None = _price(
        "Price of a slot-hour committed for three years, Enterprise Plus edition."
    )
    active_logical_storage: Decimal | None = _price("Price of a GiB-month of active logical storage.")
    long_term_logical_storage: Decimal | None = _price("Price of a GiB-month of long-term logical storage.")
    active_physical_storage: Decimal | None = _price("Price of a GiB-month of active physical storage.")
    long_term_physical_storage: Decimal | None = _price("Price of a GiB-month of long-term physical storage.")
    streaming_insert: Decimal | None = _price("Price of a GiB of streaming inserts.")
    storage_write: Decimal | None = _price("Price of a GiB written by the Storage Write API.")


class Rates(RegionRates):
    """Prices for all regions, and for single ones under `regions:`."""

    currency: str = Field(default="USD", pattern="^[A-Z]{3}$", description="ISO 4217 code of these prices.")
    regions: dict[str, RegionRates] = Field(
        default_factory=dict, description="Location -> its prices, where they differ from those above."
    )

    @field_validator("regions")
    @classmethod
    def _known_form(cls, regions: dict[str, RegionRates]) -> dict[str, RegionRates]:
        return {region_name(name): rates for name, rates in regions.items()}


class BigQuerySettings(SourceSettings):
    """One project, or one organization seen from a project."""

    project: str | None = Field(
        default=None, pattern=_PROJECT, description="Project whose jobs are read, and that pays for reading."
    )
    regions: tuple[str, ...] = Field(
        default=(), description="Locations such as us, eu, europe-west3; none = where the project has data sets."
    )
    scope: Literal["project", "organization"] = Field(
        default="project", description="`project`, or `organization` for the jobs and tables of all its projects."
    )
    admin_project: str | None = Field(
        default=None, pattern=_PROJECT, description="Project that administers the reservations; else `project`."
    )
    billing_export: str | None = Field(
        default=None, pattern=_TABLE, description="Table of the Cloud Billing export, as project.dataset.table."
    )
    billing_location: str | None = Field(
        default=None, description="Location of that table's data set; else Google finds it."
    )
    credentials_file: Path | None = Field(
        default=None, description="Key or workload identity file; else application default credentials."
    )
    impersonate: str | None = Field(
        default=None, pattern=r"^[^@\s]+@[^@\s]+$", description="Service account to act as."
    )
    maximum_bytes_billed: int = Field(
        default=200 * 1024**3, ge=10 * 1024**2, description="Bytes that one extraction query may bill at most."
    )
    storage_api: bool = Field(default=True, description="Fetch by the Storage Read API where it is allowed.")
    endpoint: str | None = Field(
        default=None, pattern=r"^https?://[^\s@]+$", description="Address of the API, e.g. of Private Service Connect."
    )
    rates: Rates = Field(
        default_factory=Rates, description="Prices that Google charges you, where they are not its list prices."
    )

    @field_validator("regions")
    @classmethod
    def _regions(cls, regions: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(region_name(region) for region in regions))

    @field_validator("billing_location")
    @classmethod
    def _location(cls, location: str | None) -> str | None:
        return location and region_name(location)

    @model_validator(mode="after")
    def _has_somewhere_to_read(self) -> BigQuerySettings:
        if self.export is None and self.project is None:
            raise ValueError("set `project:` to read BigQuery, or `export:` to read a folder of exported views")
        return self

    @property
    def only_region(self) -> str | None:
        """Region of exported rows that do not say theirs."""
        return self.regions[0] if len(self.regions) == 1 else None


def region_name(text: str) -> str:
    """Return a location as Google's view names have it: `us` for `US` and for `region-us`.

    Raises ValueError for what cannot be one: it is put into the text of queries.
    """
    name = text.strip().lower().removeprefix("region-")
    if not _REGION.fullmatch(name):
        raise ValueError("a region is a location such as us, eu or europe-west3")
    return name
