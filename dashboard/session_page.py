"""One call: its figures, its waterfall, its sound, its talk, its money and its events."""

import streamlit as st

from dashboard import addresses
from dashboard import session_parts as parts
from dashboard import session_tables as tables
from dashboard.call_component import talk, waterfall
from dashboard.chosen_part import chosen_section
from dashboard.config_part import config_timeline
from dashboard.desk import Desk
from dashboard.downloads_part import downloads
from dashboard.events_part import events_section
from dashboard.explained_part import cost_arithmetic
from dashboard.frame import guarded, now, pipeline_note
from dashboard.queries import session as queries
from dashboard.settings import DashboardSettings


def link(session_id: str, label: str) -> None:
    """A link to a call's page."""
    addresses.link(addresses.SESSION, label, session=session_id)


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The page of the call that the address names."""
    session_id = st.query_params.get("session", "").strip()
    found = desk.ask(queries.session, session_id) if session_id else None
    if found is None:
        _not_found(session_id)
        return
    every = settings.refresh_seconds if found.status == "open" else None
    st.fragment(_top, run_every=every)(session_id, every is not None)
    st.fragment(_waterfall, run_every=every)(session_id)
    st.fragment(_details, run_every=every)(session_id)
    events_section(session_id)


def _not_found(session_id: str) -> None:
    if not session_id:
        st.info("Choose a call on the Sessions page to see it here.", icon=":material/list:")
        return
    st.warning(
        f"No call `{session_id}` is recorded here. A call that has just begun appears within about a second; reload "
        "the page. One that was recorded elsewhere is in that place's dataset.",
        icon=":material/search_off:",
    )


@guarded
def _top(desk: Desk, settings: DashboardSettings, session_id: str, running: bool) -> None:
    """Header and figures. Renews itself while the call runs, and the whole page when it has ended."""
    found = desk.ask(queries.session, session_id)
    if found is None or (running and found.status != "open"):
        st.rerun()
    if running:
        pipeline_note(desk.dataset.status(), settings, now())
    parts.header(found)
    parts.figures(found, desk.ask(queries.figures, session_id), desk.ask(queries.waits, session_id))


@guarded
def _waterfall(desk: Desk, settings: DashboardSettings, session_id: str) -> None:
    """The call on a time axis with its player, and below it how the chosen piece came about."""
    found = desk.ask(queries.session, session_id)
    if found is None:
        return
    chosen = waterfall(found)
    st.caption(
        "Drag to move, shift and wheel (or the bar below) to zoom, double click for the whole call. Click a piece to "
        "see its events and arithmetic, beside the pieces to hear the call from there. The keys work, too.",
        help="Waves: the user as the audio arrived at the ingest worker, the agent as it was played, and only as far "
        "as it was heard. Wait: light is endpointing, dark the wait on the wire.",
    )
    if chosen is not None:
        chosen_section(desk, settings.by_rules, found, chosen)


@guarded
def _details(desk: Desk, settings: DashboardSettings, session_id: str) -> None:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        st.markdown("**Transcript**", help="What was said stands where it was said. Click to hear it from there.")
        found = desk.ask(queries.session, session_id)
        if found is not None:
            talk(found)
    with right:
        turns, tools, money, trouble, setup, files = st.tabs(
            ["Turns", "Tools", "Cost", "Errors and gaps", "Configuration", "Download"]
        )
        with turns:
            tables.turn_table(desk.ask(queries.turns, session_id))
            tables.interruption_table(desk.ask(queries.interruptions, session_id))
        with tools:
            tables.tools(desk.ask(queries.tool_calls, session_id))
        with money:
            lines = desk.ask(queries.costs, session_id)
            line = tables.cost_tables(desk.ask(queries.costs_by_kind, session_id), lines)
            if line is not None and line.seq is not None and found is not None:
                cost_arithmetic(desk, settings.by_rules, found, seq=line.seq, of=line.kind)
        with trouble:
            tables.trouble(desk.ask(queries.errors, session_id), desk.ask(queries.gaps, session_id))
        with setup:
            config_timeline(desk.ask(queries.config_changes, session_id))
            if found is not None:
                tables.configuration(found)
        with files:
            downloads(session_id)
