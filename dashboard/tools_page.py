"""Tools: which ones make callers wait, how long, and which were never answered."""

from collections.abc import Sequence

import streamlit as st

from dashboard import addresses, definitions, interruption_charts, wording
from dashboard.cards import Card, cards
from dashboard.desk import Desk
from dashboard.frame import drawn, grid
from dashboard.queries import overview, tools
from dashboard.queries.asking import Scope
from dashboard.queries.tools import ToolLine, ToolUse
from dashboard.scoped import scoped
from dashboard.window import Choice, step_s

MS = "%,.0f ms"


@scoped
def page(desk: Desk, about: Scope, _choice: Choice) -> None:
    """The tool calls of the scope."""
    found = desk.ask(tools.by_tool, about)
    if not found:
        st.info("No tool was called in these calls.", icon=":material/build:")
        return
    cards([_card(one) for one in found[:5]], key="tools")
    st.subheader("Which tools make callers wait", help=definitions.TOOL_WAIT)
    _by_tool(found)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        names = ["all tools", *(one.tool for one in found)]
        chosen = st.selectbox(
            "Tool", names, key="tool", bind="query-params", width=280, help="For the chart and the list below.",
        )  # fmt: skip
        failed = st.toggle("Only those not answered", key="failed", bind="query-params", help=definitions.NOT_ANSWERED)
    tool = "" if chosen == "all tools" else chosen
    extent = desk.ask(overview.extent, about)
    points = desk.ask(tools.over_time, about, step_s(extent.first_at, extent.last_at), tool=tool)
    if points:
        drawn(
            interruption_charts.tool_wait(points), "Over time, by when the tool was called",
            f"{definitions.TOOL_WAIT} p50: half of them took less. p90: nine in ten did.",
            key="tool-wait", alt="How long callers waited for tools over time",
        )  # fmt: skip
    _uses(desk.ask(tools.uses, about, tool=tool, failed=failed))


def _card(one: ToolLine) -> Card:
    return Card(
        label=one.tool, value=wording.milliseconds(one.wait_p50_ms), help=f"Median wait. {definitions.TOOL_WAIT}",
        note=f"p90 {wording.milliseconds(one.wait_p90_ms)} · n {one.answered:,}",
    )  # fmt: skip


def _by_tool(found: Sequence[ToolLine]) -> None:
    number = st.column_config.NumberColumn
    grid(
        found,
        {
            "tool": st.column_config.TextColumn("tool", width="medium"),
            "kind": st.column_config.TextColumn("kind", width="small", help=definitions.KINDS_OF_TOOL),
            "calls": number("calls", format="%,d", help="How often the tool was called."),
            "sessions": number("sessions", format="%,d", help="In how many calls."),
            "not_answered": number("not answered", format="%,d", help=definitions.NOT_ANSWERED),
            "waiting": number("waiting now", format="%,d", help="Called a moment ago, in calls still going on."),
            "wait_p50_ms": number("wait p50", format=MS, help=definitions.TOOL_WAIT),
            "wait_p90_ms": number("p90", format=MS, help=definitions.TOOL_WAIT),
            "wait_max_ms": number("longest", format=MS, help=definitions.TOOL_WAIT),
            "after_tool_p50_ms": number("then to speech p50", format=MS, help=definitions.AFTER_TOOL),
            "total_wait_s": number("waited in all", format="%,.1f s", help=definitions.TOOL_WAIT),
        },
        key="by-tool",
    )


def _uses(found: Sequence[ToolUse]) -> None:
    st.subheader("The longest waits", help="Choose one to open its call.")
    if not found:
        st.caption("None.")
        return
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    picked = grid(
        found,
        {
            "at": st.column_config.DatetimeColumn("at (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "tool": text("tool"),
            "status": text("status", width="small"),
            "tool_wait_ms": number("wait", format=MS, help=definitions.TOOL_WAIT),
            "tool_wait_reason": text("why unknown"),
            "after_tool_ms": number("then to speech", format=MS, help=definitions.AFTER_TOOL),
            "arguments": text("arguments", width="medium"),
            "output": text("output", width="medium"),
            "turn_index": number("turn", format="%d"),
            "session_id": text("session"),
        },
        on_select="rerun",
        selection_mode="single-row",
        key="uses",
    )
    if picked.selection.rows:
        one = found[picked.selection.rows[0]]
        addresses.open_turn(one.session_id, one.turn_index)
