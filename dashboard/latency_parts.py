"""What shows latency, on the overview and on its own page: the choice of turns, the charts, the turns behind them."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import streamlit as st

from dashboard import addresses, definitions, latency_charts, wording
from dashboard.desk import Desk
from dashboard.frame import NAME_PX, drawn, grid
from dashboard.queries import latency, turns
from dashboard.queries.asking import Scope
from dashboard.queries.latency import MEASURES, CohortLatency, LatencyBin, NotMeasured
from dashboard.queries.turns import TurnLine
from dashboard.window import BINS, bin_ms

MS = "%,.0f ms"
MEASURED: Final = {"perceived": definitions.PERCEIVED, "wire": definitions.WIRE}


def chooser(cohorts: Sequence[CohortLatency]) -> tuple[str, CohortLatency]:
    """Which measure, of which turns. Both live in the page's address."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium", key="of-which"):
        measure = st.segmented_control(
            "Measure", MEASURES, default="perceived", required=True, key="measure", bind="query-params",
            help="\n\n".join(f"**{name.capitalize()}**: {words}" for name, words in MEASURED.items()),
        )  # fmt: skip
        names = [wording.cohort(one.input_kind, one.speech_ended_by, one.latency_basis) for one in cohorts]
        name = st.selectbox(
            "Turns by input · end · basis", names, key="turns_by", bind="query-params", width=360,
            help="Percentiles never mix turns whose latencies mean different things.",
        )  # fmt: skip
    return measure, cohorts[names.index(name)]


def charts(desk: Desk, about: Scope, of: CohortLatency, measure: str, step: int) -> LatencyBin | None:
    """Over time and as a distribution, side by side. Gives the bar of the distribution that was clicked."""
    points = desk.ask(latency.over_time, about, of.cohort, measure, step)
    if not points:
        st.caption(f"No {measure} latency was measured for these turns; the Quality page says why.")
        return None
    width = bin_ms(getattr(of, f"{measure}_p99_ms") or 0.0)
    bins = desk.ask(latency.distribution, about, of.cohort, measure, bin_ms=width, bins=BINS)
    left, right = st.columns([3, 2], gap="medium")
    words = f"{MEASURED[measure]}\n\n{definitions.PERCENTILES} {definitions.BANDS}"
    with left:
        drawn(
            latency_charts.latency_over_time(points, measure), "Over time, by when the turn opened", words,
            key="latency-over-time", alt=f"The {measure} latency's p50, p90 and p99 over time",
        )  # fmt: skip
    with right:
        picked = drawn(
            latency_charts.latency_distribution(bins, of, measure), "How many turns had which latency", words,
            key="latency-bins", on_select="rerun", alt=f"How many turns had which {measure} latency",
        )  # fmt: skip
    low, high = latency_charts.NATURAL_MS
    st.caption(
        f"Green band: {low} to {high} ms, where agents begin to feel natural. Dashed: the "
        f"{latency_charts.HUMAN_GAP_MS} ms that people leave between turns. {definitions.OBSERVED}"
    )
    return _picked(picked, bins)


def _picked(state: Any, bins: Sequence[LatencyBin]) -> LatencyBin | None:
    """The bar that was clicked, if it is still one of those shown."""
    chosen = state.selection.get(latency_charts.BIN) or []
    return next((one for one in bins if chosen and one.from_ms == chosen[0]["from_ms"]), None)


def turn_table(found: Sequence[TurnLine], *, key: str) -> None:
    """Turns with the parts of their waits; choosing one opens its call."""
    number = st.column_config.NumberColumn
    picked = grid(
        found,
        {
            "opened_at": st.column_config.DatetimeColumn("opened (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "model": st.column_config.TextColumn("model", width=NAME_PX),
            "perceived_latency_ms": number("perceived", format=MS, help=definitions.PERCEIVED),
            "wire_latency_ms": number("wire", format=MS, help=definitions.WIRE),
            "endpointing_ms": number("endpointing", format=MS, help=definitions.ENDPOINTING),
            "model_latency_ms": number("model", format=MS, help=definitions.MODEL),
            "tool_wait_ms": number("tools", format=MS, help=definitions.TOOL_WAIT),
            "turn_index": number("turn", format="%d", width="small"),
            "session_id": st.column_config.TextColumn("session"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key=key,
    )
    if picked.selection.rows:
        chosen = found[picked.selection.rows[0]]
        addresses.open_turn(chosen.session_id, chosen.turn_index)


def cohort_table(cohorts: Sequence[CohortLatency]) -> None:
    """Every cohort with its sample sizes."""
    number = st.column_config.NumberColumn
    grid(
        [_cohort_line(cohort) for cohort in cohorts],
        {
            "turns_by": st.column_config.TextColumn("turns by input · end · basis", width="medium"),
            "perceived": number("perceived n", format="%,d", help="Turns that have one."),
            "perceived_p50_ms": number("p50", format=MS, help=definitions.PERCEIVED),
            "perceived_p90_ms": number("p90", format=MS, help=definitions.PERCENTILES),
            "perceived_p99_ms": number("p99", format=MS, help=definitions.PERCENTILES),
            "wire": number("wire n", format="%,d", help="Turns that have one."),
            "wire_p50_ms": number("wire p50", format=MS, help=definitions.WIRE),
            "wire_p90_ms": number("wire p90", format=MS, help=definitions.PERCENTILES),
            "wire_p99_ms": number("wire p99", format=MS, help=definitions.PERCENTILES),
        },
        key="cohorts",
    )


class _CohortLine(CohortLatency, frozen=True, kw_only=True):
    turns_by: str


def _cohort_line(found: CohortLatency) -> _CohortLine:
    turns_by = wording.cohort(found.input_kind, found.speech_ended_by, found.latency_basis)
    return _CohortLine(**msgspec.structs.asdict(found), turns_by=turns_by)


def not_measured(missing: Sequence[NotMeasured]) -> None:
    """How many turns have no latency, and why: no percentile may hide them."""
    for measure in MEASURES:
        found = [line for line in missing if line.measure == measure]
        if found:
            st.caption(f"{measure.capitalize()} not measured: {_reasons(found)}.")


def _reasons(missing: Sequence[NotMeasured]) -> str:
    return "; ".join(
        f"{wording.count(line.turns, f'{line.input_kind} turn')} because {wording.words(line.reason)}"
        for line in missing
    )


def slowest(desk: Desk, about: Scope, of: CohortLatency, measure: str, picked: LatencyBin | None) -> list[TurnLine]:
    """The slowest turns, or those of the bar that was clicked."""
    if picked is None:
        return desk.ask(turns.slowest, about, of.cohort, measure)
    to_ms = None if picked.slower else picked.to_ms
    return desk.ask(turns.slowest, about, of.cohort, measure, from_ms=picked.from_ms, to_ms=to_ms)
