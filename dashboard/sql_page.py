"""The SQL console: ask the tables, see the answer as rows or as a chart, take it along."""

from functools import partial
from typing import Any, Final

import streamlit as st

from dashboard import answers, palette, wording
from dashboard.console import Answered, Console
from dashboard.desk import Desk
from dashboard.examples import EXAMPLES
from dashboard.frame import guarded
from dashboard.settings import DashboardSettings
from pipeline.dataset_schemas import ARCHIVE, FACTS
from pipeline.sql_guard import SqlRefused
from pipeline.tables_page import columns

ASKED_MAX: Final = 50
"""Questions remembered while the page is open; the oldest goes first."""
CHARTS: Final = {"line": st.line_chart, "bar": st.bar_chart, "points": st.scatter_chart}
CUT: Final = {
    "rows": "These are the first {rows}; the answer has more. Ask for less, or take it all with `calltape sql`.",
    "bytes": "These are the first {rows}: the answer is larger than 64 MB. Leave out the long columns.",
}


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The question on the left with its answer, what may be asked on the right."""
    asking, known = st.columns([13, 7], gap="medium")
    with asking:
        _question(settings)
        _answer()
    # After the question: what was just asked is among what was asked before.
    with known:
        _known()
    del desk  # the console asks in processes of its own


@st.cache_resource(show_spinner=False, on_release=Console.close)
def _console(settings: DashboardSettings) -> Console:
    return Console(settings.place, rows_max=settings.console_rows, within_s=settings.console_seconds)


def _question(settings: DashboardSettings) -> None:
    st.text_area(
        "Question in SQL", key="ask", bind="query-params", height=190,
        placeholder="select count(*) from sessions", help="DuckDB's SQL. Ctrl and Enter takes it over, Run asks it.",
    )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        if st.button("Run", type="primary", icon=":material/play_arrow:"):
            _ask(settings, st.session_state["ask"])
        st.caption(
            f"Reads only: SELECT, no files, no network. At most {settings.console_seconds:g} s and "
            f"{settings.console_rows:,} rows."
        )


def _ask(settings: DashboardSettings, sql: str) -> None:
    """Ask, and remember the answer: looking at it in another way does not ask again."""
    state: Any = st.session_state
    state.pop("answer", None)
    state.pop("refused", None)
    try:
        with st.spinner("Asking"):
            state["answer"] = _console(settings).ask(sql)
        note = f"{wording.count(state['answer'].rows.num_rows, 'row')}, {state['answer'].took_ms:,.0f} ms"
    except SqlRefused as refusal:
        state["refused"] = str(refusal)
        note = "refused"
    asked = [one for one in state.get("asked", []) if one[0] != sql]
    state["asked"] = [(sql, note), *asked][:ASKED_MAX]


def _answer() -> None:
    refused, found = st.session_state.get("refused"), st.session_state.get("answer")
    if refused is not None:
        st.error(wording.plain(refused), icon=":material/block:")
    if found is None:
        return
    rows = wording.count(found.rows.num_rows, "row")
    st.caption(f"{rows} in {found.took_ms:,.0f} ms.")
    if found.cut is not None:
        st.warning(CUT[found.cut].format(rows=rows), icon=":material/content_cut:")
    shown = st.segmented_control("Show as", ["table", *CHARTS], default="table", required=True, key="shown")
    if shown == "table" or not found.rows.num_rows:
        st.dataframe(found.rows, hide_index=True, placeholder="NULL", key="rows")
    else:
        _chart(found, shown)
    _downloads(found)


def _chart(found: Answered, shown: str) -> None:
    numbers, names = answers.numbers(found.rows), found.rows.column_names
    if not numbers:
        st.info("A chart needs a column of numbers; this answer has none.", icon=":material/show_chart:")
        return
    with st.container(horizontal=True):
        across = st.selectbox("Across", names, key="across")
        others = [name for name in numbers if name != across] or numbers
        up = st.multiselect("Up", others, default=others[:1], key="up")
    if up:
        colours = [palette.BLUE, palette.ORANGE, palette.GREEN, palette.VERMILION, palette.PURPLE, palette.SKY]
        chosen = [colours[place % len(colours)] for place in range(len(up))]
        CHARTS[shown](answers.drawable(found.rows), x=across, y=up, color=[*chosen], height=360)


def _downloads(found: Answered) -> None:
    with st.container(horizontal=True):
        for name, made, mime in (
            ("CSV", answers.as_csv, "text/csv"),
            ("Parquet", answers.as_parquet, "application/vnd.apache.parquet"),
        ):
            st.download_button(
                name, partial(made, found.rows), file_name=f"answer.{name.lower()}", mime=mime,
                on_click="ignore", icon=":material/download:",
            )  # fmt: skip


def _known() -> None:
    tables, examples, asked = st.tabs(["Tables", "Examples", "Asked before"])
    with tables:
        for table in [*FACTS.values(), *reversed(ARCHIVE.values())]:
            with st.expander(f"`{table.name}`"):
                st.caption(" ".join((table.row.__doc__ or "").split()))
                rows = [f"| `{one.name}` | {one.type} | {one.text.replace('|', '/')} |" for one in columns(table)]
                st.markdown("\n".join(["| column | type | what it is |", "|---|---|---|", *rows]))
    with examples:
        for place, example in enumerate(EXAMPLES):
            st.button(example.title, on_click=_put, args=(example.sql,), key=f"example-{place}", type="tertiary")
    with asked:
        before: list[tuple[str, str]] = st.session_state.get("asked", [])
        if not before:
            st.caption("Nothing yet. What you ask is kept here until you close the page.")
        for place, (sql, note) in enumerate(before):
            st.button(
                f"{wording.plain(' '.join(sql.split())[:80])} :small[:gray[{note}]]", on_click=_put, args=(sql,),
                key=f"asked-{place}", type="tertiary",
            )  # fmt: skip


def _put(sql: str) -> None:
    st.session_state["ask"] = sql
