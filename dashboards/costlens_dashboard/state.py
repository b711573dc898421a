"""The state of a page: every filter is a query parameter, so that an address is a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import streamlit as st

from costlens_dashboard import formats
from costlens_dashboard.access import Reader
from costlens_dashboard.questions import spend
from costlens_dashboard.scope import ANY, Scope, of_month

if TYPE_CHECKING:
    from costlens_dashboard.books import Desk

EVERY = "all"
LATEST, BEFORE, CUSTOM = "latest", "before", "custom"
WEEK = 7
LONGEST_NAME = 300
PRESETS = {
    "7d": ("Last 7 days", 7),
    "30d": ("Last 30 days", 30),
    "90d": ("Last 90 days", 90),
    "12m": ("Last 12 months", 365),
}


@dataclass(frozen=True)
class View:
    """What a page shows: a desk, who reads, the scope that the filters make, and what they can be set to."""

    desk: Desk
    reader: Reader
    scope: Scope
    complete_until: int
    """Day after the last complete day with charges."""
    first: int
    """The first day with charges."""
    teams: tuple[str, ...]

    def is_whole(self, scope: Scope) -> bool:
        """Tell whether there are charges from a period's first day on: a part of a period is nothing to compare with."""
        return self.first <= scope.since

    @property
    def currency(self) -> str:
        return self.scope.currency

    @property
    def period(self) -> str:
        """Return the period in words."""
        if self.scope.month:
            return formats.month(self.scope.month)
        return formats.span(formats.as_date(self.scope.since), formats.as_date(self.scope.until))

    def colours(self, names: Sequence[str]) -> dict[str, str]:
        from costlens_dashboard import palette

        return palette.scale(names, self.teams)


def view_of(desk: Desk, reader: Reader) -> View | None:
    """Draw the filters and return the view that they make, None where the ledger has no charges."""
    known = _known(desk)
    if known is None:
        return None
    months, complete, first = known.months, known.complete, known.first
    with st.container(horizontal=True, vertical_alignment="bottom", key="filters"):
        scope = _period(months, _usual(months, known.days, complete), complete, first)
        scope = replace(scope, currency=_currency(known.currencies))
        source = _source(desk)
        team = _team(known.teams, reader)
    scope = replace(scope, source=source, team=team, only=reader.teams)
    return View(desk, reader, scope, complete, first, known.teams)


@dataclass(frozen=True)
class _Known:
    """What the filters choose from."""

    days: dict[str, list[int]]
    months: tuple[str, ...]
    complete: int
    first: int
    currencies: tuple[str, ...]
    teams: tuple[str, ...]


def _known(desk: Desk) -> _Known | None:
    days = desk.books.cube.days(desk.snapshot)
    if not days:
        return None
    first, last = min(found[0] for found in days.values()), max(found[-1] for found in days.values())
    complete = min(last + 1, formats.as_day(desk.snapshot.as_of.date()))
    every = Scope(first, last + 1, "")
    currencies = desk.keep(("currencies",), lambda: _currencies(desk, every))
    teams = tuple(sorted({team.name for team in desk.estate.teams} | {o.team for o in desk.estate.ownership}))
    return _Known(days, tuple(reversed(days)), complete, first, currencies, teams)


def usual_view(desk: Desk, reader: Reader) -> View | None:
    """Return the view of a page whose filters nobody has set, None where the ledger has no charges."""
    known = _known(desk)
    if known is None:
        return None
    usual = known.months[_usual(known.months, known.days, known.complete)]
    scope = of_month(usual, known.currencies[0])
    return View(desk, reader, replace(scope, only=reader.teams), known.complete, known.first, known.teams)


def presets(view: View) -> list[View]:
    """Return a view with all filters but its period, for each period that is counted back from the last complete day."""
    until = view.complete_until
    return [
        replace(view, scope=replace(view.scope, since=until - days, until=until, month=None))
        for _, days in PRESETS.values()
    ]


def _currencies(desk: Desk, every: Scope) -> tuple[str, ...]:
    """Return the currencies of the newest days, dearest first: whatever the first page reads anyway."""
    recent = replace(every, since=max(every.since, every.until - 28), currency=ANY)
    found = tuple(str(currency) for currency in desk.ask(spend.currencies, recent)["currency"])
    return found or ("USD",)


