"""The tables of a call's page: turns, interruptions, tools, money, trouble, configuration."""

import json
from collections.abc import Sequence

import streamlit as st
from streamlit.elements.lib.column_types import ColumnConfig

from dashboard import definitions, wording
from dashboard.frame import grid
from dashboard.queries.session import CostLine
from pipeline.domain import facts

OPEN_MAX = 2
"""As many tool calls fit on the page unfolded."""


def turn_table(turns: Sequence[facts.Turn]) -> None:
    """All turns with their measures and, where one is missing, why."""
    if not turns:
        st.caption("No turn yet.")
        return
    number, text, ms = st.column_config.NumberColumn, st.column_config.TextColumn, "%,.0f ms"
    grid(
        turns,
        {
            "turn_index": number("turn", pinned=True, width=50),
            "input_kind": text("input", width=70),
            "perceived_latency_ms": number("perceived", width=80, format=ms, help=definitions.PERCEIVED),
            "wire_latency_ms": number("wire", width=70, format=ms, help=definitions.WIRE),
            "endpointing_ms": number("endpointing", width=90, format=ms, help=definitions.ENDPOINTING),
            "model_latency_ms": number("model", width=70, format=ms, help=definitions.MODEL),
            "tool_wait_ms": number("tools", width=65, format=ms, help=definitions.TOOL_WAIT),
            "user_speech_ms": number("user spoke", width=85, format=ms),
            "generated_ms": number("generated", width=80, format=ms),
            "heard_ms": number("heard", width=75, format=ms, help=definitions.HEARD),
            "interrupted": st.column_config.CheckboxColumn("cut off", width=60, help=definitions.YIELDED),
            "latency_basis": text("basis"),
            "perceived_latency_reason": text("why no perceived"),
            "wire_latency_reason": text("why no wire"),
            "status": text("status"),
        },
        placeholder=wording.UNKNOWN,
        key="turns",
    )


def interruption_table(found: Sequence[facts.Interruption]) -> None:
    if not found:
        st.caption("No interruption in this call.")
        return
    number, text, ms = st.column_config.NumberColumn, st.column_config.TextColumn, "%,.0f ms"
    grid(
        found,
        {
            "turn_index": number("turn", width=50),
            "class_": text("class", help=definitions.ALL_CLASSES, width=115),
            "yielded": st.column_config.CheckboxColumn("yielded", help=definitions.YIELDED),
            "yielded_by": text("by"),
            "time_to_yield_ms": number("time to yield", format=ms, help=definitions.TIME_TO_YIELD),
            "overlap_ms": number("overlap", format=ms, help=definitions.OVERLAP),
            "position_in_response_ms": number("into the answer", format=ms),
            "unheard_ms": number("unheard", format=ms, help=definitions.UNHEARD),
            "reason": text("why this class", width="large"),
            "transcript": text("words", width="medium"),
        },
        placeholder=wording.UNKNOWN,
        key="interruptions",
    )


def tools(calls: Sequence[facts.ToolCall]) -> None:
    """Every tool call with what went in and what came out."""
    if not calls:
        st.caption("No tool was called.")
        return
    for call in calls:
        waited = call.tool_wait_reason or call.status
        if call.tool_wait_ms is not None:
            waited = f"answered in {wording.milliseconds(call.tool_wait_ms)}"
        with st.expander(
            f"{call.name or call.kind} · turn {call.turn_index} · {waited}", expanded=len(calls) <= OPEN_MAX
        ):
            left, right = st.columns(2)
            left.caption("Arguments")
            with left:
                _payload(call.arguments)
            right.caption("Output", help=definitions.TOOL_WAIT)
            with right:
                _payload(call.output)
            st.caption(
                f"{call.kind} · {call.call_id} · {call.status} · from the output to the next word "
                f"{wording.milliseconds(call.after_tool_ms)}"
            )


def _payload(text: str | None) -> None:
    """JSON as a tree, anything else as it is."""
    if text is None:
        st.caption("none yet")
        return
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict | list):
        st.json(found)
    else:
        st.code(text, language=None, wrap_lines=True)


