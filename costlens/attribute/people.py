"""Which team a person works for, by what warehouses say of their users: default role, roles held, address.

A team's rules on `default_role`, `granted_role` and `email` tell it, and its rules on `role` for the default role too. All that
speak of a person on a day must name one team: where two are named, none is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import ibis

from costlens.attribute.known import glob
from costlens.estate import PERSON_FIELDS, Estate, Membership, PrincipalRule

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from costlens.engine import Engine

_EPOCH = date(1970, 1, 1).toordinal()
#: Beyond all days, so that open ends compare.
_EVER = date.max.toordinal()
_Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class _Span:
    """Days [start, end) as ordinals; 0 and `_EVER` are open ends."""

    start: int
    end: int

    def meets(self, other: _Span) -> _Span | None:
        both = _Span(max(self.start, other.start), min(self.end, other.end))
        return both if both.start < both.end else None


@dataclass(frozen=True)
class _Claim:
    span: _Span
    team: str
    because: str


def with_people(estate: Estate, users: ir.Table, engine: Engine) -> Estate:
    """Return the estate with the persons that the rules give to a team; `users` are USERS rows of all warehouses."""
    rules = [rule for rule in estate.rules if rule.field in (*PERSON_FIELDS, "role")]
    if not rules:
        return replace(estate, people=())
    reads = {row["value"] for row in engine.rows(users.select("value").distinct())}
    told = {(rule.field, value) for rule in rules for value in reads if glob(rule.pattern).match(value)}
    if not told:
        return replace(estate, people=())
    values = sorted({value for _, value in told})
    wanted = users.filter(users.value.isin(values) | (users.field == "email"))
    days = engine.rows(users.select("source", "day", holds=users.field == "granted_role").distinct())
    return replace(estate, people=tuple(memberships(rules, engine.rows(runs_of(wanted, users)), days)))


def roles_held(users: ir.Table, engine: Engine) -> dict[str, list[str]]:
    """Return, by each name and address of a person in lower case, the roles that it holds by the newest reading of its source."""
    newest = users.group_by("source").agg(newest=users.day.max())
    latest = users.join(newest, "source").filter(ibis._.day == ibis._.newest)
    found: dict[str, list[str]] = {}
    for (_, user), rows in _by_user(engine.rows(latest.select("source", "user", "field", "value"))).items():
        roles = sorted(row["value"] for row in rows if row["field"] == "granted_role")
        for name in {user, *(row["value"] for row in rows if row["field"] == "email")}:
            found[name.lower()] = roles
    return found


def runs_of(wanted: ir.Table, users: ir.Table) -> ir.Table:
    """Return source, user, field, value with the first and the last day of each run of readings that say it without a gap."""
    read = users.select("source", "day").distinct()
    read = read.mutate(reading=ibis.row_number().over(group_by="source", order_by="day"))
    keys = ["source", "user", "field", "value"]
    numbered = wanted.select(*keys, "day").distinct().join(read, ["source", "day"]).select(*keys, "day", "reading")
    numbered = numbered.mutate(place=ibis.row_number().over(group_by=keys, order_by="day"))
    numbered = numbered.mutate(run=numbered.reading - numbered.place)
    return numbered.group_by(*keys, "run").agg(first=ibis._.day.min(), last=ibis._.day.max())


def memberships(rules: Sequence[PrincipalRule], runs: _Rows, read: _Rows) -> Iterator[Membership]:
    """Yield who works for which team, when.

    `runs` as of `runs_of`; `read` are source, day and holds (whether roles held were read) of all readings. What a reading says holds
    until the next one of its source; what the first says held before it, what the last says holds on.
    """
    spans = _Spans(read)
    matching = _Matching(rules)
    claims: dict[str, set[_Claim]] = defaultdict(set)
    for (source, user), rows in _by_user(runs).items():
        names = {user.lower(), *(row["value"].lower() for row in rows if row["field"] == "email")}
        held = [row for row in rows if row["field"] == "granted_role"]
        for row in rows:
            said = [spans.of(row)]
            if row["field"] == "default_role" and spans.holds(source):
                # A default role that was never granted, or was taken away, is a word that nobody put right.
                same = [spans.of(each) for each in held if each["value"] == row["value"]]
                said = [both for span in same if (both := span.meets(said[0]))]
            for span in said:
                for claim in matching(row["field"], row["value"], span):
                    for name in names:
                        claims[name].add(claim)
    for name in sorted(claims):
        yield from _agreed(name, claims[name])


class _Spans:
    """For how long what was read on a day holds, by source."""

    def __init__(self, read: _Rows) -> None:
        self._days: dict[str, list[int]] = defaultdict(list)
        self._holds = {row["source"] for row in read if row["holds"]}
        for source, day in sorted({(row["source"], row["day"]) for row in read}):
            self._days[source].append(day)

    def holds(self, source: str) -> bool:
        """Tell whether roles held were ever read of a source."""
        return source in self._holds

    def of(self, run: Mapping[str, Any]) -> _Span:
        days = self._days[run["source"]]
        start = 0 if run["first"] == days[0] else run["first"] + _EPOCH
        later = days[days.index(run["last"]) + 1 :]
        return _Span(start, later[0] + _EPOCH if later else _EVER)


def _by_user(runs: _Rows) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    found: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in runs:
        found[row["source"], row["user"]].append(row)
    return found


class _Matching:
    """Yields the claims that rules make of a value; each value is compared once."""

    def __init__(self, rules: Sequence[PrincipalRule]) -> None:
        self._rules = [(rule, glob(rule.pattern)) for rule in rules]
        self._found: dict[tuple[str, str], list[PrincipalRule]] = {}

    def __call__(self, field: str, value: str, span: _Span) -> Iterator[_Claim]:
        if (field, value) not in self._found:
            fields = (field, "role") if field == "default_role" else (field,)
            self._found[field, value] = [
                r for r, compiled in self._rules if r.field in fields and compiled.match(value)
            ]
        for rule in self._found[field, value]:
            valid = _Span(
                rule.valid_from.toordinal() if rule.valid_from else 0,
                rule.valid_to.toordinal() if rule.valid_to else _EVER,
            )
            if both := span.meets(valid):
                yield _Claim(both, rule.team, f"{field.replace('_', ' ')} {value}")


def _agreed(name: str, claims: Iterable[_Claim]) -> Iterator[Membership]:
    """Yield the spans of days on which all that is claimed of a person is one team."""
    claims = sorted(claims, key=lambda c: (c.because, c.team, c.span.start, c.span.end))
    cuts = sorted({day for claim in claims for day in (claim.span.start, claim.span.end)})
    last: Membership | None = None
    for start, end in pairwise(cuts):
        holding = [claim for claim in claims if claim.span.start <= start and end <= claim.span.end]
        if len({claim.team for claim in holding}) != 1:
            continue
        told = Membership(holding[0].team, name, holding[0].because, _day(start), _day(end))
        if last and last.valid_to == told.valid_from and (last.team, last.because) == (told.team, told.because):
            last = replace(last, valid_to=told.valid_to)
            continue
        if last:
            yield last
        last = told
    if last:
        yield last


def _day(ordinal: int) -> date | None:
    return None if ordinal in (0, _EVER) else date.fromordinal(ordinal)