def _usual(months: Sequence[str], days: dict[str, list[int]], complete: int) -> int:
    """Return the place of the month to show first: the newest with a week of complete days."""
    is_young = sum(day < complete for day in days[months[0]]) < WEEK
    return 1 if is_young and len(months) > 1 else 0


def _period(months: Sequence[str], usual: int, complete: int, first: int) -> Scope:
    """Draw the period; what is relative is called so, that an address with a month's name shows that month for ever."""
    relative = {LATEST: months[usual]} | ({BEFORE: months[usual + 1]} if len(months) > usual + 1 else {})
    names = {LATEST: "Latest month", BEFORE: "Month before"}
    names |= {key: label for key, (label, _) in PRESETS.items()} | {CUSTOM: "Custom days…"}
    picked = st.selectbox(
        "Period",
        [*relative, *PRESETS, *months, CUSTOM],
        key="period",
        bind="query-params",
        format_func=lambda key: names.get(key) or formats.month(key),
        width=190,
    )
    picked = relative.get(picked, picked)
    if picked == CUSTOM:
        return _custom(complete, first)
    if picked in PRESETS:
        return Scope(complete - PRESETS[picked][1], complete, "")
    return of_month(picked, "")


def _custom(complete: int, first: int) -> Scope:
    last = formats.as_date(complete - 1)
    given = st.date_input(
        "Days",
        value=(last - timedelta(days=29), last),
        min_value=min(formats.as_date(first), last - timedelta(days=29)),
        max_value=last,
        key="days",
        bind="query-params",
        format="YYYY-MM-DD",
        width=230,
    )
    days: Sequence[date] = given if isinstance(given, tuple) else (given,)
    if len(days) < 2:  # the reader has picked the first day and not yet the last
        days = (days[0], days[0]) if days else (last, last)
    return Scope(formats.as_day(days[0]), formats.as_day(days[1]) + 1, "")


def _currency(currencies: Sequence[str]) -> str:
    if len(currencies) < 2:
        return currencies[0]
    return st.selectbox("Currency", currencies, key="currency", bind="query-params", width=110) or currencies[0]


def _source(desk: Desk) -> str | None:
    sources = sorted(desk.snapshot.info.get("types", {}))
    if len(sources) < 2:
        return None
    picked = st.selectbox(
        "Source", [EVERY, *sources], key="source", bind="query-params", format_func=_every("All sources"), width=190
    )
    return None if picked in (None, EVERY) else picked


def _team(teams: Sequence[str], reader: Reader) -> str | None:
    teams = [team for team in teams if reader.may_see(team)]
    if len(teams) < 2:
        return None
    picked = st.selectbox(
        "Team", [EVERY, *teams], key="team", bind="query-params", format_func=_every("All teams"), width=190
    )
    return None if picked in (None, EVERY) else picked


def _every(label: str) -> Any:
    return lambda value: label if value == EVERY else value


def choice(label: str, options: Sequence[str], key: str, names: dict[str, str] | None = None) -> str:
    """Draw a row of choices that is part of the address; the options are our own words."""
    shown = names or {}
    picked = st.segmented_control(
        label,
        options,
        default=options[0],
        key=key,
        bind="query-params",
        required=True,
        format_func=lambda value: shown.get(value, value.capitalize()),
    )
    return picked or options[0]


def one_of(label: str, names: Sequence[str], key: str) -> str:
    """Draw a box with one of the names; return the picked one, the first unless the address says another.

    What the address asks for is kept though it is no name of this period: a link that a person was sent must not quietly show
    another one. No option is the box's default: Streamlit leaves defaults out of the address, and the first is another next month.
    """
    wanted = str(st.session_state.get(key) or st.query_params.get(key) or "")[:LONGEST_NAME]
    st.session_state[key] = wanted or names[0]
    options = names if not wanted or wanted in names else [*names, wanted]
    return st.selectbox(label, options, index=None, key=key, bind="query-params", width=420) or names[0]
