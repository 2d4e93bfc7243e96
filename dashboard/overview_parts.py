"""The sections of the overview. Each lays out what it is given; none computes."""

from collections.abc import Sequence
from typing import Final

import streamlit as st

from dashboard import addresses, definitions, wording
from dashboard.cost_charts import money_over_time
from dashboard.filters import narrowing
from dashboard.frame import NAME_PX, drawn, grid
from dashboard.live import LiveCall
from dashboard.queries.overview import (
    ErrorKind,
    Incomplete,
    InterruptionClass,
    ModelMoney,
    MoneyBucket,
)
from dashboard.session_page import link

LIVE_SHOWN: Final = 4


def live_calls(calls: Sequence[LiveCall]) -> None:
    """Calls in progress, a card each."""
    if not calls:
        return
    with st.grid("auto", min_column_width=250, gap="xsmall", key="live-calls") as cards:
        for call in calls[:LIVE_SHOWN]:
            with cards.cell(), st.container(border=True, gap="xxsmall"):
                _live_call(call)
    if len(calls) > LIVE_SHOWN:
        addresses.link(addresses.LIVE, f"All {wording.count(len(calls), 'call')} in progress")


def _live_call(one: LiveCall) -> None:
    call, standing = one.call, one.standing
    link(call.session_id, f"{wording.short(call.session_id)} · {call.model or 'model unknown'}")
    st.markdown(f":green[●] {one.state.name} · {wording.clock(one.elapsed_ms / 1000)}")
    waited = ""
    if standing is not None and standing.last_wait_ms is not None:
        by = {"wire": "on the wire"}.get(standing.last_wait_is or "", standing.last_wait_is)
        waited = f" · last wait {wording.milliseconds(standing.last_wait_ms)} {by}"
    st.caption(f"{wording.count(call.turns, 'turn')}{waited}")


def interruption_section(found: Sequence[InterruptionClass], *, here: bool = False) -> None:
    """Interruptions by class; choosing one leads to each of them, which may be on this page."""
    st.subheader("Interruptions", help="Overlaps of user speech with agent speech, classified. " + definitions.YIELDED)
    number = st.column_config.NumberColumn
    picked = grid(
        found,
        {
            "name": st.column_config.TextColumn("class", help=definitions.ALL_CLASSES, width=NAME_PX),
            "count": number("count", format="%,d", width=55, help=definitions.CUTS),
            "per_100_turns": number("per 100 turns", format="%.1f", help=definitions.INTERRUPTION_RATE),
            "yielded": number("yielded", format="%,d", help=definitions.YIELDED),
            "median_time_to_yield_ms": number("yield p50", format="%,.0f ms", help=definitions.TIME_TO_YIELD_P50),
            "median_overlap_ms": number("overlap p50", format="%,.0f ms", help=definitions.OVERLAP),
            "unheard_s": number("unheard", format="%.1f s", help=definitions.UNHEARD),
        },
        on_select=narrowing("interruptions", "class", [one.name for one in found]) if here else "rerun",
        selection_mode="single-row",
        key="interruptions",
    )
    if picked.selection.rows and not here:
        addresses.go(addresses.INTERRUPTIONS, **{"class": found[picked.selection.rows[0]].name})


def money_section(over_time: Sequence[MoneyBucket], by_model: Sequence[ModelMoney]) -> None:
    """Metered beside billed, over time and by model."""
    st.subheader("Cost", help=definitions.BASES)
    money_chart(over_time)
    model_table(by_model)


def money_chart(over_time: Sequence[MoneyBucket]) -> None:
    if over_time:
        drawn(
            money_over_time(over_time), "Over time", definitions.MONEY_OVER_TIME, key="money-over-time",
            alt="What was metered and what was billed over time",
        )  # fmt: skip


def model_table(by_model: Sequence[ModelMoney], *, here: bool = False) -> None:
    """What each model's calls cost; choosing one leads to the cost of its calls, which may be on this page."""
    number, usd = st.column_config.NumberColumn, "$%,.4f"
    picked = grid(
        by_model,
        {
            "model": st.column_config.TextColumn("model", width=NAME_PX),
            "sessions": number("calls", format="%,d", width=50, help=definitions.SESSIONS),
            "call_minutes": number("minutes", format="%,.1f", help=definitions.CALL_MINUTES),
            "metered_usd_per_minute": number("metered/min", format=usd, help=definitions.METERED),
            "billed_usd_per_minute": number("billed/min", format=usd, help=definitions.BILLED),
            "metered_usd": number("metered", format=usd, help=definitions.METERED),
            "billed_usd": number("billed", format=usd, help=definitions.BILLED),
            "unpriced": number("unpriced", format="%,d", help=definitions.UNPRICED),
        },
        placeholder="unknown",
        on_select=narrowing("money-by-model", "model", [one.model for one in by_model]) if here else "rerun",
        selection_mode="single-row",
        key="money-by-model",
    )
    if any(line.unpriced for line in by_model):
        st.caption("Where things are unpriced, what is billed is at least the amount shown; unknown is not $0.")
    if picked.selection.rows and not here:
        addresses.go(addresses.COST, model=by_model[picked.selection.rows[0]].model)


def trouble_section(errors: Sequence[ErrorKind], incomplete: Sequence[Incomplete]) -> None:
    """What went wrong, and which logs are not whole."""
    st.subheader("Errors and completeness", help=f"{definitions.ERRORS} {definitions.COMPLETE}")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    if errors:
        grid(
            errors,
            {
                "kind": text("what", help=definitions.KINDS_OF_ERROR),
                "code": text("code"),
                "count": number("count", format="%,d", help=definitions.ERRORS),
                "sessions": number("calls", format="%,d", help=definitions.CALLS_WITH),
                "last_at": st.column_config.DatetimeColumn("last (UTC)", format="YYYY-MM-DD HH:mm:ss", timezone="UTC"),
                "last_message": text("last message", width="large"),
            },
            key="errors",
        )
        link(errors[0].last_session_id, "Open the last call with the most frequent error")
    else:
        st.caption("No errors in this time range.")
    for line in incomplete:
        st.caption(
            f"{wording.count(line.sessions, 'closed call')} not complete: {wording.words(line.reason)}, "
            f"{wording.count(line.events_lost, 'event')} lost."
        )
        link(line.last_session_id, f"Open the last of them, {wording.short(line.last_session_id)}")
