"""Months of days since 1970, as integer arithmetic that every engine does alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

_DAYS_TO_MARCH_OF_YEAR_0 = 719_468
_DAYS_OF_400_YEARS = 146_097


def year_and_month(day: ir.IntegerValue) -> tuple[ir.IntegerValue, ir.IntegerValue]:
    """Return year and month (1 to 12) of days since 1970: years begin in March, so that the leap day is their last."""
    days = day.cast("int64") + _DAYS_TO_MARCH_OF_YEAR_0
    era = days // _DAYS_OF_400_YEARS
    of_era = days - era * _DAYS_OF_400_YEARS
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    march_based = (5 * of_year + 2) // 153
    month = ibis.ifelse(march_based < 10, march_based + 3, march_based - 9)
    year = year_of_era + era * 400
    return ibis.ifelse(month <= 2, year + 1, year), month


def days_in_month(day: ir.IntegerValue) -> ir.IntegerValue:
    """Return how many days the month of a day has."""
    year, month = year_and_month(day)
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    return ibis.cases((month == 2, ibis.ifelse(leap, 29, 28)), (month.isin([4, 6, 9, 11]), 30), else_=31)


def billing_period(day: ir.IntegerValue) -> ir.StringValue:
    """Return YYYY-MM of a day."""
    year, month = year_and_month(day)
    return year.cast("string") + "-" + month.cast("string").lpad(2, "0")
