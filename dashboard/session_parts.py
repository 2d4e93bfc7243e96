"""The sections of a call's page. Each lays out what it is given; none computes."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from dashboard import definitions, wording
from dashboard.queries.session import Figures, Waits
from pipeline.domain import facts

PLAIN: Final[dict[str, Any]] = {"delta_color": "off", "delta_arrow": "off", "border": True}
"""A metric whose second line is a remark and not a change."""
ENDED: Final = {"client": "closed by the client", "server": "closed by the API", "recorder": "closed by the recorder"}


def header(session: facts.Session) -> None:
    """Which call this is, and how its record stands."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"#### Session `{session.session_id}`", width="content")
        if session.status == "open":
            st.badge("in progress", icon=":material/radio_button_checked:", color="green")
        elif session.complete:
            st.badge("log complete", icon=":material/check:", color="green")
        else:
            st.badge(f"log not complete: {wording.words(session.incomplete_reason)}", color="orange")
        if session.errors:
            st.badge(wording.count(session.errors, "error"), icon=":material/error:", color="red")
    known = (
        wording.moment(session.opened_at),
        session.model or "model unknown",
        wording.words(session.turn_detection) if session.turn_detection else None,
        f"voice {session.voice}" if session.voice else None,
        f"{session.source} at {session.worker}",
        f"upstream {session.upstream_session_id}" if session.upstream_session_id else None,
        ENDED.get(session.closed_by or ""),
    )
    st.caption(" · ".join(part for part in known if part))


def figures(session: facts.Session, found: Figures, waits: Sequence[Waits]) -> None:
    """The call in figures."""
    with st.grid(7, min_column_width=148, gap="xsmall", key="figures"):
        st.metric(
            "Length", wording.duration(session.duration_ms),
            f"agent heard {wording.seconds(found.heard_s)}", help=definitions.HEARD, **PLAIN,
        )  # fmt: skip
        _wait_figures(waits[0] if waits else None)
        st.metric(
            "Turns", f"{session.turns:,}", f"{wording.count(session.tool_calls, 'tool call')}",
            help=definitions.TURNS, **PLAIN,
        )  # fmt: skip
        st.metric(
            "Interruptions", f"{session.interruptions:,}",
            f"{wording.seconds(found.unheard_s)} unheard",
            help=definitions.ALL_CLASSES, **PLAIN,
        )  # fmt: skip
        st.metric(
            "Metered", wording.money(found.metered_usd_nanos),
            f"{wording.dollars(found.metered_usd_per_minute)} per minute", help=definitions.METERED, **PLAIN,
        )  # fmt: skip
        st.metric(
            "Billed", wording.money(found.billed_usd_nanos, found.unpriced), _billed_per_minute(found),
            help=definitions.BILLED, **PLAIN,
        )  # fmt: skip


def _wait_figures(first: Waits | None) -> None:
    if first is None:
        st.metric("Perceived p50", wording.UNKNOWN, "no turn measured yet", help=definitions.PERCEIVED, **PLAIN)
        st.metric("Wire p50", wording.UNKNOWN, "no turn measured yet", help=definitions.WIRE, **PLAIN)
        return
    of = wording.cohort(first.input_kind, first.speech_ended_by, first.latency_basis)
    st.metric(
        "Perceived p50", wording.milliseconds(first.perceived_p50_ms),
        f"longest {wording.milliseconds(first.perceived_max_ms)} · n {first.perceived:,}",
        help=f"Of turns by {of}. {definitions.PERCEIVED}", **PLAIN,
    )  # fmt: skip
    st.metric(
        "Wire p50", wording.milliseconds(first.wire_p50_ms),
        f"longest {wording.milliseconds(first.wire_max_ms)} · n {first.wire:,}",
        help=f"Of turns by {of}. {definitions.WIRE}", **PLAIN,
    )  # fmt: skip


def _billed_per_minute(found: Figures) -> str:
    if found.unpriced:
        return f"{found.unpriced:,} unpriced"
    return f"{wording.dollars(found.billed_usd_per_minute)} per minute"
