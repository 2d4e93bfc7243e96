"""How all charts look: axes, labels, legends, and rows as what Altair reads. Colours are `dashboard.palette`'s."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import msgspec
import pyarrow as pa

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
LABELS: dict[str, Any] = {
    "labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal", "labelPadding": 6, "titlePadding": 8,
}  # fmt: skip
LEGEND_COLUMNS = 3
"""Names beside one another: more are cut off on a telephone, as a legend does not fold by itself."""


def table(rows: Sequence[msgspec.Struct]) -> pa.Table:
    """The rows as an Arrow table, columns named like the fields."""
    return pa.Table.from_pylist([msgspec.structs.asdict(row) for row in rows])


def time_axis(field: str) -> alt.X:
    """UTC along the bottom."""
    axis = alt.Axis(grid=False, labelOverlap=True, tickCount=6, format=CLOCK, **LABELS)
    return alt.X(f"{field}:T", title="time (UTC)", scale=alt.Scale(type="utc"), axis=axis)


def colours_by(field: str, colours: Mapping[str, str]) -> alt.Color:
    """One colour for each name, with a legend on top."""
    # Streamlit's own legend has more around it than in it, of the height that the chart is given.
    legend = alt.Legend(orient="top", title=None, titlePadding=0, offset=6, padding=0, columns=LEGEND_COLUMNS)
    scale = alt.Scale(domain=list(colours), range=list(colours.values()))
    return alt.Color(f"{field}:N", scale=scale, legend=legend)


def tidy(chart: alt.LayerChart | alt.FacetChart, *, height: int = HEIGHT) -> alt.LayerChart:
    """The layers at the height that charts have, or at one of their own."""
    assert isinstance(chart, alt.LayerChart)  # a facet comes only of faceted layers
    found: alt.LayerChart = chart.properties(height=height)
    return found
