"""The sections of the overview. Each lays out what it is given; none computes."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec
import streamlit as st

from dashboard import charts, definitions, wording
from dashboard.frame import grid
from dashboard.queries.latency import CohortLatency, LatencyBin, LatencyPoint, NotMeasured
from dashboard.queries.overview import (
    ErrorKind,
    Headline,
    Incomplete,
    InterruptionClass,
    ModelMoney,
    MoneyBucket,
)
from dashboard.queries.sessions import LiveCall
from dashboard.session_page import link

LIVE_SHOWN: Final = 8
PLAIN: Final[dict[str, Any]] = {"delta_color": "off", "delta_arrow": "off", "border": True}
"""A metric whose second line is a remark and not a change."""


def live_calls(calls: Sequence[LiveCall]) -> None:
    """Calls in progress, a card each."""
    if not calls:
        return
    with st.grid("auto", min_column_width=250, gap="xsmall", key="live-calls") as cards:
        for call in calls[:LIVE_SHOWN]:
            with cards.cell(), st.container(border=True, gap="xxsmall"):
                _live_call(call)
    if len(calls) > LIVE_SHOWN:
        st.caption(f"{wording.count(len(calls), 'call')} in progress; the others are under Sessions.")


def _live_call(call: LiveCall) -> None:
    link(call.session_id, f"{wording.short(call.session_id)} · {call.model or 'model unknown'}")
    st.markdown(f":green[●] {call.state} · {wording.clock(call.running_s)}")
    if call.perceived_latency_ms is not None:
        waited = f" · last wait {wording.milliseconds(call.perceived_latency_ms)} perceived"
    elif call.wire_latency_ms is not None:
        waited = f" · last wait {wording.milliseconds(call.wire_latency_ms)} on the wire"
    else:
        waited = ""
    st.caption(f"{wording.count(call.turns, 'turn')}{waited}")


def figures(head: Headline, cohorts: Sequence[CohortLatency]) -> None:
    """The headline figures, each with its denominator or sample size."""
    first = cohorts[0] if cohorts else None
    with st.grid(5, min_column_width=160, gap="xsmall", key="figures"):
        st.metric(
            "Sessions", f"{head.sessions:,}", f"{head.live} live · {head.call_minutes:,.1f} min of call",
            help=definitions.SESSIONS, **PLAIN,
        )  # fmt: skip
        st.metric("Turns", f"{head.turns:,}", f"agent spoke in {head.spoken_turns:,}", help=definitions.TURNS, **PLAIN)
        _latency_figures(first)
        st.metric(
            "Interruption rate",
            f"{wording.rate(head.interruptions_per_100_turns)} per 100",
            f"{head.interruptions:,} in {wording.count(head.spoken_turns, 'turn')} · {head.yielded:,} yielded",
            help=definitions.INTERRUPTION_RATE, **PLAIN,
        )  # fmt: skip
        _money_figures(head)
        st.metric(
            "Complete logs", wording.share(head.complete, head.closed),
            f"{head.complete:,} of {head.closed:,} · {wording.count(head.events_lost, 'event')} lost",
            help=definitions.COMPLETE, **PLAIN,
        )  # fmt: skip
        st.metric(
            "Errors", f"{head.errors:,}", f"in {head.sessions_with_errors:,} of {head.sessions:,} calls",
            help=definitions.ERRORS, **PLAIN,
        )  # fmt: skip


def _latency_figures(first: CohortLatency | None) -> None:
    if first is None:
        st.metric("Perceived p50", wording.UNKNOWN, "no turn measured yet", help=definitions.PERCEIVED, **PLAIN)
        st.metric("Wire p50", wording.UNKNOWN, "no turn measured yet", help=definitions.WIRE, **PLAIN)
        return
    of = wording.cohort(first.input_kind, first.speech_ended_by, first.latency_basis)
    st.metric(
        "Perceived p50", wording.milliseconds(first.perceived_p50_ms),
        f"p90 {wording.milliseconds(first.perceived_p90_ms)} · n {first.perceived:,}",
        help=f"Of turns by {of}. {definitions.PERCEIVED}", **PLAIN,
    )  # fmt: skip
    st.metric(
        "Wire p50", wording.milliseconds(first.wire_p50_ms),
        f"p90 {wording.milliseconds(first.wire_p90_ms)} · n {first.wire:,}",
        help=f"Of turns by {of}. {definitions.WIRE}", **PLAIN,
    )  # fmt: skip


def _money_figures(head: Headline) -> None:
    at_least = "≥ " if head.unpriced else ""
    unknown = head.unpriced and not head.billed_usd_nanos
    st.metric(
        "Metered per minute", wording.dollars(head.metered_usd_per_minute),
        f"{wording.money(head.metered_usd_nanos)} in all", help=definitions.METERED, **PLAIN,
    )  # fmt: skip
    st.metric(
        "Billed per minute", "unknown" if unknown else at_least + wording.dollars(head.billed_usd_per_minute),
        f"{wording.money(head.billed_usd_nanos, head.unpriced)} in all"
        + (f" · {head.unpriced:,} unpriced" if head.unpriced else ""),
        help=definitions.BILLED, **PLAIN,
    )  # fmt: skip
    st.metric(
        "Unheard audio", wording.seconds(head.unheard_s), f"{wording.money(head.unheard_usd_nanos)} metered",
        help=definitions.UNHEARD, **PLAIN,
    )  # fmt: skip


def latency_charts(
    points: Sequence[LatencyPoint], bins: Sequence[LatencyBin], cohort: CohortLatency, measure: str
) -> None:
    """Over time and as a distribution, side by side."""
    left, right = st.columns([3, 2], gap="medium")
    left.altair_chart(charts.latency_over_time(points, measure), width="stretch", key="latency-over-time")
    right.altair_chart(charts.latency_distribution(bins, cohort, measure), width="stretch", key="latency-bins")
    st.caption(
        f"Green band: {charts.NATURAL_MS[0]} to {charts.NATURAL_MS[1]} ms, where agents begin to feel natural. Dashed: "
        f"the {charts.HUMAN_GAP_MS} ms that people leave between turns. {definitions.OBSERVED}"
    )


def cohort_table(cohorts: Sequence[CohortLatency], missing: Sequence[NotMeasured]) -> None:
    """Every cohort with its sample sizes, and what was not measured and why."""
    number, ms = st.column_config.NumberColumn, "%,.0f ms"
    grid(
        [_cohort_line(cohort) for cohort in cohorts],
        {
            "turns_by": st.column_config.TextColumn("turns by input · end · basis", width="medium"),
            "perceived": number("perceived n", format="%,d"),
            "perceived_p50_ms": number("p50", format=ms, help=definitions.PERCEIVED),
            "perceived_p90_ms": number("p90", format=ms, help=definitions.PERCENTILES),
            "perceived_p99_ms": number("p99", format=ms, help=definitions.PERCENTILES),
            "wire": number("wire n", format="%,d"),
            "wire_p50_ms": number("wire p50", format=ms, help=definitions.WIRE),
            "wire_p90_ms": number("wire p90", format=ms, help=definitions.PERCENTILES),
            "wire_p99_ms": number("wire p99", format=ms, help=definitions.PERCENTILES),
            "endpointing_p50_ms": number("endpointing p50", format=ms, help=definitions.ENDPOINTING),
            "model_p50_ms": number("model p50", format=ms, help=definitions.MODEL),
        },
        key="cohorts",
    )
    for measure in ("perceived", "wire"):
        found = [line for line in missing if line.measure == measure]
        if found:
            st.caption(f"{measure.capitalize()} not measured: {_reasons(found)}.")


class _CohortLine(CohortLatency, frozen=True, kw_only=True):
    turns_by: str


def _cohort_line(found: CohortLatency) -> _CohortLine:
    turns_by = wording.cohort(found.input_kind, found.speech_ended_by, found.latency_basis)
    return _CohortLine(**msgspec.structs.asdict(found), turns_by=turns_by)


def _reasons(missing: Sequence[NotMeasured]) -> str:
    return "; ".join(
        f"{wording.count(line.turns, f'{line.input_kind} turn')} because {wording.words(line.reason)}"
        for line in missing
    )


def interruption_section(found: Sequence[InterruptionClass]) -> None:
    """Interruptions by class."""
    st.subheader("Interruptions", help="Overlaps of user speech with agent speech, classified. " + definitions.YIELDED)
    number = st.column_config.NumberColumn
    grid(
        found,
        {
            "name": st.column_config.TextColumn("class", help=definitions.ALL_CLASSES, width=130),
            "count": number("count", format="%,d", width=55),
            "per_100_turns": number("per 100 turns", format="%.1f", help=definitions.INTERRUPTION_RATE),
            "yielded": number("yielded", format="%,d", help=definitions.YIELDED),
            "median_time_to_yield_ms": number("yield p50", format="%,.0f ms", help=definitions.TIME_TO_YIELD),
            "median_overlap_ms": number("overlap p50", format="%,.0f ms"),
            "unheard_s": number("unheard", format="%.1f s", help=definitions.UNHEARD),
        },
        key="interruptions",
    )


def money_section(over_time: Sequence[MoneyBucket], by_model: Sequence[ModelMoney]) -> None:
    """Metered beside billed, over time and by model."""
    st.subheader("Cost", help=f"**Metered**: {definitions.METERED}\n\n**Billed**: {definitions.BILLED}")
    if over_time:
        st.altair_chart(charts.money_over_time(over_time), width="stretch", key="money-over-time")
    number, usd = st.column_config.NumberColumn, "$%,.4f"
    grid(
        by_model,
        {
            "model": st.column_config.TextColumn("model", width=130),
            "sessions": number("calls", format="%,d", width=50),
            "call_minutes": number("minutes", format="%,.1f"),
            "metered_usd_per_minute": number("metered/min", format=usd, help=definitions.METERED),
            "billed_usd_per_minute": number("billed/min", format=usd, help=definitions.BILLED),
            "metered_usd": number("metered", format=usd),
            "billed_usd": number("billed", format=usd),
            "unpriced": number("unpriced", format="%,d", help=definitions.UNPRICED),
        },
        placeholder="unknown",
        key="money-by-model",
    )
    if any(line.unpriced for line in by_model):
        st.caption("Where things are unpriced, what is billed is at least the amount shown; unknown is not $0.")


def quality_section(errors: Sequence[ErrorKind], incomplete: Sequence[Incomplete]) -> None:
    """What went wrong, and which logs are not whole."""
    st.subheader("Errors and completeness", help=f"{definitions.ERRORS} {definitions.COMPLETE}")
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    if errors:
        grid(
            errors,
            {
                "kind": text("what"),
                "code": text("code"),
                "count": number("count", format="%,d"),
                "sessions": number("calls", format="%,d"),
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
