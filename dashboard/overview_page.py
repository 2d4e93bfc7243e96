"""The overview: how the calls of a time range went, and those in progress."""

import streamlit as st

from dashboard import definitions, wording
from dashboard import overview_parts as parts
from dashboard.desk import Desk
from dashboard.frame import guarded, no_calls_yet, now, pipeline_note
from dashboard.queries import latency, overview, sessions
from dashboard.queries.asking import Scope
from dashboard.queries.latency import CohortLatency
from dashboard.settings import DashboardSettings
from dashboard.window import BINS, DEFAULT_RANGE, RANGES, bin_ms, scope, step_s

MEASURES = ("perceived", "wire")
CHARTS_EVERY = 3
"""Charts are renewed this many times less often than the calls in progress: they change slowly and cost more."""


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The whole page. What runs by itself from time to time are its two fragments."""
    known = desk.ask(overview.models)
    if not known:
        st.fragment(_waiting, run_every=settings.refresh_seconds)()
        return
    chosen, models = _filters(known)
    st.fragment(_live, run_every=settings.refresh_seconds)()
    st.fragment(_figures, run_every=settings.refresh_seconds * CHARTS_EVERY)(chosen, models)


def _filters(known: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """Time range and models; both live in the page's address."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.segmented_control(
            "Time range", list(RANGES), default=DEFAULT_RANGE, required=True, key="range", bind="query-params"
        )
        models = st.multiselect("Models", known, key="model", bind="query-params", placeholder="all models", width=320)
    return chosen, tuple(models)


@guarded
def _waiting(desk: Desk, settings: DashboardSettings) -> None:
    """Until the first call is there; then the page is made anew."""
    if desk.ask(overview.models):
        st.rerun()
    pipeline_note(desk.dataset.status(), settings, now())
    no_calls_yet(settings)


@guarded
def _live(desk: Desk, settings: DashboardSettings) -> None:
    at = now()
    pipeline_note(desk.dataset.status(), settings, at)
    parts.live_calls(desk.fresh(sessions.live, at))


@guarded
def _figures(desk: Desk, _settings: DashboardSettings, chosen: str, models: tuple[str, ...]) -> None:
    about = scope(chosen, models, now())
    head = desk.ask(overview.headline, about)
    if not head.sessions:
        st.info(
            "No calls in this time range. Choose a longer one above"
            + (", or another model." if models else "; there are calls outside of it."),
            icon=":material/search_off:",
        )
        return
    extent = desk.ask(overview.extent, about)
    step = step_s(extent.first_at, extent.last_at)
    cohorts = desk.ask(latency.cohorts, about)
    parts.figures(head, cohorts)
    _latency(desk, about, cohorts, step)
    left, right = st.columns(2, gap="medium")
    with left:
        parts.interruption_section(desk.ask(overview.interruptions, about))
        parts.quality_section(desk.ask(overview.errors, about), desk.ask(overview.incomplete, about))
    with right:
        # A minute is the finest that money is spread over.
        over_time = desk.ask(overview.money_over_time, about, max(step, 60))
        parts.money_section(over_time, desk.ask(overview.money_by_model, about))


def _latency(desk: Desk, about: Scope, cohorts: list[CohortLatency], step: int) -> None:
    st.subheader("Latency", help=f"{definitions.PERCENTILES} {definitions.BANDS}")
    missing = desk.ask(latency.not_measured, about)
    if not cohorts:
        st.caption("No turn has been measured yet.")
        parts.cohort_table(cohorts, missing)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        measure = st.segmented_control(
            "Measure", MEASURES, default="perceived", required=True, key="measure", bind="query-params",
            help=f"**Perceived**: {definitions.PERCEIVED}\n\n**Wire**: {definitions.WIRE}",
        )  # fmt: skip
        names = [wording.cohort(one.input_kind, one.speech_ended_by, one.latency_basis) for one in cohorts]
        name = st.selectbox("Turns by input · end · basis", names, key="turns_by", bind="query-params", width=360)
    of = cohorts[names.index(name)]
    points = desk.ask(latency.over_time, about, of.cohort, measure, step)
    if points:
        width = bin_ms(of.perceived_p99_ms or of.wire_p99_ms or 0.0)
        bins = desk.ask(latency.distribution, about, of.cohort, measure, bin_ms=width, bins=BINS)
        parts.latency_charts(points, bins, of, measure)
    else:
        st.caption(f"No {measure} latency was measured for these turns; the reasons are below.")
    parts.cohort_table(cohorts, missing)
