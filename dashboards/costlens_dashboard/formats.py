"""How numbers, money, days and times are written: the same everywhere."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal

EPOCH = date(1970, 1, 1)
Number = float | int | Decimal

#: What tables write numbers by; `,` sets thousands apart.
MONEY, WHOLE, SHARE = "%,.2f", "%,.0f", "%,.1f %%"
NOTHING = "–"


def money(value: Number | None, currency: str = "") -> str:
    """Write money: to cents below 1,000, whole above; the sign is a real minus."""
    if value is None or value != value:
        return NOTHING
    amount = float(value)
    places = 2 if abs(amount) < 1000 else 0
    text = f"{abs(amount):,.{places}f}"
    sign = "−" if amount < 0 and float(text.replace(",", "")) != 0 else ""
    return f"{sign}{text}{' ' + currency if currency else ''}"


def cents(value: Number | None, currency: str = "") -> str:
    """Write money to the cent: what is compared with an invoice."""
    if value is None:
        return NOTHING
    text = f"{abs(value):,.2f}"
    return f"{'−' if value < 0 and float(text.replace(',', '')) else ''}{text}{' ' + currency if currency else ''}"


def signed(value: Number, currency: str = "") -> str:
    """Write a change of money."""
    return ("+" if value > 0 else "") + money(value, currency)


def short(value: Number, currency: str = "") -> str:
    """Write money for a label: 1.2k, 34k, 5.6M."""
    amount = abs(float(value))
    for limit, unit in ((1e9, "B"), (1e6, "M"), (1e3, "k")):
        if amount >= limit:
            text = f"{amount / limit:.{1 if amount < 10 * limit else 0}f}{unit}"
            break
    else:
        text = f"{amount:.0f}" if amount >= 10 else f"{amount:.2f}"
    return f"{'−' if value < 0 else ''}{text}{' ' + currency if currency else ''}"


def percent(share: float | None, places: int = 0) -> str:
    """Write a share of one as per cent."""
    if share is None or share != share:
        return NOTHING
    return f"{share * 100:,.{places}f} %".replace("-", "−")


def change(now: Number, before: Number) -> str | None:
    """Write a change in per cent, None where there is nothing to compare with."""
    if not before:
        return None
    return f"{(float(now) / float(before) - 1) * 100:+,.0f} %".replace("-", "−")


def count(value: Number | None) -> str:
    """Write a number of things."""
    return NOTHING if value is None or value != value else f"{float(value):,.0f}"


def many(number: int, one: str, more: str = "") -> str:
    """Write a number of things with their name: 1 anomaly, 2 anomalies."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def day(value: date | None) -> str:
    """Write a day: 21 Nov 2026."""
    return NOTHING if value is None else f"{value.day} {value:%b %Y}"


def span(since: date, until: date) -> str:
    """Write [since, until) as days that a reader counts: 1–20 Nov 2026."""
    last = until - timedelta(days=1)
    if since == last:
        return day(since)
    if (since.year, since.month) == (last.year, last.month):
        return f"{since.day}–{day(last)}"
    return f"{since.day} {since:%b}{'' if since.year == last.year else f' {since.year}'} – {day(last)}"


def instant(value: datetime | None) -> str:
    """Write an instant in UTC, to the minute."""
    return NOTHING if value is None else f"{day(value.date())} {value:%H:%M} UTC"


def month(value: str) -> str:
    """Write a month, 2026-11, as November 2026."""
    return f"{date(int(value[:4]), int(value[5:]), 1):%B %Y}"


def duration(seconds: float | None) -> str:
    """Write a duration in its largest unit or two."""
    if seconds is None or seconds != seconds:
        return NOTHING
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min {int(seconds % 60)} s"
    hours = minutes // 60
    return f"{hours:,} h {minutes % 60} min" if hours < 100 else f"{hours:,} h"


def as_date(number: int) -> date:
    """Return the date of a day counted from 1970."""
    return EPOCH + timedelta(days=int(number))


def as_day(value: date) -> int:
    """Return a date as days since 1970."""
    return (value - EPOCH).days
