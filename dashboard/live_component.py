"""The table of calls in progress, drawn by a script of ours: cells change where they stand, and nothing flickers."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from dashboard import definitions, live, wording
from dashboard.browser_parts import browser_part
from dashboard.live import LiveCall
from dashboard.palette import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION

COLOURS: Final = {
    live.USER: BLUE,
    live.BOTH: VERMILION,
    live.AGENT: GREEN,
    live.WAITING: ORANGE,
    live.TOOL: PURPLE,
    live.LISTENING: SKY,
    live.CONNECTING: GREY,
    live.QUIET: GREY,
}
COLUMNS: Final = (
    ("state", "now", "Who has the floor, and who is waited for; as the log says it, within about a second."),
    ("since", "for", "How long it has been so."),
    ("elapsed", "length", "Since the call opened."),
    ("turns", "turns", definitions.TURNS),
    ("last", "last wait", definitions.PERCEIVED + " Where only the wire is known, that, marked w."),
    ("longest", "longest wait", "Of all turns of the call."),
    ("cut", "cut in", "Interruptions of all classes."),
    ("errors", "errors", definitions.ERRORS),
    ("metered", "metered", definitions.METERED),
    ("billed", "billed", definitions.BILLED),
    ("model", "model", definitions.COLUMNS["model"]),
    ("from", "from", "The label its client gave the call, how it got in, and at which worker."),
)
"""Column, head, definition."""


def live_table(calls: Sequence[LiveCall], opened: Callable[[str], None]) -> None:
    """The calls, a row each; `opened` is told the id of the one that the reader clicks."""
    found = browser_part("live", "live")(
        data={
            "columns": [{"name": name, "head": head, "help": words} for name, head, words in COLUMNS],
            "id_help": f"{definitions.COLUMNS['session_id']} Here its last letters.",
            "colours": COLOURS,
            "rows": [_row(one) for one in calls],
        },
        key="live-table",
        on_opened_change=_heard,
    )
    if found.get("opened"):
        opened(str(found["opened"]))


def _heard() -> None:
    """The script runs again by that alone."""


def _row(one: LiveCall) -> dict[str, Any]:
    call, standing = one.call, one.standing
    return {
        "id": call.session_id,
        "short": wording.short(call.session_id),
        "state": one.state.name,
        "note": one.state.note,
        "since": wording.clock(one.state_ms / 1000),
        "elapsed": wording.clock(one.elapsed_ms / 1000),
        "turns": f"{call.turns:,}",
        "last": _waited(standing.last_wait_ms, standing.last_wait_is) if standing else wording.UNKNOWN,
        "longest": wording.milliseconds(standing.longest_wait_ms if standing else None),
        "cut": f"{call.interruptions:,}",
        "errors": f"{call.errors:,}",
        "metered": wording.money(call.metered_usd_nanos, call.unmetered),
        "billed": wording.money(call.billed_usd_nanos, call.unpriced),
        "model": call.model or wording.UNKNOWN,
        "from": " · ".join(part for part in (call.label, call.source, call.worker) if part),
    }


def _waited(wait_ms: float | None, of: str | None) -> str:
    return wording.milliseconds(wait_ms) + (" w" if of == "wire" else "")
