"""The list of calls: search, sort, and one click to the page of one."""

from collections.abc import Callable, Sequence
from functools import partial

import pyarrow as pa
import streamlit as st

from dashboard import addresses, answers, definitions, wording
from dashboard.desk import Desk
from dashboard.filters import bar
from dashboard.frame import NAME_PX, grid, guarded, now
from dashboard.queries import sessions
from dashboard.queries.sessions import Found, SessionLine
from dashboard.scoped import known_or_waiting
from dashboard.settings import DashboardSettings
from dashboard.window import Choice, scope

PAGE_SIZE = 50
CORNER = "status"
"""The first column."""
BY_KEYS = "sessions-by-keys"
KEYS = "By the keyboard: Tab leads into the table, arrows lead about in it, shift and space open the call of the row."
EXPORT_MAX = 100_000
"""Calls in one file: some 25 MB of CSV, made in a second or two."""


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The filters, and the list as a fragment that renews itself."""
    known = known_or_waiting(desk, settings)
    if not known:
        return
    choice = bar(known)
    # Above the list: with each run of the script a download's address becomes another, and the list runs each second.
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        found = _asked_for()
        _downloads(desk, choice, found)
    st.fragment(_list, run_every=settings.refresh_seconds)(choice, found)


def _asked_for() -> Found:
    """What stands in the search bar, which lives in the address."""
    search = st.text_input(
        "Search", key="search", bind="query-params", width=300, placeholder="id, words that were said, tool, error",
        help="Calls in which it occurs: in an id, a transcript, a tool's name, an error. Capitals don't matter.",
    )  # fmt: skip
    having = st.multiselect(
        "Only calls with", list(sessions.WITH), key="with", bind="query-params", placeholder="anything", width=300,
        help="Calls that have all of what is chosen.",
    )  # fmt: skip
    order = st.selectbox(
        "Sort by", list(sessions.ORDERS), key="sort", bind="query-params", width=170,
        help="All calls that match are sorted, not only those shown.",
    )  # fmt: skip
    up = st.toggle("Smallest first", key="up", bind="query-params", help="For `opened`: the oldest first.")
    return Found(search=search, having=tuple(having), order=order, up=up)


@guarded
def _list(desk: Desk, _settings: DashboardSettings, choice: Choice, found: Found) -> None:
    about = scope(choice, now())

    def lines_of(page: int) -> list[SessionLine]:
        skip = (page - 1) * PAGE_SIZE
        return desk.ask(sessions.recent, about, found=found, page_size=PAGE_SIZE, skip=skip)

    # How many there are comes with the lines: to count them alone would be the same search once more.
    guess = int(st.session_state.get("page") or 1)
    lines = lines_of(guess) or lines_of(1)
    if not lines:
        st.info(
            f"No call matches ({choice.words}). Choose a longer time range, or search for less.",
            icon=":material/search_off:",
        )
        return
    count = lines[0].of
    how = "Shift and space open the one that you are at." if st.session_state.get(BY_KEYS) else "Choose one to open it."
    st.caption(f"{wording.count(count, 'call')}, {_in_order(found)}. {how}", help=KEYS)
    pages = -(-count // PAGE_SIZE)
    shown = st.pagination(pages, key="page", bind="query-params") if pages > 1 else 1
    _table(lines if shown == guess else lines_of(shown))


def _in_order(found: Found) -> str:
    if found.order == "opened":
        return "the oldest first" if found.up else "those in progress first, then the newest"
    return f"sorted by {found.order}, the {'smallest' if found.up else 'largest'} first"


def _downloads(desk: Desk, choice: Choice, found: Found) -> None:
    """The whole list as a file, made when somebody asks for it."""
    for name, made, mime in (
        ("CSV", answers.as_csv, "text/csv"),
        ("Parquet", answers.as_parquet, "application/vnd.apache.parquet"),
    ):
        st.download_button(
            name, partial(_file, made, desk, choice, found),
            file_name=f"calls.{name.lower()}", mime=mime, on_click="ignore", icon=":material/download:",
            help=f"All calls that match, in this order; of more than {EXPORT_MAX:,} the first {EXPORT_MAX:,}.",
        )  # fmt: skip


def _file(made: Callable[[pa.Table], bytes], desk: Desk, choice: Choice, found: Found) -> bytes:
    return made(desk.fresh(sessions.exported, scope(choice, now()), found=found, limit=EXPORT_MAX))


def _table(lines: list[SessionLine]) -> None:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    picked = grid(
        lines,
        {
            "status": text("status", width="small"),
            "opened_at": st.column_config.DatetimeColumn("opened (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "model": text("model", width=NAME_PX),
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
        on_select="rerun", selection_mode=["single-row", "single-cell"], placeholder=wording.UNKNOWN, key="sessions",
        height="content",
    )  # fmt: skip
    row = _opened(picked.selection.rows, picked.selection.cells)
    if row is not None:
        addresses.go(addresses.SESSION, session=lines[row].session_id)


def _opened(rows: Sequence[int], cells: Sequence[tuple[int, str]]) -> int | None:
    """The row whose call is to be opened: one that was chosen, or of which a cell was clicked.

    Who comes by the keyboard is at a cell before anything is chosen, first at the one in the corner: from then on
    cells are but where the focus is, and shift and space choose the row.
    """
    if rows:
        return rows[0]
    if not cells:
        st.session_state[BY_KEYS] = False
        return None
    if tuple(cells[0]) == (0, CORNER):
        st.session_state[BY_KEYS] = True
    return None if st.session_state.get(BY_KEYS) else cells[0][0]
