"""The charts of money as Altair specifications. Their data come from queries as they are."""

from collections.abc import Sequence

import altair as alt
import pyarrow as pa

from dashboard.bill import PartLine
from dashboard.charts import LABELS, colours_by, table, time_axis
from dashboard.palette import BASES
from dashboard.queries.overview import MoneyBucket

AROUND = 70
"""Pixels for legend and axis."""
PART_STEP = 24
"""Pixels for a part of the bill: two thin bars and the name of it."""


def money_over_time(buckets: Sequence[MoneyBucket]) -> alt.Chart:
    """Metered beside billed dollars by stretch of time."""
    chart: alt.Chart = (
        alt.Chart(table(buckets))
        .mark_rect(opacity=0.9)
        .encode(
            x=time_axis("bar_from"),
            x2=alt.X2("bar_to:T"),
            y=alt.Y("usd:Q", title="US dollars", scale=alt.Scale(zero=True), axis=alt.Axis(format="$.3~f", **LABELS)),
            y2=alt.datum(0),
            color=colours_by("basis", BASES),
            tooltip=[
                alt.Tooltip("bucket:T", title="from (UTC)", format="%Y-%m-%d %H:%M"),
                alt.Tooltip("basis:N"),
                alt.Tooltip("usd:Q", title="US dollars", format="$,.4f"),
            ],
        )
        .properties(height=200)
    )
    return chart


def money_by_part(lines: Sequence[PartLine]) -> alt.Chart:
    """What the money went for, metered beside billed."""
    rows = [
        {"part": line.name, "basis": basis, "usd": usd, "share": share}
        for line in lines
        for basis, usd, share in (
            ("metered", line.metered_usd, line.metered_share),
            ("billed", line.billed_usd, line.billed_share),
        )
        if usd is not None
    ]
    chart: alt.Chart = (
        alt.Chart(pa.Table.from_pylist(rows))
        .mark_bar(opacity=0.9)
        .encode(
            y=alt.Y("part:N", title=None, sort=[line.name for line in lines], axis=alt.Axis(labelLimit=130, **LABELS)),
            yOffset=alt.YOffset("basis:N", sort=list(BASES)),
            x=alt.X("usd:Q", title="US dollars", axis=alt.Axis(format="$.3~f", tickCount=5, **LABELS)),
            color=colours_by("basis", BASES),
            tooltip=[
                alt.Tooltip("part:N", title="for"),
                alt.Tooltip("basis:N"),
                alt.Tooltip("usd:Q", title="US dollars", format="$,.4f"),
                alt.Tooltip("share:Q", title="of the basis", format=".1%"),
            ],
        )
        .properties(height=AROUND + PART_STEP * len(lines))
    )
    return chart
