"""Quality: which figures the log could not support and why, so that no percentile hides it."""

from collections.abc import Sequence
from typing import Any

import msgspec
import streamlit as st

from dashboard import addresses, definitions, wording
from dashboard.cards import Card, Way, cards
from dashboard.desk import Desk
from dashboard.frame import grid
from dashboard.queries import overview, quality
from dashboard.queries.asking import Scope
from dashboard.queries.overview import Headline
from dashboard.scoped import scoped
from dashboard.window import Choice
from pipeline.dataset import Status

OPEN = "Choose a row to open the last call that it happened in."


@scoped
def page(desk: Desk, about: Scope, _choice: Choice) -> None:
    """What is missing of the scope."""
    desk.begin(overview.headline, about)
    for query in (quality.missing, quality.holes, quality.damaged_lines, quality.unpriced, quality.unknown_types):
        desk.begin(query, about)
    desk.begin(overview.incomplete, about)
    desk.begin(overview.errors, about)
    head = desk.ask(overview.headline, about)
    cards(_cards(head, desk.dataset.status()), key="trust", columns=5)
    missing = desk.ask(quality.missing, about)
    st.subheader("Not measured, and why", help=f"{definitions.NULLS} {OPEN}")
    if missing:
        _table(missing, MISSING, key="missing")
    else:
        st.caption("Everything that the tables have a place for was measured.")
    left, right = st.columns(2, gap="medium")
    with left:
        _section("Logs that are not whole", desk.ask(overview.incomplete, about), INCOMPLETE, definitions.COMPLETE)
        _section("Holes in the log", desk.ask(quality.holes, about), HOLES, definitions.GAPS)
        _section("Damaged lines of journals", desk.ask(quality.damaged_lines, about), DAMAGED, definitions.DAMAGED)
    with right:
        _section("Unpriced", desk.ask(quality.unpriced, about), UNPRICED, definitions.UNPRICED)
        _section("Unknown types of events", desk.ask(quality.unknown_types, about), UNKNOWN, definitions.UNKNOWN_TYPES)
        _section("Errors", desk.ask(overview.errors, about), ERRORS, definitions.ERRORS)


def _cards(head: Headline, status: Status | None) -> list[Card]:
    lost = sum(worker.lost_segments for worker in status.workers.values()) if status else 0
    aside = len(status.set_aside) if status else 0
    return [
        Card(
            label="Complete logs", value=wording.share(head.complete, head.closed), help=definitions.COMPLETE,
            note=f"{head.complete:,} of {head.closed:,} closed calls",
            way=Way(to=addresses.SESSIONS, label="the others", query={"with": "incomplete log"}),
        ),
        Card(
            label="Events lost", value=f"{head.events_lost:,}", help=definitions.GAPS, note="seen, never logged",
            way=Way(to=addresses.SESSIONS, label="calls", query={"with": "gaps"}),
        ),
        Card(
            label="Unpriced", value=f"{head.unpriced:,}", help=definitions.UNPRICED, note="things of unknown cost",
            way=Way(to=addresses.SESSIONS, label="calls", query={"with": "unpriced"}),
        ),
        Card(
            label="Set aside", value=f"{aside:,}", help=definitions.SET_ASIDE, note="calls that can't be folded",
        ),
        Card(
            label="Lost segments", value=f"{lost:,}", help=definitions.LOST_SEGMENTS, note="of journals, since it runs",
        ),
    ]  # fmt: skip


def _section(title: str, found: Sequence[Any], columns: dict[str, Any], help_: str) -> None:
    st.subheader(title, help=f"{help_} {OPEN}" if found else help_)
    if found:
        _table(found, columns, key=title)
    else:
        st.caption("None in this time range.")


def _table(found: Sequence[msgspec.Struct], columns: dict[str, Any], *, key: str) -> None:
    leads = hasattr(found[0], "last_session_id")
    options = {"on_select": "rerun", "selection_mode": "single-row"} if leads else {}
    picked = grid(found, columns, key=key, **options)
    if leads and picked.selection.rows:
        addresses.go(addresses.SESSION, session=found[picked.selection.rows[0]].last_session_id)


_number, _text = st.column_config.NumberColumn, st.column_config.TextColumn
_last = st.column_config.DatetimeColumn("last (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
MISSING = {
    "quantity": _text("quantity", help="The column that is empty (NULL) in these rows."),
    "table": _text("of table", width="small", help="Its rows are described on the SQL page."),
    "reason": _text("because", width="medium"),
    "rows": _number("rows", format="%,d", help="How many lack it for this reason."),
    "share": _number("of all rows", format="percent", help="Of the table's rows in the range."),
    "last_at": _last,
    "last_session_id": _text("last call"),
}
INCOMPLETE = {
    "reason": _text("because"),
    "sessions": _number("calls", format="%,d"),
    "events_lost": _number("events lost", format="%,d"),
    "last_session_id": _text("last call"),
}
HOLES = {
    "reason": _text("because"),
    "gaps": _number("holes", format="%,d", help=definitions.GAPS),
    "events": _number("events lost", format="%,d", help=definitions.EVENTS_LOST),
    "sessions": _number("calls", format="%,d"),
    "last_at": _last,
}
DAMAGED = {
    "worker": _text("worker"),
    "lines": _number("lines", format="%,d", help=definitions.DAMAGED),
    "last_at": _last,
    "last_error": _text("last error", width="large"),
}
UNPRICED = {
    "kind": _text("thing", help=definitions.KINDS_OF_COST),
    "model": _text("model"),
    "reason": _text("because"),
    "things": _number("how many", format="%,d", help=definitions.UNPRICED_THINGS),
    "sessions": _number("calls", format="%,d"),
    "last_session_id": _text("last call"),
}
UNKNOWN = {
    "type": _text("type", width="medium"),
    "events": _number("events", format="%,d", help="How many of this type were recorded."),
    "sessions": _number("calls", format="%,d"),
    "last_session_id": _text("last call"),
}
ERRORS = {
    "kind": _text("what", help=definitions.KINDS_OF_ERROR),
    "code": _text("code"),
    "count": _number("count", format="%,d", help=definitions.ERRORS),
    "sessions": _number("calls", format="%,d"),
    "last_at": _last,
    "last_message": _text("last message", width="large"),
}
