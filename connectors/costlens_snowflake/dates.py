"""Months of days since 1970, as integer arithmetic that every engine does alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

if TYPE_CHECKING:
    import ibis.expr.types as ir

_FIRST_OF_MARCH_2000 = 11_017
_DAYS_OF_4_YEARS = 1461


def year_and_month(day: ir.IntegerValue) -> tuple[ir.IntegerValue, ir.IntegerValue]:
    """Return year and month (1 to 12) of days since 1970.

    Years begin in March, so that the leap day is their last. Right from March 1900 to 2099: every fourth year
    between has a leap day.
    """
    days = day.cast("int64") - _FIRST_OF_MARCH_2000
    march_year = (4 * days + 3) // _DAYS_OF_4_YEARS
    of_year = days - march_year * _DAYS_OF_4_YEARS // 4
    march_based = (5 * of_year + 2) // 153
    before_january = march_based < 10
    return 2000 + march_year + ibis.ifelse(before_january, 0, 1), march_based + ibis.ifelse(before_january, 3, -9)


def days_in_month(day: ir.IntegerValue) -> ir.IntegerValue:
    """Return how many days the month of a day has."""
    year, month = year_and_month(day)
    return ibis.cases((month == 2, ibis.ifelse(year % 4 == 0, 29, 28)), (month.isin([4, 6, 9, 11]), 30), else_=31)


def billing_period(day: ir.IntegerValue) -> ir.StringValue:
    """Return YYYY-MM of a day."""
    year, month = year_and_month(day)
    return year.cast("string") + "-" + month.cast("string").lpad(2, "0")
