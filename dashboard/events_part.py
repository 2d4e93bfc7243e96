"""A call's recorded events: filters, a page of them, and the chosen one's message as it was sent."""

from typing import Literal

import streamlit as st

from dashboard import definitions, wording
from dashboard.desk import Desk
from dashboard.frame import grid, guarded
from dashboard.queries import events
from dashboard.queries.events import EventFilter, EventLine
from dashboard.settings import DashboardSettings
from pipeline.dataset import EventNotFound

PAGE_SIZE = 100
LONG_BYTES = 200_000
"""A longer message (audio, mostly) is offered as a file: a browser would not lay it out in time."""


def events_section(session_id: str) -> None:
    """The events by themselves: choosing one does not make the whole page anew."""
    st.markdown("**Events**", help="Every message of both directions as it was seen, and what the recorder added.")
    st.fragment(_events)(session_id)


@guarded
def _events(desk: Desk, _settings: DashboardSettings, session_id: str) -> None:
    chosen = _filter(desk.ask(events.types, session_id))
    found = desk.ask(events.count, session_id, chosen)
    if not found:
        st.caption("No event matches the filter.")
        return
    pages = -(-found // PAGE_SIZE)
    shown = st.pagination(pages, key="events-page") if pages > 1 else 1
    lines = desk.ask(events.events, session_id, chosen, page_size=PAGE_SIZE, skip=(shown - 1) * PAGE_SIZE)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        st.caption(f"{wording.count(found, 'event')}. Choose one to see its message.")
        line = event_table(lines, key="events", height=420)
    with right:
        if line is None:
            st.caption("No event chosen.")
        else:
            message(desk, session_id, line)


def _filter(types: list[events.EventType]) -> EventFilter:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        sources = st.pills(
            "From", ["client", "server", "recorder"], selection_mode="multi", key="sources",
            help=definitions.COLUMNS["source"],
        )  # fmt: skip
        names = st.multiselect(
            "Types", sorted({found.type for found in types}), key="types", placeholder="all types", width=320,
            help=definitions.COLUMNS["type"],
        )  # fmt: skip
        text = st.text_input(
            "Containing", key="containing", placeholder="text in type or message", width=220,
            help="Events in whose type or message it occurs. Capitals don't matter.",
        )  # fmt: skip
        audio = st.toggle(
            "With audio events", key="audio-events",
            help="Those that carry nothing but sound are most of all events, and left out of the list otherwise.",
        )  # fmt: skip
    return EventFilter(sources=tuple(sources), types=tuple(names), text=(text or "").strip(), audio=audio)


def event_table(lines: list[EventLine], *, key: str, height: int | Literal["content"]) -> EventLine | None:
    """The events as a table; gives the chosen one."""
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    picked = grid(
        lines,
        {
            "seq": number("event", width=60),
            "elapsed_s": number("at", format="%,.3f s", width=85),
            "source": text("from", width=70),
            "type": text("type", width=270),
            "size_bytes": number("bytes", format="%,d", width=75),
            "start": text("message", width="large"),
        },
        on_select="rerun", selection_mode="single-row", height=height, key=key,
    )  # fmt: skip
    rows = [row for row in picked.selection.rows if row < len(lines)]
    return lines[rows[0]] if rows else None


def message(desk: Desk, session_id: str, line: EventLine) -> None:
    """The message byte for byte, from the archive."""
    st.caption(f"Event {line.seq} · {line.source} · {line.type} · {wording.moment(line.seen_at)}")
    try:
        message = desk.dataset.message(session_id, line.seq)
    except EventNotFound:
        st.caption("This event is not in the archive any more.")
        return
    text = message.decode("utf-8", "replace")
    if len(message) > LONG_BYTES:
        st.caption(f"{wording.count(len(message), 'byte')}: too long to show; download it.")
    elif text.startswith("{"):
        with st.container(height=380, border=True):
            st.json(text, expanded=3)
    else:
        st.code(text, language=None, wrap_lines=True, height=380)
    st.download_button(
        "Download the message as sent", message, file_name=f"{session_id}-{line.seq}.json", on_click="ignore",
        icon=":material/download:", key=f"message-{line.seq}",
    )  # fmt: skip
