"""Compare: any two cohorts of calls side by side, what differs between them, and how sure that is."""

from datetime import datetime

import streamlit as st

from dashboard import compare_charts, comparing, definitions, wording
from dashboard import compare_parts as parts
from dashboard.compare_parts import SIDE_B
from dashboard.desk import Desk
from dashboard.filters import bar, swap
from dashboard.frame import guarded, now, pipeline_note
from dashboard.queries import latency
from dashboard.queries.asking import Scope
from dashboard.queries.latency import Cohort, CohortLatency
from dashboard.scoped import RENEWED_EVERY, known_or_waiting
from dashboard.settings import DashboardSettings
from dashboard.window import BINS, Choice, bin_ms, scope

MEASURE = "perceived"


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """Two filter bars, and what differs as a fragment that renews itself."""
    known = known_or_waiting(desk, settings)
    if not known:
        return
    left, right = st.columns(2, gap="small")
    with left, st.container(border=True, key="side-a"):
        st.markdown("**A** · these calls")
        a = bar(known)
    with right, st.container(border=True, key="side-b"):
        st.markdown("**B** · against those")
        b = bar(known, side=SIDE_B)
    st.button("Swap A and B", icon=":material/swap_horiz:", on_click=swap, args=(SIDE_B,), key="swap")
    st.fragment(_figures, run_every=settings.refresh_seconds * RENEWED_EVERY)(a, b)


@guarded
def _figures(desk: Desk, settings: DashboardSettings, a: Choice, b: Choice) -> None:
    at: datetime = now()
    pipeline_note(desk.dataset.status(), settings, at)
    one, other = scope(a, at), scope(b, at)
    if one == other:
        st.info("A and B are the same calls. Choose another filter or time range on either side.")
    desk.begin(latency.cohorts, other)
    cohorts = {"A": desk.ask(latency.cohorts, one), "B": desk.ask(latency.cohorts, other)}
    cohort = _cohort([*cohorts["A"], *cohorts["B"]])
    found = comparing.both(desk, one, other, cohort)
    empty = [name for name, calls in (("A", found.a_calls), ("B", found.b_calls)) if not calls]
    if empty:
        st.warning(f"No calls on side {' and '.join(empty)}: choose a longer time range, or clear a filter.")
    chart = compare_charts.shares(found.differences, parts.TITLES)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        for difference in found.differences:
            parts.measure(difference)
    with right:
        if chart is not None:
            st.subheader("Differences", help=definitions.INTERVAL)
            st.altair_chart(chart, width="stretch", key="shares", alt="Each difference in percent of B")
        _distributions(desk, {"A": one, "B": other}, cohorts, cohort)
    parts.drawing_note(found.differences, found.shared)


def _cohort(cohorts: list[CohortLatency]) -> Cohort:
    """Which turns' latencies are compared; of sides without any, speech ended by a server VAD."""
    known = {wording.cohort(one.input_kind, one.speech_ended_by, one.latency_basis): one.cohort for one in cohorts}
    if not known:
        return Cohort(input_kind="speech", speech_ended_by="server_vad", latency_basis="append_clock")
    name = st.selectbox(
        "Latency of turns by input · end · basis", list(known), key="turns_by", bind="query-params", width=360,
        help="Of both sides the same turns: percentiles never mix turns whose latencies mean different things.",
    )  # fmt: skip
    return known[name]


def _distributions(
    desk: Desk, scopes: dict[str, Scope], cohorts: dict[str, list[CohortLatency]], cohort: Cohort
) -> None:
    slowest = [one.perceived_p99_ms for found in cohorts.values() for one in found if one.cohort == cohort]
    width = bin_ms(max((ms for ms in slowest if ms is not None), default=0.0))
    desk.begin(latency.distribution, scopes["B"], cohort, MEASURE, bin_ms=width, bins=BINS)
    bins = {
        side: desk.ask(latency.distribution, about, cohort, MEASURE, bin_ms=width, bins=BINS)
        for side, about in scopes.items()
    }
    if any(bins.values()):
        st.subheader("Perceived latency", help=definitions.PERCEIVED)
        st.altair_chart(
            compare_charts.distributions(bins), width="stretch", key="distributions",
            alt="What share of the turns of each side had which perceived latency",
        )  # fmt: skip