def cost_tables(by_kind: Sequence[CostLine], lines: Sequence[CostLine]) -> CostLine | None:
    """What the call cost, by kind of thing and thing by thing; gives the one that is chosen."""
    if not lines:
        st.caption("Nothing priced yet.")
        return None
    st.caption("By kind", help=definitions.BASES)
    grid(
        by_kind,
        {
            "kind": st.column_config.TextColumn("what", help=definitions.KINDS_OF_COST),
            "count": _number("count", "How many of them the call has."),
            **_money(),
        },
        key="cost-kinds",
    )
    st.caption("Each. Choose one to see how its price came about.")
    picked = grid(
        lines,
        {
            "kind": st.column_config.TextColumn("what", help=definitions.KINDS_OF_COST),
            "turn_index": st.column_config.NumberColumn("turn", width=50),
            **_money(),
            "model": st.column_config.TextColumn("model"),
            "price_lists": st.column_config.TextColumn("price lists"),
            "estimated": st.column_config.CheckboxColumn(
                "estimated", help="The usage lacked details (cached tokens not split): priced by the documented rule."
            ),
        },
        on_select="rerun",
        selection_mode="single-row",
        key="costs",
    )
    rows = [row for row in picked.selection.rows if row < len(lines)]
    return lines[rows[0]] if rows else None


def _number(label: str, help_: str | None = None) -> ColumnConfig:
    return st.column_config.NumberColumn(label, format="%,d", help=help_)


def _money() -> dict[str, ColumnConfig]:
    text, usd = st.column_config.TextColumn, "$%,.6f"
    return {
        "metered_usd": st.column_config.NumberColumn("metered", format=usd, help=definitions.METERED),
        "billed_usd": st.column_config.NumberColumn("billed", format=usd, help=definitions.BILLED),
        "metered_reason": text("why not metered"),
        "billed_reason": text("why not billed", help=definitions.UNPRICED),
        "audio_s": st.column_config.NumberColumn("audio", format="%,.1f s"),
        "text_in": _number("text in", "Input text tokens."),
        "audio_in": _number("audio in", "Input audio tokens."),
        "cached_in": _number("cached in", "Of the input tokens, those that were cached."),
        "text_out": _number("text out", "Output text tokens."),
        "audio_out": _number("audio out", "Output audio tokens."),
    }


def trouble(errors: Sequence[facts.SessionError], gaps: Sequence[facts.Gap]) -> None:
    """Errors, and what of the log is missing."""
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    if errors:
        grid(
            errors,
            {
                "seq": number("event"),
                "kind": text("what", help=definitions.KINDS_OF_ERROR),
                "code": text("code"),
                "message": text("message", width="large"),
                "param": text("parameter"),
                "client_event_id": text("client's event"),
                "response_id": text("response"),
            },
            placeholder=wording.UNKNOWN,
            key="errors",
        )
    else:
        st.caption("No errors.")
    if gaps:
        columns = {
            "seq": number("first missing", help=definitions.GAPS),
            "count": number("events lost", help=definitions.EVENTS_LOST),
            "reason": text("why"),
        }
        grid(gaps, columns, placeholder="not known", key="gaps")
    else:
        st.caption("No gaps: every event that was seen is in the log.")


def configuration(session: facts.Session) -> None:
    """What the call was set up with, and how it ended."""
    shown = (
        ("Model", session.model),
        ("Path", session.path),
        ("API", " ".join(part for part in (session.api_shape, session.upstream_host) if part)),
        ("Upstream session", session.upstream_session_id),
        ("Turn detection", session.turn_detection),
        ("Silence", None if session.silence_duration_ms is None else wording.milliseconds(session.silence_duration_ms)),
        ("Voice", session.voice),
        ("Audio in · out", f"{session.input_format or wording.UNKNOWN} · {session.output_format or wording.UNKNOWN}"),
        ("Transcription", session.transcription_model),
        ("Configuration changes", str(session.config_changes)),
        ("Relay key", session.relay_key),
        ("Worker", session.worker),
        (
            "Events",
            f"client {session.events_client:,} · server {session.events_server:,} · ours {session.events_recorder:,}",
        ),
        (
            "Of unknown type",
            f"{session.events_unknown:,} {session.unknown_types or ''}".strip() if session.events_unknown else None,
        ),
        ("Close", " ".join(str(part) for part in (session.close_code, session.close_reason) if part)),
    )
    lines = [f"| {name} | `{value.replace('|', '/')}` |" for name, value in shown if value]
    st.markdown("\n".join(["| | |", "|---|---|", *lines]))
