"""Draws a series as a PNG: cost per day, the days in question in another colour, what was expected as a band."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from costlens.alerts.message import Plot

_CALM, _LOUD, _BAND, _INK, _FAINT = "#9AA7B8", "#D6371F", "#2F7D4F", "#2B3440", "#E6EAF0"
WIDTH, HEIGHT = 720, 220


def png(plot: Plot) -> bytes:
    """Return the picture, twice as fine as its size."""
    import vl_convert  # takes a while to load, and few messages have a plot

    made: bytes = vl_convert.vegalite_to_png(specification(plot), scale=2)
    return made


def specification(plot: Plot) -> dict[str, Any]:
    """Return the plot for Vega-Lite."""
    import altair as alt

    rows = [{"day": point.day, "cost": point.cost, "marked": point.is_marked} for point in plot.points]
    axis = alt.Axis(
        format="%-d %b", title=None, grid=False, tickCount=8, labelColor=_INK, domainColor=_FAINT, tickColor=_FAINT
    )
    money = alt.Axis(
        title=f"{plot.currency} a day",
        titleColor=_INK,
        labelColor=_INK,
        gridColor=_FAINT,
        domain=False,
        ticks=False,
        format="~s",
        tickCount=4,
    )
    colour = alt.condition("datum.marked", alt.value(_LOUD), alt.value(_CALM))
    bars = (
        alt.Chart(alt.InlineData(values=rows))
        .mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2)
        .encode(x=alt.X("yearmonthdate(day):T", axis=axis), y=alt.Y("cost:Q", axis=money), color=colour)
    )
    layers: list[Any] = []
    marked = [point.day for point in plot.points if point.is_marked]
    if plot.low is not None and plot.high is not None and marked:
        span = [
            {
                "from": plot.points[0].day,
                "until": _after(marked[-1]),
                "low": plot.low,
                "high": plot.high,
                "label": "expected",
            }
        ]
        data = alt.InlineData(values=span)
        band = alt.Chart(data).mark_rect(color=_BAND, opacity=0.18)
        layers.append(band.encode(x=alt.X("from:T"), x2="until:T", y=alt.Y("low:Q"), y2="high:Q"))
        text = alt.Chart(data).mark_text(
            align="left", baseline="bottom", dx=4, dy=-2, color=_BAND, fontSize=11, fontWeight="bold"
        )
        layers.append(text.encode(x=alt.X("from:T"), y=alt.Y("high:Q"), text="label:N"))
    layers.insert(min(len(layers), 1), bars)  # between the band and its label
    title = alt.TitleParams(plot.title, anchor="start", fontSize=13, color=_INK, offset=8)
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=title, background="white", padding=12)
    specified: dict[str, Any] = chart.configure_view(stroke=None).configure(font="sans-serif").to_dict()
    return specified


def _after(day: str) -> str:
    """Return the day after, where the band ends."""
    return str(date.fromisoformat(day) + timedelta(days=1))
