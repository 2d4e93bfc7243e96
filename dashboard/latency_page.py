"""Latency: how long callers wait, what the wait is made of, who waits longest, and in which turns."""

import msgspec
import streamlit as st

from dashboard import addresses, definitions
from dashboard import latency_parts as parts
from dashboard.cards import Card, cards
from dashboard.desk import Desk
from dashboard.filters import HELP, TITLES, narrowing
from dashboard.frame import grid
from dashboard.overview_cards import Compared, same_cohort, wait_cards
from dashboard.queries import latency, overview, turns
from dashboard.queries.asking import Scope
from dashboard.queries.latency import CohortLatency
from dashboard.queries.turns import Stage
from dashboard.scoped import scoped
from dashboard.window import Choice, step_s
from dashboard.wording import milliseconds

STAGE_HELP = {
    "endpointing": definitions.ENDPOINTING,
    "model": definitions.MODEL,
    "tool": definitions.TOOL_WAIT,
    "after tool": definitions.AFTER_TOOL,
}


@scoped
def page(desk: Desk, about: Scope, choice: Choice) -> None:
    """The waits of the scope."""
    for stretch in about.with_before:
        desk.begin(latency.cohorts, stretch)
    desk.begin(turns.stages, about)
    desk.begin(latency.not_measured, about)
    cohorts = desk.ask(latency.cohorts, about)
    missing = desk.ask(latency.not_measured, about)
    if not cohorts:
        st.info("No turn of these calls has a latency.", icon=":material/timer_off:")
        parts.not_measured(missing)
        return
    measure, of = parts.chooser(cohorts)
    cards(_cards(desk, about, choice, of, measure), key="waits", columns=7)
    extent = desk.ask(overview.extent, about)
    picked = parts.charts(desk, about, of, measure, step_s(extent.first_at, extent.last_at))
    left, right = st.columns([3, 2], gap="medium")
    with left:
        titled = f"Turns from {picked.from_ms:,.0f} ms" if picked else "The slowest turns"
        if picked and not picked.slower:
            titled += f" to {picked.to_ms:,.0f} ms"
        st.subheader(titled, help="Click a bar of the distribution for its turns; choose a turn to open its call.")
        parts.turn_table(parts.slowest(desk, about, of, measure, picked), key="slowest")
    with right:
        _by_facet(desk, about, of, measure)
    st.subheader("All kinds of turns", help=definitions.PERCENTILES)
    parts.cohort_table(cohorts)
    parts.not_measured(missing)
    addresses.link(addresses.QUALITY, "What could not be measured, and why", icon=":material/fact_check:")


def _cards(desk: Desk, about: Scope, choice: Choice, of: CohortLatency, measure: str) -> list[Card]:
    before = about.before
    was = same_cohort(desk.ask(latency.cohorts, before), of) if before else None
    compared = Compared(now=None, before=None, cohort=of, cohort_before=was, choice=choice)
    waits = [msgspec.structs.replace(card, way=None) for card in wait_cards(compared, measure, ("p50", "p90", "p99"))]
    return [*waits, *(_stage(stage) for stage in desk.ask(turns.stages, about))]


def _stage(found: Stage) -> Card:
    return Card(
        label=f"{found.stage.capitalize()} p50",
        value=milliseconds(found.p50_ms),
        note=f"p90 {milliseconds(found.p90_ms)} · n {found.turns:,}",
        help=f"{STAGE_HELP[found.stage]} Of all kinds of turns that have it.",
    )


def _by_facet(desk: Desk, about: Scope, of: CohortLatency, measure: str) -> None:
    facet = st.selectbox(
        "Break down by", list(TITLES), format_func=TITLES.__getitem__, key="by", bind="query-params",
        help="Of the turns chosen above; choose a row to filter by it.",
    )  # fmt: skip
    found = desk.ask(latency.by_facet, about, of.cohort, measure, facet)
    number = st.column_config.NumberColumn
    grid(
        found,
        {
            "value": st.column_config.TextColumn(TITLES[facet].lower(), width="medium", help=HELP[facet]),
            "turns": number("turns", format="%,d", help=definitions.TURNS),
            "p50_ms": number("p50", format=parts.MS, help=definitions.PERCENTILES),
            "p90_ms": number("p90", format=parts.MS, help=definitions.PERCENTILES),
            "p99_ms": number("p99", format=parts.MS, help=definitions.PERCENTILES),
        },
        key="by-facet",
        on_select=narrowing("by-facet", facet, [one.value for one in found]),
        selection_mode="single-row",
    )
