"""The overview: how the calls of a time range went, against the stretch before, and those in progress."""

import streamlit as st

from dashboard import definitions, live
from dashboard import latency_parts as waits
from dashboard import overview_parts as parts
from dashboard.cards import cards
from dashboard.desk import Desk
from dashboard.frame import now
from dashboard.live_page import standing_now
from dashboard.overview_cards import Compared, overview_cards, same_cohort
from dashboard.queries import latency, overview
from dashboard.queries.asking import Scope
from dashboard.queries.latency import CohortLatency
from dashboard.scoped import scoped
from dashboard.window import Choice, step_s


@scoped
def page(desk: Desk, about: Scope, choice: Choice) -> None:
    """The figures of the scope."""
    for stretch in about.with_before:
        desk.begin(overview.headline, stretch)
        desk.begin(latency.cohorts, stretch)
    for query in (overview.money_by_model, overview.interruptions, overview.errors, overview.incomplete):
        desk.begin(query, about)
    parts.live_calls([one for one in standing_now(desk, now(), about.facets).calls if one.state.name != live.QUIET])
    cohorts = desk.ask(latency.cohorts, about)
    cards(overview_cards(_compared(desk, about, choice, cohorts)), key="figures")
    extent = desk.ask(overview.extent, about)
    step = step_s(extent.first_at, extent.last_at)
    st.subheader("Latency", help=f"{definitions.PERCENTILES} {definitions.BANDS}")
    if cohorts:
        measure, of = waits.chooser(cohorts)
        waits.charts(desk, about, of, measure, step)
    else:
        st.caption("No turn has been measured yet; the Quality page says why.")
    left, right = st.columns(2, gap="medium")
    with left:
        parts.interruption_section(desk.ask(overview.interruptions, about))
        parts.trouble_section(desk.ask(overview.errors, about), desk.ask(overview.incomplete, about))
    with right:
        # A minute is the finest that money is spread over.
        over_time = desk.ask(overview.money_over_time, about, max(step, 60))
        parts.money_section(over_time, desk.ask(overview.money_by_model, about))


def _compared(desk: Desk, about: Scope, choice: Choice, cohorts: list[CohortLatency]) -> Compared:
    before = about.before
    first = cohorts[0] if cohorts else None
    return Compared(
        now=desk.ask(overview.headline, about),
        before=desk.ask(overview.headline, before) if before else None,
        cohort=first,
        cohort_before=same_cohort(desk.ask(latency.cohorts, before), first) if before else None,
        choice=choice,
    )
