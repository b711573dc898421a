"""The section `statements`: when a month may be closed, what currency statements are in, and the journal for accounting."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

KEY = "statements"


class Account(BaseModel):
    """What FOCUS wants to know of a source and no warehouse tells."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    billing_account_id: str | None = Field(
        default=None, description="Organization, or billing account, that the invoice is for; default the account."
    )
    billing_account_name: str | None = Field(default=None, description="Its name.")
    invoice_issuer: str | None = Field(default=None, description="Who sends the invoice, where it is a reseller.")
    host: str | None = Field(
        default=None, description="Cloud that the machines are of (AWS, Microsoft, Google Cloud); default by region."
    )


class JournalColumn(BaseModel):
    """One column of the journal."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str = Field(description="Heading of the column.")
    value: str = Field(
        description="Text with fields in braces: {team}, {cost_center}, {account}, {amount}, {currency}, {month}, {last_day}, "
        "{category}, {kind}, {memo}, {debit}, {credit}."
    )


class Journal(BaseModel):
    """The CSV that an accounting system books."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    account: str = Field(default="6540", description="Expense account that teams' cost is booked on.")
    accounts: dict[str, str] = Field(default_factory=dict, description="Category -> account, where it is another.")
    offset_account: str | None = Field(
        default=None, description="Account that takes the opposite of each line, so that the journal is balanced."
    )
    cost_center: str = Field(default="", description="Cost centre of money that belongs to no team.")
    by_category: bool = Field(default=True, description="A line per team and category; false = a line per team.")
    memo: str = Field(default="Data platform {month}, {team}: {category}", description="Text of the memo.")
    delimiter: str = Field(default=",", min_length=1, max_length=1, description="Between columns.")
    decimal_comma: bool = Field(default=False, description="Write 1234,56 instead of 1234.56.")
    columns: list[JournalColumn] = Field(
        default=[
            JournalColumn(name="date", value="{last_day}"),
            JournalColumn(name="cost_center", value="{cost_center}"),
            JournalColumn(name="account", value="{account}"),
            JournalColumn(name="amount", value="{amount}"),
            JournalColumn(name="currency", value="{currency}"),
            JournalColumn(name="memo", value="{memo}"),
        ],
        description="The columns, in order.",
    )


class Settings(BaseModel):
    """Statements and closes."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    residual: Decimal = Field(
        default=Decimal("1.00"),
        ge=0,
        description="The most, per currency, that a closed month may differ from the bill without `--accept-residual`.",
    )
    currency: str | None = Field(
        default=None, description="Currency that statements are converted to; default: as billed. Needs `rate_table`."
    )
    rate_table: Path | None = Field(
        default=None,
        description="CSV of exchange rates: month, from, to, rate, date, source; one row a month and currency.",
    )
    send: list[Literal["csv", "json", "html", "xlsx", "pdf"]] = Field(
        default=["pdf", "xlsx"], description="What `costlens close --send` sends each team: formats of its statement."
    )
    accounts: dict[str, Account] = Field(
        default_factory=dict, description="Source -> its account, as the FOCUS form names it."
    )
    journal: Journal = Field(default_factory=Journal, description="The journal of `costlens close`.")
