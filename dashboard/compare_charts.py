"""The charts of a comparison as Altair specifications."""

from collections.abc import Mapping, Sequence

import altair as alt
import pyarrow as pa

from dashboard.charts import LABELS, colours_by, tidy
from dashboard.comparing import Difference
from dashboard.palette import BLUE, GREY, ORANGE, SIDES
from dashboard.queries.latency import LatencyBin

VERDICTS = {"less": BLUE, "no difference": GREY, "more": ORANGE}
ROW = 30
AROUND = 80
"""Pixels for one measure, and for the legend and the axis."""


def shares(found: Sequence[Difference], titles: Mapping[str, str]) -> alt.LayerChart | None:
    """Each difference with its interval, in percent of B; None where there is none to show."""
    rows = [
        {"measure": titles[one.measure], "verdict": one.verdict, "share": share[0], "low": share[1], "high": share[2]}
        for one in found
        if (share := one.share) is not None
    ]
    if not rows:
        return None
    base = alt.Chart(pa.Table.from_pylist(rows)).encode(
        y=alt.Y("measure:N", title=None, sort=list(titles.values()), axis=alt.Axis(labelLimit=150, **LABELS)),
        color=colours_by("verdict", VERDICTS),
        tooltip=[
            alt.Tooltip("measure:N"),
            alt.Tooltip("share:Q", title="A against B, %", format="+.1f"),
            alt.Tooltip("low:Q", title="from, %", format="+.1f"),
            alt.Tooltip("high:Q", title="to, %", format="+.1f"),
        ],
    )
    along = alt.X("low:Q", title="A against B, in % of B", axis=alt.Axis(format="+.0f", **LABELS))
    line = base.mark_rule(strokeWidth=3).encode(x=along, x2=alt.X2("high:Q"))
    point = base.mark_point(filled=True, size=80).encode(x=alt.X("share:Q"))
    zero = (
        alt.Chart(pa.Table.from_pylist([{"at": 0.0}])).mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=alt.X("at:Q"))
    )
    return tidy(alt.layer(zero, line, point), height=AROUND + ROW * len(rows))


def distributions(sides: Mapping[str, Sequence[LatencyBin]]) -> alt.LayerChart:
    """What share of the turns of each side had which perceived latency."""
    rows = [
        {"side": side, "from_ms": one.from_ms, "to_ms": one.to_ms, "share": one.share, "turns": one.turns}
        for side, bins in sides.items()
        for one in bins
    ]
    bars = (
        alt.Chart(pa.Table.from_pylist(rows))
        .mark_bar(opacity=0.5, binSpacing=1)
        .encode(
            x=alt.X(
                "from_ms:Q", bin="binned", title="perceived latency (ms)",
                axis=alt.Axis(format=",d", grid=False, **LABELS),
            ),
            x2=alt.X2("to_ms:Q"),
            y=alt.Y("share:Q", title="of the turns", stack=None, axis=alt.Axis(format=".0%", **LABELS)),
            color=colours_by("side", SIDES),
            tooltip=[
                alt.Tooltip("side:N"),
                alt.Tooltip("from_ms:Q", title="from (ms)", format=",.0f"),
                alt.Tooltip("to_ms:Q", title="to (ms)", format=",.0f"),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("turns:Q", format=","),
            ],
        )
    )  # fmt: skip
    return tidy(alt.layer(bars))
