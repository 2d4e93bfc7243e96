"""The waterfall of one call as an Altair specification: who spoke, waited, was heard or cut off, on one time axis."""

from collections.abc import Sequence
from typing import Final

import altair as alt
import msgspec
import pyarrow as pa

from dashboard.audio import Peak
from dashboard.charts import LABELS, table
from dashboard.palette import LANES
from dashboard.queries.timeline import Piece

ROWS: Final = {
    "user speech": 0,
    "endpointing": 1,
    "wait": 1,
    "tool": 2,
    "generated": 3,
    "heard": 4,
    "interruption": 5,
    "error": 6,
    "gap": 6,
}
"""Lane -> row; lanes in one row follow one another and never overlap."""
NAMES: Final = ("User", "Wait", "Tools", "Generated", "Heard", "Cut in", "Errors")
MOMENTS: Final = ("interruption", "error", "gap")
LABELS_MAX: Final = 24
"""With more waits than this their figures would run into one another."""
ROW_HEIGHT: Final = 36


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """A piece and where it stands on the chart."""

    lane: str
    start_s: float
    end_s: float
    length_ms: float
    turn: str
    label: str
    top: float
    bottom: float


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """A moment of a wave, drawn around the middle of its row."""

    side: str
    at_s: float
    top: float
    bottom: float


def waterfall(
    pieces: Sequence[Piece], *, until_s: float, user: Sequence[Peak] = (), agent: Sequence[Peak] = ()
) -> alt.LayerChart:
    """The call from its opening on. The waves of both sides lie over the spans in which they spoke."""
    bars = table([_bar(piece) for piece in pieces])
    zoom = alt.selection_interval(bind="scales", encodings=["x"], zoom="wheel![event.shiftKey]")
    layers: list[alt.Chart] = [_spans(bars, until_s).add_params(zoom), *_moments(bars)]
    waves = [*_outlines("user", user, ROWS["user speech"]), *_outlines("agent", agent, ROWS["heard"])]
    if waves:
        layers.insert(1, _waves(table(waves)))
    waits = [piece for piece in pieces if piece.lane == "wait"]
    if waits and len(waits) <= LABELS_MAX:
        layers.append(_figures(table([_bar(piece) for piece in waits])))
    chart = alt.layer(*layers)
    assert isinstance(chart, alt.LayerChart)  # a facet comes only of faceted layers
    return chart.properties(height=ROW_HEIGHT * len(NAMES))


def _bar(piece: Piece) -> Bar:
    row = ROWS[piece.lane]
    return Bar(
        lane=piece.lane,
        start_s=piece.start_s,
        end_s=piece.end_s,
        length_ms=(piece.end_s - piece.start_s) * 1000,
        turn="" if piece.turn_index is None else str(piece.turn_index),
        label=piece.label,
        top=row - 0.36,
        bottom=row + 0.36,
    )


def _row(field: str) -> alt.Y:
    """The rows as an axis. Every layer names it in full: Vega-Lite merges the layers' axes, and gaps win."""
    return alt.Y(
        f"{field}:Q",
        title=None,
        scale=alt.Scale(domain=[len(NAMES) - 0.5, -0.5], nice=False, zero=False),
        axis=alt.Axis(
            values=list(range(len(NAMES))),
            labelExpr=f"{list(NAMES)}[datum.value]",
            labelOverlap=False,
            grid=False,
            ticks=False,
            domain=False,
            **LABELS,
        ),
    )


def _spans(bars: pa.Table, until_s: float) -> alt.Chart:
    shown = [lane for lane in LANES if lane in set(bars.column("lane").to_pylist())] if bars.num_rows else []
    chart: alt.Chart = (
        alt.Chart(bars)
        .mark_rect(opacity=0.55, cornerRadius=2)
        .encode(
            x=alt.X(
                "start_s:Q",
                title="seconds since the session opened",
                scale=alt.Scale(domain=[0, max(until_s, 1.0)], nice=False),
                axis=alt.Axis(grid=True, tickCount=12, **LABELS),
            ),
            x2="end_s:Q",
            y=_row("top"),
            y2="bottom:Q",
            color=alt.Color(
                "lane:N",
                scale=alt.Scale(domain=shown, range=[LANES[lane] for lane in shown]),
                legend=None,
            ),
            tooltip=[
                alt.Tooltip("lane:N", title="what"),
                alt.Tooltip("label:N", title="which"),
                alt.Tooltip("turn:N"),
                alt.Tooltip("start_s:Q", title="from (s)", format=".3f"),
                alt.Tooltip("end_s:Q", title="to (s)", format=".3f"),
                alt.Tooltip("length_ms:Q", title="length (ms)", format=",.0f"),
            ],
        )
    )
    return chart


def _moments(bars: pa.Table) -> list[alt.Chart]:
    """What may be shorter than a pixel gets a mark at its beginning."""
    found = [row for row in bars.to_pylist() if row["lane"] in MOMENTS]
    if not found:
        return []
    marks = (
        alt.Chart(pa.Table.from_pylist(found))
        .mark_point(filled=True, shape="diamond", size=70, opacity=1)
        .encode(
            x="start_s:Q",
            y=_row("middle"),
            color=alt.Color("lane:N"),
            tooltip=[alt.Tooltip("lane:N", title="what"), alt.Tooltip("label:N", title="which")],
        )
    )
    return [marks.transform_calculate(middle="(datum.top + datum.bottom) / 2")]


def _outlines(side: str, peaks: Sequence[Peak], row: int) -> list[Outline]:
    return [
        Outline(side=side, at_s=peak.at_s, top=row - 0.42 * peak.loudness**0.5, bottom=row + 0.42 * peak.loudness**0.5)
        for peak in peaks
    ]


def _waves(outlines: pa.Table) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(outlines)
        .mark_area(opacity=0.9, line=False)
        .encode(
            x="at_s:Q",
            y=_row("top"),
            y2="bottom:Q",
            detail="side:N",
            fill=alt.Fill(
                "side:N",
                scale=alt.Scale(domain=["user", "agent"], range=[LANES["user speech"], LANES["heard"]]),
                legend=None,
            ),
        )
    )
    return chart


def _figures(waits: pa.Table) -> alt.Chart:
    chart: alt.Chart = (
        alt.Chart(waits)
        .mark_text(align="left", dx=4, fontSize=11, color="#8C8C8C")
        .encode(x="end_s:Q", y=_row("middle"), text="words:N")
        .transform_calculate(middle="(datum.top + datum.bottom) / 2", words="format(datum.length_ms, ',.0f') + ' ms'")
    )
    return chart
