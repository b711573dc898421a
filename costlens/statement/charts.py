"""The charts of a statement as SVG and PNG, drawn without a browser; the same figures make the same bytes."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import vl_convert

from costlens.statement.lines import NOBODY, ZERO
from costlens.statement.model import KIND_WORDS, KINDS, Section, Statement

#: Readable on white and on black, told apart by people who see colours differently (after Okabe and Ito).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C8C8C", "#B8A000")
GREY = "#7a8088"
_BARS = 12
_SERVICES = 6


def ready() -> None:
    """Draw a first, empty chart: it takes half a second, any other a few milliseconds."""
    vl_convert.vegalite_to_svg({"data": {"values": []}, "mark": "bar"})


def svgs(section: Section, statement: Statement) -> list[tuple[str, str]]:
    """Return the charts as (title, SVG)."""
    return [(title, vl_convert.vegalite_to_svg(spec)) for title, spec in _charts(section, statement)]


def pngs(section: Section, statement: Statement) -> list[tuple[str, bytes]]:
    """Return the charts as (title, PNG) for paper."""
    found = []
    for title, spec in _charts(section, statement):
        png = vl_convert.vegalite_to_png({**spec, "background": "white"}, scale=3)
        found.append((title, png))
    return found


def _charts(section: Section, statement: Statement) -> list[tuple[str, dict[str, Any]]]:
    """Return the charts of a section: who or what it is for by how it came there, and the days where all teams are shown."""
    rows = section.categories if statement.team else section.owners
    what = "category" if statement.team else "team"
    charts = []
    if any(row.cost for row in rows):
        charts.append((f"{section.currency} by {what} and how it came there", _bars(section, statement)))
    if not statement.team and not statement.source and section.reconciliation.days:
        charts.append((f"{section.currency} charged by day and service, all teams", _days(section)))
    return charts


def _bars(section: Section, statement: Statement) -> dict[str, Any]:
    rows = [row for row in (section.categories if statement.team else section.owners) if row.cost or row.before]
    ordered = sorted(rows, key=lambda row: (row.name in NOBODY, -row.cost))[:_BARS]
    names = [_short(row.name) for row in ordered]
    values = [
        {"name": name, "kind": KIND_WORDS[kind], "order": place, "cost": float(cents)}
        for name, row in zip(names, ordered, strict=True)
        for place, kind in enumerate(KINDS)
        if (cents := row.kinds.get(kind, ZERO))
    ]
    befores = [
        {"name": name, "before": float(row.before)}
        for name, row in zip(names, ordered, strict=True)
        if row.before is not None and statement.is_whole
    ]
    used = [KIND_WORDS[kind] for kind in KINDS if any(value["kind"] == KIND_WORDS[kind] for value in values)]
    y = {"field": "name", "type": "nominal", "sort": names, "title": None, "axis": {"labelLimit": 190, "ticks": False}}
    bars = {
        "data": {"values": values},
        "mark": {"type": "bar", "height": {"band": 0.62}},
        "encoding": {
            "y": y,
            "x": _money_axis(section, values),
            "color": {
                "field": "kind",
                "type": "nominal",
                "scale": {"domain": used, "range": list(COLOURS[: len(used)])},
                "legend": {"title": None, "orient": "top"},
            },
            "order": {"field": "order", "type": "quantitative"},
        },
    }
    ticks = {
        "data": {"values": befores},
        "mark": {"type": "tick", "thickness": 2, "color": GREY, "size": 18},
        "encoding": {
            "y": y,
            "x": {"field": "before", "type": "quantitative"},
        },
    }
    layers = [bars, ticks] if befores else [bars]
    return _framed({"layer": layers, "width": 620, "height": {"step": 26}})


def _money_axis(section: Section, values: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the axis of money; a credit of cents would pull a rounded one far to the left."""
    is_round = all(value["cost"] >= 0 for value in values)
    title = {"field": "cost", "type": "quantitative", "title": section.currency}
    return {**title, "stack": "zero", "scale": {"nice": is_round}}


def _days(section: Section) -> dict[str, Any]:
    by_service: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for day in section.reconciliation.days:
        by_service[day.service or "(no service)"] += day.charged
    largest = sorted(by_service, key=lambda name: (-by_service[name], name))[:_SERVICES]
    sums: dict[tuple[str, str], Decimal] = defaultdict(lambda: ZERO)
    for day in section.reconciliation.days:
        service = day.service or "(no service)"
        sums[day.day.isoformat(), service if service in largest else "other"] += day.charged
    services = [*largest, "other"] if len(by_service) > _SERVICES else largest
    values = [
        {"day": day, "service": _short(service), "cost": round(float(cost), 2), "order": services.index(service)}
        for (day, service), cost in sorted(sums.items())
    ]
    spec = {
        "data": {"values": values},
        "mark": {"type": "bar"},
        "encoding": {
            "x": {
                "field": "day",
                "type": "ordinal",
                "timeUnit": "utcyearmonthdate",
                "title": None,
                "axis": {"format": "%-d %b", "labelAngle": 0, "ticks": False, "labelOverlap": True},
            },
            "y": {"field": "cost", "type": "quantitative", "title": section.currency, "stack": "zero"},
            "color": {
                "field": "service",
                "type": "nominal",
                "scale": {"domain": [_short(name) for name in services], "range": list(COLOURS[: len(services)])},
                "legend": {"title": None, "orient": "top", "columns": 3, "labelLimit": 230},
            },
            "order": {"field": "order", "type": "quantitative"},
        },
        "width": 720,
        "height": 190,
    }
    return _framed(spec)


def _framed(spec: dict[str, Any]) -> dict[str, Any]:
    axis = {"labelColor": GREY, "titleColor": GREY, "domainColor": GREY, "tickColor": GREY, "gridColor": "#9aa0a633"}
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "background": None,
        "config": {
            "font": "Arial, sans-serif",
            "view": {"stroke": None},
            "axis": {**axis, "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"},
            "axisX": {"format": ",.0f"} if "layer" in spec else {},
            "axisY": {} if "layer" in spec else {"format": ",.0f"},
            "legend": {"labelColor": GREY, "labelFontSize": 11},
        },
        **spec,
    }


def _short(name: str) -> str:
    clean = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
    return clean if len(clean) <= 34 else f"{clean[:33]}…"
