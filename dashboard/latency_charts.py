"""The charts of latency as Altair specifications. Their data come from queries as they are."""

from collections.abc import Mapping, Sequence

import altair as alt
import pyarrow as pa

from dashboard.charts import LABELS, colours_by, table, tidy, time_axis
from dashboard.palette import BLUE, GREEN, GREY, PERCENTILES
from dashboard.queries.latency import CohortLatency, LatencyBin, LatencyPoint

HUMAN_GAP_MS = 200
NATURAL_MS = (500, 800)
BIN = "bin"
"""The name under which the bar that was clicked comes back."""


def latency_over_time(points: Sequence[LatencyPoint], measure: str) -> alt.LayerChart:
    """Percentiles by stretch of time, over the bands that people find natural."""
    lines = (
        alt.Chart(table(points))
        .mark_line(point={"size": 28, "filled": True}, strokeWidth=2)
        .encode(
            x=time_axis("bucket"),
            y=alt.Y(
                "latency_ms:Q", title=f"{measure} latency (ms)", scale=alt.Scale(zero=True), axis=alt.Axis(**LABELS)
            ),
            color=colours_by("percentile", PERCENTILES),
            tooltip=[
                alt.Tooltip("bucket:T", title="from (UTC)", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("percentile:N"),
                alt.Tooltip("latency_ms:Q", title="latency (ms)", format=",.0f"),
                alt.Tooltip("turns:Q", format=",", title="turns in it"),
            ],
        )
    )
    return tidy(alt.layer(*_bands("y"), lines))


def latency_distribution(bins: Sequence[LatencyBin], cohort: CohortLatency, measure: str) -> alt.LayerChart:
    """How many turns had which latency, with the percentiles as lines."""
    clicked = alt.selection_point(name=BIN, fields=["from_ms", "to_ms", "slower"])
    bars = (
        alt.Chart(table(bins))
        .mark_bar(color=BLUE, binSpacing=1, cursor="pointer")
        .add_params(clicked)
        .encode(
            opacity=alt.when(clicked).then(alt.value(0.9)).otherwise(alt.value(0.4)),
            x=alt.X(
                "from_ms:Q",
                bin="binned",
                title=f"{measure} latency (ms)",
                axis=alt.Axis(format=",d", grid=False, **LABELS),
            ),
            x2=alt.X2("to_ms:Q"),
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
    return tidy(alt.layer(*_bands("x"), bars, *_percentile_rules(marks)))


def _bands(axis: str) -> list[alt.Chart]:
    """The band in which agents feel natural, and the human gap as a line, across the given axis."""
    low, high = NATURAL_MS
    data = pa.Table.from_pylist([{"low": low, "high": high, "gap": HUMAN_GAP_MS}])
    band = alt.Chart(data).mark_rect(color=GREEN, opacity=0.12)
    gap = alt.Chart(data).mark_rule(color=GREY, strokeDash=[4, 3])
    if axis == "y":
        return [band.encode(y=alt.Y("low:Q"), y2=alt.Y2("high:Q")), gap.encode(y=alt.Y("gap:Q"))]
    return [band.encode(x=alt.X("low:Q"), x2=alt.X2("high:Q")), gap.encode(x=alt.X("gap:Q"))]


def _percentile_rules(marks: Mapping[str, float]) -> list[alt.Chart]:
    if not marks:
        return []
    data = pa.Table.from_pylist([{"name": name, "at": at} for name, at in marks.items()])
    rules = (
        alt.Chart(data)
        .mark_rule(strokeWidth=2)
        .encode(
            x=alt.X("at:Q"),
            color=colours_by("name", {name: PERCENTILES[name] for name in marks}),
            tooltip=[alt.Tooltip("name:N", title="percentile"), alt.Tooltip("at:Q", title="ms", format=",.0f")],
        )
    )
    return [rules]
