"""What all pages share: the desk, the place where a page's failure ends, and what is shown where nothing is."""

import functools
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec

import msgspec
import streamlit as st

from dashboard import definitions, wording
from dashboard.charts import table
from dashboard.desk import Desk, open_desk
from dashboard.settings import DashboardSettings, from_environment
from dashboard.sign_in_page import signed_in
from pipeline.dataset import Status
from pipeline.dataset_store import DatasetUrl, Where

P = ParamSpec("P")

_log = logging.getLogger(__name__)

BEHIND_BYTES = 1_000_000
"""Less than this is what a few calls send between two commits, and no sign of lagging behind."""
STATUS_OLD_S = 10
"""A running pipeline renews its status each second."""

LONG_ROWS = 14
LONG_PX = 520
"""A longer table scrolls in itself: what stands below it is not pushed off the page."""
NAME_PX = 130
"""Of a column of names of models or classes: cut off, `gpt-realtime-mini` read as another model."""


@st.cache_resource(show_spinner=False, hash_funcs={DatasetUrl: repr})
def _desk(place: Where, copies_gib: float) -> Desk:
    return open_desk(place, copies_gib)


def guarded(page: Callable[Concatenate[Desk, DashboardSettings, P], None]) -> Callable[P, None]:
    """Give a page the desk and the settings, and turn its failure into words that say what to do."""

    @functools.wraps(page)
    def safe(*arguments: P.args, **named: P.kwargs) -> None:
        settings = from_environment()
        if settings.signs_in and not signed_in(settings).may_look:
            # A part that renews itself outlives the sign-in: the page made anew shows the door.
            st.rerun()
        try:
            page(_desk(settings.place, settings.copies_gib), settings, *arguments, **named)
        except Exception as error:  # noqa: BLE001  # the top of a page: whatever broke, the reader gets words
            _log.exception("page failed")
            _failure(settings, error)

    return safe


def _failure(settings: DashboardSettings, error: Exception) -> None:
    st.error(
        f"**This page could not be made.** The dataset in `{settings.place}` could not be read "
        f"({type(error).__name__}). The dashboard's log has the details.",
        icon=":material/error:",
    )
    st.markdown(
        "What helps most often:\n"
        "- Wait a moment and reload: a rebuild may be replacing the tables.\n"
        "- Run `calltape doctor`: it looks for what keeps Calltape from working, and says what to do.\n"
        "- Run `calltape rebuild`: it makes all tables anew from the archive. Nothing that was recorded is lost."
    )


def now() -> datetime:
    return datetime.now(UTC)


def grid(rows: Sequence[msgspec.Struct], columns: dict[str, Any], **options: Any) -> Any:
    """A table of rows with these columns in this order, whose configuration is given by name."""
    columns = explained(columns)
    height = LONG_PX if len(rows) > LONG_ROWS else "content"
    options = {"placeholder": wording.UNKNOWN, "height": height} | options
    return st.dataframe(table(rows), hide_index=True, column_order=list(columns), column_config=columns, **options)


def explained(columns: dict[str, Any]) -> dict[str, Any]:
    """The columns' configuration; one without words of its own to hover over has those that its name always has."""
    return {
        name: column | {"help": column["help"] or definitions.COLUMNS.get(name)} for name, column in columns.items()
    }


def drawn(chart: Any, title: str, words: str, *, alt: str, key: str, **options: Any) -> Any:
    """A chart under its title, with the definition of what is drawn to hover over; gives what was clicked in it."""
    st.markdown(f"**{title}**", help=words)
    return st.altair_chart(chart, width="stretch", alt=alt, key=key, **options)


def pipeline_note(status: Status | None, settings: DashboardSettings, at: datetime) -> None:
    """One line on how fresh the rows are; a warning where they are not."""
    if status is None:
        st.warning(
            f"No pipeline has written to `{settings.place}` yet. Start it with `calltape up` (everything) or "
            "`calltape pipeline`, and mind that its data_dir is the one of this dashboard.",
            icon=":material/warning:",
        )
        return
    behind = sum(worker.behind_bytes for worker in status.workers.values())
    if status.state == "running" and (at - status.at).total_seconds() < STATUS_OLD_S and not status.set_aside:
        written = (
            "no rows yet" if status.last_commit_at is None else f"last rows {wording.ago(status.last_commit_at, at)}"
        )
        said = written if behind < BEHIND_BYTES else f"{written}, {behind / 1e6:,.1f} MB of the journal to go"
        st.caption(f":green[●] Pipeline running · {said}", help=_details(status))
        return
    st.warning(_trouble(status, behind, at), icon=":material/warning:")


def _details(status: Status) -> str:
    last = "none yet" if status.last_commit_at is None else wording.moment(status.last_commit_at)
    return (
        f"Since {wording.moment(status.started_at)}: {wording.count(status.events, 'event')} read, "
        f"{wording.count(status.rows, 'row')} written in {wording.count(status.commits, 'commit')}, the last at {last}."
    )


def _trouble(status: Status, behind: int, at: datetime) -> str:
    """What keeps the rows from being fresh, and what to do about it."""
    if status.set_aside:
        first = status.set_aside[0]
        return (
            f"{wording.count(len(status.set_aside), 'call')} could not be analysed, first `{first.session_id}` at "
            f"event {first.seq}. Everything is recorded; after an update, `calltape rebuild` brings the rows."
        )
    if status.state == "retrying":
        return (
            f"The dataset can't be written ({status.last_error or 'no reason given'}). Calls are still recorded: the "
            f"journal keeps them ({behind / 1e6:,.1f} MB waiting). Free space, or make the folder writable."
        )
    return (
        f"The pipeline does not run (last sign {wording.ago(status.at, at)}): what is shown is as of then. "
        "Calls are still recorded by the relay. Start it with `calltape up` or `calltape pipeline`."
    )


def no_calls_yet(settings: DashboardSettings) -> None:
    """What a new user sees: how to get the first call on the screen."""
    st.subheader("No calls recorded yet")
    st.markdown("Point a Realtime client at the relay; its calls appear here within about a second.")
    st.code(f'client = AsyncOpenAI(websocket_base_url="{settings.relay_url}")   # that\'s all', language="python")
    st.markdown(
        "Any other client: replace `wss://api.openai.com/v1` in its URL by the address above, and keep everything "
        "else as it is. Without a client of your own, run `calltape call`: it holds a few calls through the relay."
    )
    st.caption(f"This page reads `{settings.place}`.")
