"""The charts of interruptions and tools as Altair specifications. Their data come from queries as they are."""

from collections.abc import Sequence

import altair as alt

from dashboard.charts import HEIGHT, LABELS, colours_by, table, time_axis
from dashboard.palette import CLASSES, PERCENTILES, SKY
from dashboard.queries.interruptions import ClassCount, YieldBin
from dashboard.queries.tools import ToolPoint


def classes_over_time(counts: Sequence[ClassCount]) -> alt.Chart:
    """How many interruptions of each class, stacked, by stretch of time."""
    chart: alt.Chart = (
        alt.Chart(table(counts))
        .mark_bar()
        .encode(
            x=time_axis("bucket"),
            y=alt.Y("count:Q", title="interruptions", axis=alt.Axis(tickMinStep=1, format=",d", **LABELS)),
            color=colours_by("name", CLASSES),
            tooltip=[
                alt.Tooltip("bucket:T", title="from (UTC)", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("name:N", title="class"),
                alt.Tooltip("count:Q", format=","),
            ],
        )
        .properties(height=HEIGHT)
    )
    return chart


def yield_distribution(bins: Sequence[YieldBin]) -> alt.Chart:
    """How long the agent went on talking over the user before it yielded."""
    chart: alt.Chart = (
        alt.Chart(table(bins))
        .mark_bar(color=SKY, binSpacing=1)
        .encode(
            x=alt.X(
                "from_ms:Q", bin="binned", title="time to yield (ms)", scale=alt.Scale(domainMin=0),
                axis=alt.Axis(format=",d", grid=False, **LABELS),
            ),
            x2=alt.X2("to_ms:Q"),
            y=alt.Y("count:Q", title="interruptions", axis=alt.Axis(tickMinStep=1, format=",d", **LABELS)),
            tooltip=[
                alt.Tooltip("from_ms:Q", title="from (ms)", format=",.0f"),
                alt.Tooltip("to_ms:Q", title="to (ms)", format=",.0f"),
                alt.Tooltip("count:Q", format=","),
            ],
        )
        .properties(height=HEIGHT)
    )  # fmt: skip
    return chart


def tool_wait(points: Sequence[ToolPoint]) -> alt.Chart:
    """How long callers waited for tools, by stretch of time."""
    chart: alt.Chart = (
        alt.Chart(table(points))
        .mark_line(point={"size": 28, "filled": True}, strokeWidth=2)
        .encode(
            x=time_axis("bucket"),
            y=alt.Y("wait_ms:Q", title="wait for the tool (ms)", axis=alt.Axis(format=",d", **LABELS)),
            color=colours_by("percentile", {name: PERCENTILES[name] for name in ("p50", "p90")}),
            tooltip=[
                alt.Tooltip("bucket:T", title="from (UTC)", format="%Y-%m-%d %H:%M:%S"),
                alt.Tooltip("percentile:N"),
                alt.Tooltip("wait_ms:Q", title="wait (ms)", format=",.0f"),
                alt.Tooltip("calls:Q", format=",", title="calls in it"),
            ],
        )
        .properties(height=HEIGHT)
    )
    return chart
