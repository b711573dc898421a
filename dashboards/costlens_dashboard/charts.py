"""Charts: Altair, one function a kind, each with a text for those who do not see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st

from costlens_dashboard import formats, palette
from costlens_dashboard.text import plain

if TYPE_CHECKING:
    from datetime import date

SHORT = 28
"""Longest name on an axis; the tooltip has all of it."""
_GRID: dict[str, Any] = {"grid": True, "gridOpacity": 0.35, "domain": False, "ticks": False}
_COMPACT = "replace(replace(format(datum.value, '~s'), 'G', 'B'), 'µ', 'u')"


def draw(chart: Any, what: str, height: int | None = None, **rows: pd.DataFrame) -> None:
    """Draw a chart of named rows over the width there is."""
    spec = _spec(chart.properties(height=height) if height else chart)
    st.vega_lite_chart(spec={**spec, "datasets": rows}, width="stretch", alt=plain(what))


def _spec(chart: Any) -> dict[str, Any]:
    """Return the Vega-Lite of a chart. `st.altair_chart` would have each validated anew, which takes longer than all else of it."""
    return {**chart.to_dict(validate=False), "config": {"view": {"strokeWidth": 0}}}


def _of(name: str) -> alt.Chart:
    """Return a chart of rows that are given to `draw` by that name."""
    return alt.Chart(alt.NamedData(name))


def warm() -> None:
    """Have Altair load what it loads for a first chart."""
    _spec(_of("rows").mark_bar().encode(x=alt.X("cost:Q", axis=_money_axis()), y=alt.Y("name:N")))


def _named(values: Sequence[str], colours: Mapping[str, str]) -> alt.Scale:
    return alt.Scale(domain=list(values), range=[colours.get(value, palette.NEUTRAL) for value in values])


def _money_axis(title: str | None = None) -> alt.Axis:
    return alt.Axis(title=title, labelExpr=_COMPACT, tickCount=5, **_GRID)


def _days_axis(days: pd.Series) -> alt.Axis:
    step = max(1, -(-int(days.max() - days.min() + 1) // 9)) if len(days) else 1
    return alt.Axis(
        format="%-d %b",
        labelOverlap=True,
        grid=False,
        tickCount={"interval": "day", "step": step},
    )


def _legend(names: Sequence[str]) -> alt.Legend | None:
    if len(names) < 2:
        return None
    longest = min(max(len(name) for name in names), 26)
    columns = alt.ExprRef(f"max(1, floor(width / {24 + 7 * longest}))")  # as many as a narrow window has room for
    return alt.Legend(title=None, orient="top", columns=columns, labelLimit=180, symbolType="square")


def _with_legend(height: int, names: Sequence[str]) -> int:
    """Return a height that leaves the bars theirs below a legend of three names a row."""
    return height + 17 * ((len(names) - 1) // 3)


def top_names(frame: pd.DataFrame, count: int = 8, rest: str = "other") -> tuple[pd.DataFrame, list[str]]:
    """Keep the dearest names of a frame with name and cost, the others as one; return it with the names, dearest first."""
    sums = frame.groupby("name")["cost"].sum().sort_values(ascending=False)
    if len(sums) <= count + 1:
        return frame, [str(name) for name in sums.index]
    names = [str(name) for name in sums.index[:count]]
    keys = [name for name in frame.columns if name not in ("name", "cost")]
    folded = frame.assign(name=frame["name"].where(frame["name"].isin(names), rest))
    return folded.groupby([*keys, "name"], as_index=False)["cost"].sum(), [*names, rest]


def stacked_days(
    frame: pd.DataFrame,
    names: Sequence[str],
    colours: Mapping[str, str],
    what: str,
    *,
    before: pd.DataFrame | None = None,
    open_from: date | None = None,
    height: int = 290,
) -> None:
    """Draw day, name, cost as stacked columns; `before` (day, cost) as a line; days from `open_from` on paler, as not yet final."""
    rows = frame.assign(date=pd.to_datetime([formats.as_date(day) for day in frame["day"]]))
    order = {name: place for place, name in enumerate(names)}
    rows["place"] = rows["name"].map(order)
    rows["open"] = False if open_from is None else rows["date"] >= pd.Timestamp(open_from)
    bars = (
        _of("rows")
        .mark_bar(size=max(3, min(22, 560 // max(rows["day"].nunique(), 1))))
        .encode(
            x=alt.X("date:T", title=None, axis=_days_axis(rows["day"])),
            y=alt.Y("sum(cost):Q", axis=_money_axis()),
            color=alt.Color("name:N", scale=_named(names, colours), legend=_legend(names)),
            order=alt.Order("place:Q"),
            opacity=alt.condition("datum.open", alt.value(0.55), alt.value(1.0)),
            tooltip=[
                alt.Tooltip("date:T", title="Day", format="%-d %b %Y"),
                alt.Tooltip("name:N", title="Name"),
                alt.Tooltip("sum(cost):Q", title="Cost", format=",.2f"),
            ],
        )
    )
    if before is None or before.empty:
        draw(bars, what, _with_legend(height, names), rows=rows)
        return
    line = before.assign(date=pd.to_datetime([formats.as_date(day) for day in before["day"]]), series="period before")
    past = (
        _of("before")
        .mark_line(color=palette.TOTAL, strokeDash=[4, 3], strokeWidth=1.8, interpolate="monotone")
        .encode(x="date:T", y="cost:Q", tooltip=[alt.Tooltip("cost:Q", title="Period before", format=",.2f")])
    )
    draw(bars + past, what, _with_legend(height, names), rows=rows, before=line)


def bars(
    frame: pd.DataFrame,
    colours: Mapping[str, str],
    what: str,
    *,
    currency: str,
    compare: bool = True,
    per_row: int = 34,
) -> None:
    """Draw name, cost and before as horizontal bars with a tick where the period before stood, and the money beside."""
    rows = frame.copy()
    rows["label"] = [formats.short(cost) for cost in rows["cost"]]
    names = [str(name) for name in rows["name"]]
    base = _of("rows").encode(
        y=alt.Y(
            "name:N",
            sort=names,
            title=None,
            axis=alt.Axis(labelLimit=190, ticks=False, domain=False, labelPadding=8),
        )
    )
    tips = [alt.Tooltip("name:N", title="Name"), alt.Tooltip("cost:Q", title=currency, format=",.2f")]
    if compare:
        tips.append(alt.Tooltip("before:Q", title="Period before", format=",.2f"))
    widest = max(float(rows["cost"].max()), float(rows["before"].max()) if compare else 0.0, 0.01)
    x = alt.X("cost:Q", axis=None, scale=alt.Scale(domain=[min(0.0, float(rows["cost"].min())), widest * 1.18]))
    layers = base.mark_bar(height={"band": 0.62}, cornerRadiusEnd=3).encode(
        x=x, color=alt.Color("name:N", scale=_named(names, colours), legend=None), tooltip=tips
    )
    if compare:
        layers += base.mark_tick(color=palette.TOTAL, thickness=2.5, height={"band": 0.85}).encode(
            x=alt.X("before:Q", axis=None), tooltip=tips
        )
    text = base.transform_calculate(at="max(datum.cost, isValid(datum.before) ? datum.before : 0)").mark_text(
        align="left", dx=7, color=palette.TOTAL, fontSize=12.5
    )
    layers += text.encode(x=alt.X("at:Q", axis=None), text="label:N")
    draw(layers, what, per_row * len(rows) + 10, rows=rows)


def waterfall(steps: Sequence[tuple[str, float]], before: float, after: float, what: str, currency: str) -> None:
    """Draw how one sum becomes another: bars from the period before over each change to this one; they add up."""
    rows: list[dict[str, Any]] = []
    at = before
    rows.append({"name": "Before", "from": 0.0, "to": before, "kind": "total", "label": formats.short(before)})
    for name, change in steps:
        label = ("+" if change > 0 else "") + formats.short(change)
        rows.append(
            {"name": name, "from": at, "to": at + change, "kind": "rise" if change > 0 else "fall", "label": label}
        )
        at += change
    rows.append({"name": "Now", "from": 0.0, "to": after, "kind": "total", "label": formats.short(after)})
    frame = pd.DataFrame(rows)
    frame["size"] = (frame["to"] - frame["from"]).abs()
    frame["end"] = frame[["from", "to"]].max(axis=1)
    inner = [row for row in rows if row["kind"] != "total"]
    low = min([row["from"] for row in inner] + [row["to"] for row in inner] + [before, after])
    high = float(frame["end"].max())
    floor = max(0.0, low - (high - low) * 0.6) if low > 0 else low
    frame.loc[frame["kind"] == "total", "from"] = floor if floor > 0 else 0.0
    names = [str(row["name"]) for row in rows]
    scale = alt.Scale(domain=[floor, high + (high - floor) * 0.14], zero=False, nice=False)
    base = _of("rows").encode(
        y=alt.Y(
            "name:N", sort=names, title=None, axis=alt.Axis(labelLimit=190, ticks=False, domain=False, labelPadding=8)
        )
    )
    kinds = alt.Scale(domain=["total", "rise", "fall"], range=[palette.TOTAL, palette.RISE, palette.FALL])
    marks = base.mark_bar(height={"band": 0.62}, cornerRadius=2).encode(
        x=alt.X("from:Q", axis=None, scale=scale),
        x2="to:Q",
        color=alt.Color("kind:N", scale=kinds, legend=None),
        tooltip=[alt.Tooltip("name:N", title="Name"), alt.Tooltip("label:N", title=currency)],
    )
    text = base.mark_text(align="left", dx=7, color=palette.TOTAL, fontSize=12.5).encode(
        x=alt.X("end:Q", axis=None, scale=scale), text="label:N"
    )
    draw(marks + text, what, 34 * len(rows) + 10, rows=frame)


def _hour_rows(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(at=pd.to_datetime(frame["hour"], unit="us", utc=True).dt.tz_localize(None))


def pool_hours(frame: pd.DataFrame, what: str) -> None:
    """Draw hour, name, cost of a pool as stacked areas in steps."""
    rows = _hour_rows(frame)
    names = ["own", *sorted(set(rows["name"]) - {"own"})]
    colours = {"own": palette.CATEGORIES["query"], "idle": palette.CATEGORIES["idle"], **palette.CAUSES}
    rows["place"] = rows["name"].map({name: place for place, name in enumerate(names)})
    chart = (
        _of("rows")
        .mark_bar(binSpacing=0, size=max(1.0, min(10.0, 700 / max(rows["hour"].nunique(), 1))))
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%-d %b", labelOverlap=True, grid=False, tickCount=8)),
            y=alt.Y("sum(cost):Q", axis=_money_axis()),
            color=alt.Color("name:N", scale=_named(names, colours), legend=_legend(names)),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("at:T", title="Hour, UTC", format="%-d %b %H:%M"),
                alt.Tooltip("name:N", title="Name"),
                alt.Tooltip("sum(cost):Q", title="Cost", format=",.2f"),
            ],
        )
    )
    draw(chart, what, 240, rows=rows)


def utilisation(frame: pd.DataFrame, what: str) -> None:
    """Draw how much of what was metered was used, by weekday and hour of the day."""
    rows = _hour_rows(frame)
    rows = rows.assign(
        weekday=rows["at"].dt.day_of_week, clock=rows["at"].dt.hour, own=rows["cost"].where(rows["name"] == "own", 0.0)
    )
    cells = rows.groupby(["weekday", "clock"], as_index=False)[["cost", "own"]].sum()
    cells = cells[cells["cost"] > 0]
    cells["used"] = cells["own"] / cells["cost"]
    days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
    cells["day"] = [days[number] for number in cells["weekday"]]
    chart = (
        _of("rows")
        .mark_rect(cornerRadius=2, stroke="transparent", strokeWidth=1)
        .encode(
            x=alt.X("clock:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False, domain=False)),
            y=alt.Y("day:O", sort=days, title=None, axis=alt.Axis(ticks=False, domain=False, labelOverlap=False)),
            color=alt.Color(
                "used:Q",
                scale=alt.Scale(domain=[0, 1], scheme="viridis"),
                legend=alt.Legend(title=None, format="%", orient="top", gradientLength=160, tickCount=3),
            ),
            tooltip=[
                alt.Tooltip("day:N", title="Day"),
                alt.Tooltip("clock:O", title="Hour"),
                alt.Tooltip("used:Q", title="Used", format=".0%"),
                alt.Tooltip("cost:Q", title="Cost", format=",.2f"),
            ],
        )
    )
    # A step a weekday: within a fixed height the legend takes what the labels need.
    draw(chart.properties(height=alt.Step(24)), what, rows=cells)


def hourly_line(frame: pd.DataFrame, column: str, what: str) -> None:
    """Draw one number by hour."""
    chart = (
        _of("rows")
        .mark_bar(color=palette.COLOURS[5], size=max(1.0, min(8.0, 300 / max(len(frame), 1))))
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%-d %b", labelOverlap=True, grid=False, tickCount=6)),
            y=alt.Y(f"{column}:Q", axis=alt.Axis(title="seconds", tickCount=4, **_GRID)),
            tooltip=[
                alt.Tooltip("at:T", title="Hour, UTC", format="%-d %b %H:%M"),
                alt.Tooltip(f"{column}:Q", format=",.0f"),
            ],
        )
    )
    draw(chart, what, 220, rows=_hour_rows(frame))


def runs(frame: pd.DataFrame, what: str) -> None:
    """Draw started_at, seconds and status on the time axis: how long each run took, and which failed (a cross)."""
    rows = frame[["started_at", "seconds", "status"]].copy()
    rows["at"] = pd.to_datetime(rows["started_at"], unit="us", utc=True)
    rows["status"] = rows["status"].fillna("not known")
    names = [name for name in ("success", "failed", "cancelled", "not known") if name in set(rows["status"])]
    names += sorted(set(rows["status"]) - set(names))
    colours = {"success": "#0072B2", "failed": palette.RISE, "cancelled": "#A6951F"}
    marks = {"success": "circle", "failed": "cross", "cancelled": "diamond"}
    points = (
        _of("rows")
        .mark_point(filled=True, size=46, opacity=0.75)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%-d %b", labelOverlap=True, grid=False, tickCount=8)),
            y=alt.Y("seconds:Q", axis=alt.Axis(title="seconds", tickCount=4, **_GRID)),
            color=alt.Color("status:N", scale=_named(names, colours), legend=_legend(names)),
            shape=alt.Shape(
                "status:N",
                scale=alt.Scale(domain=names, range=[marks.get(name, "square") for name in names]),
                legend=_legend(names),
            ),
            tooltip=[
                alt.Tooltip("at:T", title="Started", format="%-d %b %Y %H:%M"),
                alt.Tooltip("seconds:Q", title="Seconds", format=",.1f"),
                alt.Tooltip("status:N", title="Status"),
            ],
        )
    )
    draw(points, what, 200, rows=rows)


def stacked_months(frame: pd.DataFrame, names: Sequence[str], colours: Mapping[str, str], what: str) -> None:
    """Draw month, name, cost as stacked columns."""
    rows = frame.assign(label=[formats.month(month)[:3] + " " + month[2:4] for month in frame["month"]])
    order = [formats.month(month)[:3] + " " + month[2:4] for month in sorted(frame["month"].unique())]
    rows["place"] = rows["name"].map({name: place for place, name in enumerate(names)})
    chart = (
        _of("rows")
        .mark_bar()
        .encode(
            x=alt.X("label:N", sort=order, title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True, ticks=False)),
            y=alt.Y("sum(cost):Q", axis=_money_axis()),
            color=alt.Color("name:N", scale=_named(names, colours), legend=_legend(names)),
            order=alt.Order("place:Q"),
            tooltip=[
                alt.Tooltip("label:N", title="Month"),
                alt.Tooltip("name:N", title="Name"),
                alt.Tooltip("sum(cost):Q", title="Cost", format=",.2f"),
            ],
        )
    )
    draw(chart, what, _with_legend(280, names), rows=rows)


def band(rows: pd.DataFrame, first: date, last: date, what: str) -> None:
    """Draw day, cost as a line over the band low to high and the dashed line of what was expected; an anomaly's days as points.

    Days without a band have NaN there.
    """
    rows = rows.assign(date=pd.to_datetime([formats.as_date(day) for day in rows["day"]]))
    rows["odd"] = (rows["date"] >= pd.Timestamp(first)) & (rows["date"] <= pd.Timestamp(last))
    x = alt.X("date:T", title=None, axis=_days_axis(rows["day"]))
    base = _of("rows").encode(x=x)
    judged = base.transform_filter("isValid(datum.high)")
    # A young series is expected to be anything: its band leaves the picture, for the days that are told of not to be a flat line.
    top = 1.6 * float(rows[["cost", "expected"]].max().max())
    scale = alt.Scale(domainMax=top) if float(rows["high"].max()) > top > 0 else alt.Scale()
    shade = judged.mark_area(color=palette.BAND, opacity=0.35, interpolate="step", clip=True).encode(
        y=alt.Y("low:Q", title=None, axis=_money_axis(), scale=scale), y2="high:Q"
    )
    middle = judged.mark_line(color=palette.TOTAL, strokeDash=[4, 3], strokeWidth=1.6, interpolate="step").encode(
        y="expected:Q"
    )
    tips = [
        alt.Tooltip("date:T", title="Day", format="%-d %b %Y"),
        *(alt.Tooltip(f"{name}:Q", title=name.capitalize(), format=",.2f") for name in ("cost", "low", "high")),
    ]
    line = base.mark_line(color=palette.FALL, strokeWidth=2).encode(y="cost:Q", tooltip=tips)
    points = (
        base.transform_filter("datum.odd")
        .mark_point(filled=True, size=80, color=palette.RISE)
        .encode(y="cost:Q", tooltip=tips)
    )
    draw(shade + middle + line + points, what, 260, rows=rows)
