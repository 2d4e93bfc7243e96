"""The parts of a call's page that run in the browser: the waterfall with its player, and the transcript.

They fetch what they show from `dashboard.calls`; Streamlit only says which call, and hears which piece was chosen.
"""

from typing import Any

import msgspec

from dashboard.browser_parts import browser_part
from dashboard.palette import LANES
from pipeline.domain import facts


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the waterfall that the reader chose: see `timeline.Piece`."""

    lane: str
    of: str
    which: str


def waterfall(session: facts.Session) -> Chosen | None:
    """The waterfall and the player; gives the piece that is chosen."""
    found = browser_part("call", "waterfall")(
        data=_told(session) | {"colours": LANES},
        default={"chosen": None},
        key=f"waterfall-{session.session_id}",
        on_chosen_change=_heard,
    )
    return msgspec.convert(found["chosen"], Chosen) if found.get("chosen") else None


def talk(session: facts.Session) -> None:
    """The transcript beside it."""
    browser_part("call", "talk")(data=_told(session), key=f"talk-{session.session_id}")


def _told(session: facts.Session) -> dict[str, Any]:
    return {"session_id": session.session_id, "version": session.version, "running": session.status == "open"}


def _heard() -> None:
    """A part says something new: the script runs again by that alone."""
