"""The sections of a call's page. Each lays out what it is given; none computes."""

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from dashboard import definitions, wording
from dashboard.queries.session import Figures, Waits
from dashboard.queries.timeline import Spoken
from dashboard.sound import Sound
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


def players(made: Sound, *, file_name: str) -> None:
    """The whole call in stereo; each side alone and the file to take along behind a fold."""
    st.caption(
        "Audio: left the user, right the agent as heard.",
        help="On the session's clock: the user as the audio arrived at the ingest worker, the agent as it was played, "
        "and only as far as it was heard.",
    )
    st.audio(made.both, format="audio/wav", alt="Both sides of the call in stereo: the user left, the agent right")
    with st.expander("Each side alone, and download"):
        left, right = st.columns(2)
        left.caption("User")
        left.audio(made.user, format="audio/wav", alt="The user alone")
        right.caption("Agent, as heard")
        right.audio(made.agent, format="audio/wav", alt="The agent alone, as far as it was heard")
        st.download_button(
            "Download stereo WAV", made.both, file_name=file_name, mime="audio/wav", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip


ICONS: Final = {
    "user": ":material/person:",
    "agent": ":material/graphic_eq:",
    "tool": ":material/build:",
    "interruption": ":material/front_hand:",
    "error": ":material/error:",
}


def transcript(talk: Sequence[Spoken]) -> None:
    """The talk in its order, with waits, tools and interruptions where they happened."""
    st.markdown("**Transcript**", help="What was said stands where it was said; transcripts come in later.")
    if not talk:
        st.caption("No words yet: transcripts appear when the API has finished them.")
        return
    with st.container(height=520, border=True, gap="small", key="transcript"):
        for spoken in talk:
            _spoken(spoken)


def _spoken(spoken: Spoken) -> None:
    said = _plain(spoken.text) if spoken.text else f"*no words: {wording.words(spoken.note)}*"
    match spoken.kind:
        case "user" | "agent":
            note = f"  \n:small[:gray[{_plain(spoken.note)}]]" if spoken.text and spoken.note else ""
            wait = (
                f" · waited {wording.milliseconds(spoken.latency_ms)} ({spoken.latency_is})"
                if spoken.latency_ms
                else ""
            )
            st.markdown(f"{_head(spoken)}:small[{wait}]  \n{said}{note}")
        case "tool":
            wait = f" · {wording.milliseconds(spoken.latency_ms)}" if spoken.latency_ms is not None else ""
            st.markdown(f"{_head(spoken)}:small[{wait}]  \n`{_code(spoken.text)}` → `{_code(spoken.note)}`")
        case "interruption":
            wait = f", yielded in {wording.milliseconds(spoken.latency_ms)}" if spoken.latency_ms is not None else ""
            st.markdown(f"{_head(spoken)} :orange[{said}{wait}]")
        case _:
            st.markdown(f"{_head(spoken)} :red[{said}]")


def _head(spoken: Spoken) -> str:
    turn = "" if spoken.turn_index is None else f" · turn {spoken.turn_index}"
    return f"{ICONS[spoken.kind]} **{spoken.kind.capitalize()}** :small[{wording.position(spoken.at_s)}{turn}]"


def _plain(text: str | None) -> str:
    """Words as they are: nothing in them is markup."""
    return "".join(f"\\{mark}" if mark in "\\`*_{}[]()#+-.!|$:<>~" else mark for mark in text or "")


def _code(text: str | None) -> str:
    return (text or "").replace("`", "'")
