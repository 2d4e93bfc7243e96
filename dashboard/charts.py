"""The overview's charts as Altair specifications. Their data come from queries as they are."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import msgspec
import pyarrow as pa

from dashboard.palette import BASES, BLUE, GREEN, GREY, PERCENTILES
from dashboard.queries.latency import CohortLatency, LatencyBin, LatencyPoint
from dashboard.queries.overview import MoneyBucket

HUMAN_GAP_MS = 200
NATURAL_MS = (500, 800)
HEIGHT = 250
CLOCK = {
    "seconds": "%H:%M:%S",
    "minutes": "%H:%M",
    "hours": "%H:%M",
    "date": "%d %b",
    "week": "%d %b",
    "month": "%b %Y",
}
"""How a time reads on an axis, by what it is the beginning of."""
LABELS: dict[str, Any] = {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"}


def table(rows: Sequence[msgspec.Struct]) -> pa.Table:
    """The rows as an Arrow table, columns named like the fields."""
    return pa.Table.from_pylist([msgspec.structs.asdict(row) for row in rows])


def latency_over_time(points: Sequence[LatencyPoint], measure: str) -> alt.LayerChart:
    """Percentiles by stretch of time, over the bands that people find natural."""
    lines = (
        alt.Chart(table(points))
        .mark_line(point={"size": 28, "filled": True}, strokeWidth=2)
        .encode(
            x=_time("bucket"),
            y=alt.Y(
                "latency_ms:Q", title=f"{measure} latency (ms)", scale=alt.Scale(zero=True), axis=alt.Axis(**LABELS)
            ),
            color=_colours("percentile", PERCENTILES),
            tooltip=[
                alt.Tooltip("bucket:T", title="from (UTC)", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("percentile:N"),
                alt.Tooltip("latency_ms:Q", title="latency (ms)", format=",.0f"),
                alt.Tooltip("turns:Q", format=",", title="turns in it"),
            ],
        )
    )
    return _tidy(alt.layer(*_bands("y"), lines))


def latency_distribution(bins: Sequence[LatencyBin], cohort: CohortLatency, measure: str) -> alt.LayerChart:
    """How many turns had which latency, with the percentiles as lines."""
    bars = (
        alt.Chart(table(bins))
        .mark_bar(color=BLUE, opacity=0.85, binSpacing=1)
        .encode(
            x=alt.X(
                "from_ms:Q",
                bin="binned",
                title=f"{measure} latency (ms)",
                axis=alt.Axis(format=",d", grid=False, **LABELS),
            ),
            x2="to_ms:Q",
            y=alt.Y("turns:Q", title="turns", axis=alt.Axis(tickMinStep=1, format=",d", **LABELS)),
            tooltip=[
                alt.Tooltip("from_ms:Q", title="from (ms)", format=",.0f"),
                alt.Tooltip("to_ms:Q", title="to (ms)", format=",.0f"),
                alt.Tooltip("turns:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("slower:N", title="and all slower"),
            ],
        )
    )
    marks = {
        name: getattr(cohort, f"{measure}_{name}_ms")
        for name in PERCENTILES
        if getattr(cohort, f"{measure}_{name}_ms") is not None
    }
    return _tidy(alt.layer(*_bands("x"), bars, *_percentile_rules(marks)))


def money_over_time(buckets: Sequence[MoneyBucket]) -> alt.Chart:
    """Metered beside billed dollars by stretch of time."""
    chart: alt.Chart = (
        alt.Chart(table(buckets))
        .mark_rect(opacity=0.9)
        .encode(
            x=_time("bar_from"),
            x2="bar_to:T",
            y=alt.Y("usd:Q", title="US dollars", scale=alt.Scale(zero=True), axis=alt.Axis(format="$.3~f", **LABELS)),
            y2=alt.datum(0),
            color=_colours("basis", BASES),
            tooltip=[
                alt.Tooltip("bucket:T", title="from (UTC)", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("basis:N"),
                alt.Tooltip("usd:Q", title="US dollars", format="$,.4f"),
            ],
        )
        .properties(height=200)
    )
    return chart


def _time(field: str) -> alt.X:
    axis = alt.Axis(grid=False, labelOverlap=True, tickCount=6, format=CLOCK, **LABELS)
    return alt.X(f"{field}:T", title="time (UTC)", scale=alt.Scale(type="utc"), axis=axis)


def _colours(field: str, colours: Mapping[str, str]) -> alt.Color:
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=alt.Legend(orient="top", title=None, offset=2))


def _bands(axis: str) -> list[alt.Chart]:
    """The band in which agents feel natural, and the human gap as a line, across the given axis."""
    low, high = NATURAL_MS
    data = pa.Table.from_pylist([{"low": low, "high": high, "gap": HUMAN_GAP_MS}])
    band = alt.Chart(data).mark_rect(color=GREEN, opacity=0.12)
    gap = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 3])
    if axis == "y":
        return [band.encode(y="low:Q", y2="high:Q"), gap.encode(y="gap:Q")]
    return [band.encode(x="low:Q", x2="high:Q"), gap.encode(x="gap:Q")]


def _percentile_rules(marks: Mapping[str, float]) -> list[alt.Chart]:
    if not marks:
        return []
    data = pa.Table.from_pylist([{"name": name, "at": at} for name, at in marks.items()])
    rules = (
        alt.Chart(data)
        .mark_rule(strokeWidth=2)
        .encode(
            x="at:Q",
            color=_colours("name", {name: PERCENTILES[name] for name in marks}),
            tooltip=[alt.Tooltip("name:N", title="percentile"), alt.Tooltip("at:Q", title="ms", format=",.0f")],
        )
    )
    return [rules]


def _tidy(chart: alt.LayerChart | alt.FacetChart) -> alt.LayerChart:
    assert isinstance(chart, alt.LayerChart)  # a facet comes only of faceted layers
    found: alt.LayerChart = chart.properties(height=HEIGHT)
    return found
