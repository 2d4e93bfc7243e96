"""The list of calls: search, sort, and one click to the page of one."""

import streamlit as st

from dashboard import definitions, wording
from dashboard.desk import Desk
from dashboard.frame import grid, guarded, no_calls_yet, now, pipeline_note
from dashboard.queries import overview, sessions
from dashboard.queries.sessions import SessionLine
from dashboard.session_page import address
from dashboard.settings import DashboardSettings
from dashboard.window import RANGES, scope

PAGE_SIZE = 50


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The filters, and the list as a fragment that renews itself."""
    known = desk.ask(overview.models)
    if not known:
        pipeline_note(desk.dataset.status(), settings, now())
        no_calls_yet(settings)
        return
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = st.segmented_control(
            "Time range", list(RANGES), default="all", required=True, key="range", bind="query-params"
        )
        models = st.multiselect("Models", known, key="model", bind="query-params", placeholder="all models", width=260)
        search = st.text_input(
            "Search", key="search", bind="query-params", width=300, placeholder="id, words that were said, tool, error",
        )  # fmt: skip
    st.fragment(_list, run_every=settings.refresh_seconds)(chosen, tuple(models), search)


@guarded
def _list(desk: Desk, _settings: DashboardSettings, chosen: str, models: tuple[str, ...], search: str) -> None:
    about = scope(chosen, models, now())
    found = desk.ask(sessions.count, about, search=search)
    if not found:
        st.info("No call matches. Choose a longer time range, or search for less.", icon=":material/search_off:")
        return
    pages = -(-found // PAGE_SIZE)
    shown = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    lines = desk.ask(sessions.recent, about, search=search, page_size=PAGE_SIZE, skip=(shown - 1) * PAGE_SIZE)
    st.caption(f"{wording.count(found, 'call')}, those in progress first, then the newest. Choose one to open it.")
    _table(lines)


def _table(lines: list[SessionLine]) -> None:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    picked = grid(
        lines,
        {
            "status": text("status", width="small"),
            "opened_at": st.column_config.DatetimeColumn("opened (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "model": text("model", width="small"),
            "duration_s": number("length", format="%,.0f s"),
            "turns": number("turns", format="%,d", help=definitions.TURNS),
            "longest_perceived_ms": number("longest perceived", format="%,.0f ms", help=definitions.PERCEIVED),
            "longest_wire_ms": number("longest wire", format="%,.0f ms", help=definitions.WIRE),
            "interruptions": number("cut in", format="%,d", help="Interruptions of all classes."),
            "tool_calls": number("tools", format="%,d"),
            "errors": number("errors", format="%,d", help=definitions.ERRORS),
            "metered_usd": number("metered", format="$%,.4f", help=definitions.METERED),
            "billed_usd": number("billed", format="$%,.4f", help=definitions.BILLED),
            "unpriced": number("unpriced", format="%,d", help=definitions.UNPRICED),
            "log": text("log", help=definitions.COMPLETE, width="small"),
            "session_id": text("session"),
        },
        on_select="rerun", selection_mode="single-row", placeholder=wording.UNKNOWN, key="sessions",
    )  # fmt: skip
    if picked.selection.rows:
        st.switch_page(address(), query_params={"session": lines[picked.selection.rows[0]].session_id})
