"""What the chosen piece of the waterfall is made of: the arithmetic that led to it, and its events."""

from typing import Final

import msgspec
import streamlit as st

from dashboard import wording
from dashboard.call_component import Chosen
from dashboard.desk import Desk
from dashboard.events_part import event_table, message
from dashboard.explained_part import arithmetic, cost_arithmetic, evidence, explained, other_rules_note
from dashboard.queries import events, timeline
from dashboard.queries import session as queries
from dashboard.queries.timeline import Piece
from pipeline.domain import facts
from pipeline.domain.explanation import Explanation
from pipeline.rule_settings import RuleSettings

AROUND_S: Final = 0.05
"""What ended a piece was seen in the very moment of its end."""
AROUND_MOMENT_S: Final = 1.0
EVENTS_MAX: Final = 50
COLUMNS: Final = {
    "user speech": ("perceived_latency_ms",),
    "endpointing": ("endpointing_ms",),
    "wait": ("perceived_latency_ms", "wire_latency_ms"),
    "tool": ("tool_wait_ms", "after_tool_ms"),
    "generated": ("generated_ms", "model_latency_ms"),
    "heard": ("heard_ms",),
    "interruption": ("class", "time_to_yield_ms"),
}
"""Which numbers a piece is about, by its lane."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to explain of a piece."""

    kind: str
    key: int


def chosen_section(desk: Desk, by: RuleSettings, session: facts.Session, chosen: Chosen) -> None:
    """The piece that was chosen; nothing where a rebuild has taken it away."""
    found = [piece for piece in desk.ask(timeline.pieces, session.session_id) if _is(piece, chosen)]
    if not found:
        return
    piece = found[0]
    with st.container(border=True, key="chosen"):
        st.markdown(f"**{piece.lane.capitalize()}** · {wording.plain(piece.label)} · {_when(piece)}")
        asked = _asked(piece)
        if asked is None:
            _stretch(desk, session.session_id, piece)
            return
        told = explained(desk, by, session, kind=asked.kind, key=asked.key)
        left, right = st.columns([11, 9], gap="medium")
        with left:
            other_rules_note(desk, session, told)
            arithmetic(told, columns=COLUMNS[piece.lane])
            _price(desk, by, session, piece)
        with right:
            if isinstance(told, Explanation):
                seqs = tuple(one.seq for one in told.events)
                evidence(desk, session.session_id, seqs, key=f"chosen-{piece.lane}-{piece.which}")
            else:
                _stretch(desk, session.session_id, piece)


def _is(piece: Piece, chosen: Chosen) -> bool:
    return (piece.lane, piece.of, piece.which) == (chosen.lane, chosen.of, chosen.which)


def _when(piece: Piece) -> str:
    if piece.end_s == piece.start_s:
        return f"at {wording.position(piece.start_s)}"
    length = wording.milliseconds((piece.end_s - piece.start_s) * 1000)
    return f"{wording.position(piece.start_s)} to {wording.position(piece.end_s)}, {length}"


def _asked(piece: Piece) -> Asked | None:
    """Errors and gaps are what the log says; so are answers that belong to no turn."""
    if piece.of == "interruptions":
        return Asked(kind="interruption", key=int(piece.which))
    if piece.lane in COLUMNS and piece.turn_index is not None:
        return Asked(kind="turn", key=piece.turn_index)
    return None


def _price(desk: Desk, by: RuleSettings, session: facts.Session, piece: Piece) -> None:
    """What an answer cost, where the piece is one."""
    if piece.of != "responses":
        return
    seq = desk.ask(queries.response_cost, session.session_id, piece.which)
    if seq is not None:
        with st.expander("What this answer cost"):
            cost_arithmetic(desk, by, session, seq=seq, of="response")


def _stretch(desk: Desk, session_id: str, piece: Piece) -> None:
    """All that was seen while it lasted."""
    around = AROUND_MOMENT_S if piece.end_s == piece.start_s else AROUND_S
    from_s, until_s = max(0.0, piece.start_s - around), piece.end_s + around
    lines = desk.ask(events.between, session_id, from_s=from_s, until_s=until_s, at_most=EVENTS_MAX)
    if not lines:
        st.caption("No event but audio was seen in this stretch.")
        return
    st.caption(f"Events of this stretch, at most {EVENTS_MAX}. Choose one to see its message.")
    line = event_table(lines, key=f"stretch-{piece.lane}-{piece.which}", height="content")
    if line is not None:
        message(desk, session_id, line)
