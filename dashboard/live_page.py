"""The calls in progress: what each is doing, how long its callers have waited, and what it has cost so far."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import streamlit as st

from dashboard import addresses, definitions, live, wording
from dashboard.desk import Desk
from dashboard.filters import facet_bar
from dashboard.frame import grid, guarded, now, pipeline_note
from dashboard.live import LiveCall, Now
from dashboard.live_component import live_table
from dashboard.queries import live as queries
from dashboard.queries.live import SHOWN_MAX, OpenCall
from dashboard.scoped import known_or_waiting
from dashboard.settings import DashboardSettings

DAYS_BACK: Final = timedelta(days=2)
"""The API ends a session after an hour; what is open since longer is not in progress."""
PLAIN: Final[dict[str, Any]] = {"delta_color": "off", "delta_arrow": "off", "border": True}
ORDERS: Final[dict[str, Any]] = {
    "newest": lambda one: one.elapsed_ms,
    "waiting longest": lambda one: -one.waiting_ms,
    "longest wait": lambda one: -((one.standing.longest_wait_ms if one.standing else None) or 0.0),
    "dearest": lambda one: -one.call.metered_usd_nanos,
}


@guarded
def page(desk: Desk, settings: DashboardSettings) -> None:
    """The order and the filters, and the calls as a fragment that renews itself."""
    known = known_or_waiting(desk, settings)
    if not known:
        return
    facets, order = facet_bar(known, _order)
    chosen = {name: values for name, values in facets.items() if values}
    st.fragment(_calls, run_every=settings.refresh_seconds)(order, chosen)


def _order() -> str:
    return st.segmented_control(
        "Order", list(ORDERS), default="newest", required=True, key="order", bind="query-params",
        help="Waiting longest: at this moment. Longest wait: of all turns of the call.",
    )  # fmt: skip


@guarded
def _calls(desk: Desk, settings: DashboardSettings, order: str, facets: dict[str, tuple[str, ...]]) -> None:
    at = now()
    pipeline_note(desk.dataset.status(), settings, at)
    found = standing_now(desk, at, facets)
    _figures(found)
    if found.calls:
        live_table(sorted(found.calls, key=ORDERS[order]), _open)
        _beyond(found)
    else:
        _idle(settings, narrowed=bool(facets))
    _gone(found.gone)


def standing_now(desk: Desk, at: datetime, facets: Mapping[str, tuple[str, ...]] | None = None) -> Now:
    """How the calls stand of which no end was seen: all, or those with one of these values of each facet given."""
    first_day = (at - DAYS_BACK).date()
    calls = desk.lately(queries.open_calls, first_day, **(facets or {}))
    going = tuple(call.session_id for call in live.in_progress(calls, at))
    return live.at_moment(calls, desk.lately(queries.standings, going, first_day), at)


def _open(session_id: str) -> None:
    addresses.go(addresses.SESSION, session=session_id)


def _figures(found: Now) -> None:
    calls, quiet = found.calls, found.count(live.QUIET)
    waiting = [one for one in calls if one.waiting_ms]
    with st.grid(6, min_column_width=148, gap="xsmall", key="figures"):
        st.metric(
            "In progress", f"{len(calls) - quiet:,}", f"{quiet:,} quiet", **PLAIN,
            help=f"No end was seen, and something was within {live.QUIET_S:.0f} s. Quiet: nothing was, for longer.",
        )  # fmt: skip
        st.metric(
            "User speaking", f"{found.count(live.USER, live.BOTH):,}", f"{found.count(live.BOTH):,} over the agent",
            help="From the API's speech_started to its speech_stopped.", **PLAIN,
        )  # fmt: skip
        st.metric(
            "Agent speaking", f"{found.count(live.AGENT):,}", f"{found.count(live.LISTENING):,} listening",
            help="An answer is being heard, by the playout clock.", **PLAIN,
        )  # fmt: skip
        st.metric(
            "Waiting", f"{len(waiting):,}", f"{found.count(live.TOOL):,} for a tool",
            help="The user has ended and nothing of the answer has come yet.", **PLAIN,
        )  # fmt: skip
        st.metric(
            "Longest wait now", wording.milliseconds(max((one.waiting_ms for one in waiting), default=None)),
            _longest_so_far(calls), help="Of the calls that wait at this moment.", **PLAIN,
        )  # fmt: skip
        st.metric(
            "Cost so far", wording.money(*_sum(calls, "metered_usd_nanos", "unmetered")),
            f"billed {wording.money(*_sum(calls, 'billed_usd_nanos', 'unpriced'))}",
            help=f"Of the calls in progress. Metered: {definitions.METERED} Billed: {definitions.BILLED}", **PLAIN,
        )  # fmt: skip


def _longest_so_far(calls: Sequence[LiveCall]) -> str:
    longest = [one.standing.longest_wait_ms for one in calls if one.standing and one.standing.longest_wait_ms]
    return f"longest so far {wording.milliseconds(max(longest, default=None))}"


def _sum(calls: Sequence[LiveCall], money: str, unknown: str) -> tuple[int, int]:
    return sum(getattr(one.call, money) for one in calls), sum(getattr(one.call, unknown) for one in calls)


def _beyond(found: Now) -> None:
    of = found.calls[0].call.of
    if of > SHOWN_MAX:
        st.caption(f"The youngest {SHOWN_MAX:,} of {of:,} calls without an end.")


def _idle(settings: DashboardSettings, *, narrowed: bool) -> None:
    """What stands here between two calls."""
    if narrowed:
        st.info("No call in progress passes the filters. Clear one to see the others.", icon=":material/search_off:")
        return
    st.info(
        "No call is in progress. The next one appears here within about a second of its start; those that are over "
        f"are under Sessions. Clients reach the relay at `{settings.relay_url}`.",
        icon=":material/call_end:",
    )


def _gone(calls: Sequence[OpenCall]) -> None:
    """Calls that are open in the tables only."""
    if not calls:
        return
    with st.expander(f"No end seen: {wording.count(len(calls), 'call')}", icon=":material/link_off:"):
        st.caption(
            f"Nothing was recorded of them for {live.GONE_S / 60:.0f} minutes or more, and no end: their worker is "
            "gone. When it starts again it ends them in the log, from what its journal holds; one that was lost with "
            "its disk leaves them as they are. They are not counted above."
        )
        _gone_table(calls)


def _gone_table(calls: Sequence[OpenCall]) -> None:
    text, moment = st.column_config.TextColumn, st.column_config.DatetimeColumn
    grid(
        calls,
        {
            "session_id": text("session"),
            "worker": text("worker"),
            "model": text("model"),
            "opened_at": moment("opened (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "last_event_at": moment("last seen (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
            "turns": st.column_config.NumberColumn("turns", format="%,d"),
        },
        key="gone",
    )
