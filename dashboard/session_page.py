"""One call: its figures, its waterfall, its sound, its talk, its money and its events."""

from typing import Literal

import streamlit as st
from streamlit.navigation.page import Page

from dashboard import session_parts as parts
from dashboard import session_tables as tables
from dashboard import sound, wording
from dashboard.desk import Desk
from dashboard.events_part import events_section
from dashboard.frame import guarded, now, pipeline_note
from dashboard.queries import session as queries
from dashboard.queries import timeline
from dashboard.settings import DashboardSettings
from dashboard.waterfall import waterfall
from pipeline.domain import facts


def address() -> Page:
    """Where the page is; `?session=` names the call. It stands in the navigation while a call is open on it."""
    shown: Literal["visible", "hidden"] = "visible" if st.query_params.get("session") else "hidden"
    return st.Page(page, title="Session", icon=":material/graphic_eq:", url_path="session", visibility=shown)


def link(session_id: str, label: str) -> None:
    """A link to a call's page."""
    st.page_link(address(), label=label, query_params={"session": session_id})


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The page of the call that the address names."""
    session_id = st.query_params.get("session", "").strip()
    found = desk.ask(queries.session, session_id) if session_id else None
    if found is None:
        _not_found(session_id)
        return
    running = found.status == "open"
    every = settings.refresh_seconds if running else None
    st.fragment(_top, run_every=every)(session_id, running)
    _sound(desk, found)
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
    """Header, figures and waterfall. Renews itself while the call runs, and the whole page when it has ended."""
    found = desk.ask(queries.session, session_id)
    if found is None or (running and found.status != "open"):
        st.rerun()
    if running:
        pipeline_note(desk.dataset.status(), settings, now())
    parts.header(found)
    parts.figures(found, desk.ask(queries.figures, session_id), desk.ask(queries.waits, session_id))
    pieces = desk.ask(timeline.pieces, session_id)
    if not pieces:
        st.info("Nothing has been said yet; the first turn appears here.", icon=":material/hourglass_empty:")
        return
    waves = sound.Outlines() if running else sound.outlines(desk, found)
    chart = waterfall(pieces, until_s=found.duration_ms / 1000, user=waves.user, agent=waves.agent)
    st.altair_chart(chart, width="stretch", key="waterfall", alt="Who spoke, waited, was heard or cut off, and when")
    st.caption(
        "Wait: light is endpointing, orange the wait on the wire with its length. Drag to move, shift and wheel to "
        "zoom, double click to see the whole call again."
    )


def _sound(desk: Desk, found: facts.Session) -> None:
    """Players for both sides. While a call runs its sound is made when asked for: it would change every second."""
    if found.status == "open" and not st.button("Listen to the call so far", icon=":material/volume_up:"):
        return
    spans = sound.pieces(found)
    names = [f"{wording.duration(begin)} to {wording.duration(end)}" for begin, end in spans]
    name = names[0]
    if len(names) > 1:
        name = st.segmented_control("Part of the call", names, default=name, required=True, key="part")
    made = sound.sound(desk, found, names.index(name))
    if made is None:
        st.caption("No audio was recorded in this call.")
        return
    parts.players(made, file_name=f"{found.session_id}.wav")


@guarded
def _details(desk: Desk, _settings: DashboardSettings, session_id: str) -> None:
    left, right = st.columns([2, 3], gap="medium")
    with left:
        parts.transcript(desk.ask(timeline.talk, session_id))
    with right:
        turns, tools, money, trouble, setup = st.tabs(["Turns", "Tools", "Cost", "Errors and gaps", "Configuration"])
        with turns:
            tables.turn_table(desk.ask(queries.turns, session_id))
            tables.interruption_table(desk.ask(queries.interruptions, session_id))
        with tools:
            tables.tools(desk.ask(queries.tool_calls, session_id))
        with money:
            tables.cost_tables(desk.ask(queries.costs_by_kind, session_id), desk.ask(queries.costs, session_id))
        with trouble:
            tables.trouble(desk.ask(queries.errors, session_id), desk.ask(queries.gaps, session_id))
        with setup:
            found = desk.ask(queries.session, session_id)
            if found is not None:
                tables.configuration(found)
