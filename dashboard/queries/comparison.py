"""What the comparison of two cohorts asks about one: its figures over all calls, and some calls to draw from."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from typing import Any, Final

import msgspec
import numpy as np
import pyarrow as pa

from dashboard.bootstrap import Sums, Values
from dashboard.queries.asking import Scope, ask_scoped, table_scoped
from dashboard.queries.latency import Cohort
from pipeline.dataset_cursor import Cursor

CALLS_MAX: Final = 2000
"""Calls that are drawn from at most: those whose ids have the lowest hashes, which is as good as by lot."""
VALUES_MAX: Final = 20_000
"""Of one measure: with more, fewer calls are drawn from."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of all calls of one side, each with what it is of. None where it is of nothing."""

    calls: int
    perceived: int
    perceived_calls: int
    perceived_p50_ms: float | None
    wire: int
    wire_calls: int
    wire_p50_ms: float | None
    interruptions: int
    interruptions_per_call: float | None
    yielded: int
    yielded_calls: int
    time_to_yield_p50_ms: float | None
    minutes: float
    metered_usd_per_minute: float | None
    priced_calls: int
    """Calls in which everything has a price: billed cost is told of these alone."""
    billed_usd_per_minute: float | None


OF_COHORT: Final = """
, timed as (
    select session_id, round(perceived_latency_ms) as perceived, round(wire_latency_ms) as wire from scoped_turns
    where input_kind = $input_kind and speech_ended_by is not distinct from $speech_ended_by
        and coalesce(latency_basis, 'unknown') = $latency_basis
), cut as (
    select session_id, round(time_to_yield_ms) as yielding from scoped_interruptions
    where yielded and time_to_yield_ms is not null
), paid as (
    select session_id, sum(metered_usd_nanos) as metered, sum(billed_usd_nanos) as billed, sum(unpriced) as unpriced
    from scoped_audio_minutes group by session_id
), called as (
    select session_id, minutes, coalesce(metered, 0) as metered, coalesce(billed, 0) as billed,
        coalesce(unpriced, 0) = 0 as priced
    from call_time left join paid using (session_id)
)
"""

FIGURES: Final = """
select calls.*, talk.*, cuts.*, yields.*, cuts.interruptions / nullif(calls.calls, 0) as interruptions_per_call
from (
    select count(*) as calls, coalesce(sum(minutes), 0.0) as minutes,
        (sum(metered) / nullif(sum(minutes), 0) / 1e9)::double as metered_usd_per_minute,
        count(*) filter (where priced) as priced_calls,
        (sum(billed) filter (where priced) / nullif(sum(minutes) filter (where priced), 0) / 1e9)::double
            as billed_usd_per_minute
    from called
) as calls, (
    select count(perceived) as perceived, count(distinct session_id) filter (where perceived is not null)
            as perceived_calls, quantile_cont(perceived, 0.5) as perceived_p50_ms,
        count(wire) as wire, count(distinct session_id) filter (where wire is not null) as wire_calls,
        quantile_cont(wire, 0.5) as wire_p50_ms
    from timed
) as talk, (select count(*) as interruptions from scoped_interruptions) as cuts, (
    select count(*) as yielded, count(distinct session_id) as yielded_calls,
        quantile_cont(yielding, 0.5) as time_to_yield_p50_ms
    from cut
) as yields
"""

DRAWN: Final = f"""
, drawn as (
    select session_id, key, row_number() over (order by key) - 1 as place
    from (select session_id, hash(session_id) as key from scope order by key limit {CALLS_MAX})
)
"""
CALLS: Final = """
select key, minutes, metered::double as metered, billed::double as billed, priced,
    coalesce(interruptions, 0)::double as interruptions
from drawn join called using (session_id)
left join (select session_id, count(*) as interruptions from scoped_interruptions group by session_id)
    using (session_id)
order by place
"""
TURNS: Final = "select place, perceived, wire from timed join drawn using (session_id)"
CUTS: Final = "select place, yielding from cut join drawn using (session_id)"


class Side(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a comparison."""

    figures: Figures
    keys: Any
    """Hashes of the ids of the calls that are drawn from: an array of whole numbers."""
    perceived: Values
    wire: Values
    yielding: Values
    interruptions: Sums
    metered: Sums
    billed: Sums
    """Of the calls in which everything has a price."""


def side(cursor: Cursor, scope: Scope, cohort: Cohort) -> Side:
    """The figures of a scope's calls, latencies being those of the cohort, and the calls to draw from."""
    named = msgspec.structs.asdict(cohort)
    [figures] = ask_scoped(cursor, Figures, scope, OF_COHORT + FIGURES, **named)
    calls = _columns(table_scoped(cursor, scope, OF_COHORT + DRAWN + CALLS, **named))
    turns = _columns(table_scoped(cursor, scope, OF_COHORT + DRAWN + TURNS, **named))
    cuts = _columns(table_scoped(cursor, scope, OF_COHORT + DRAWN + CUTS, **named))
    keys, minutes, priced = calls["key"], calls["minutes"], calls["priced"].astype(bool)
    seed = int(np.bitwise_xor.reduce(keys)) if len(keys) else 0
    usd = {name: calls[name] / 1e9 for name in ("metered", "billed")}
    return Side(
        figures=figures,
        keys=keys,
        perceived=_values(turns["place"], turns["perceived"], len(keys), seed),
        wire=_values(turns["place"], turns["wire"], len(keys), seed),
        yielding=_values(cuts["place"], cuts["yielding"], len(keys), seed),
        interruptions=Sums(over=calls["interruptions"], under=np.ones(len(keys)), seed=seed),
        metered=Sums(over=usd["metered"], under=minutes, seed=seed),
        billed=Sums(over=usd["billed"][priced], under=minutes[priced], seed=seed),
    )


def _columns(rows: pa.Table) -> dict[str, Any]:
    return {name: rows.column(name).to_numpy(zero_copy_only=False) for name in rows.column_names}


def _values(places: Any, measured: Any, calls: int, seed: int) -> Values:
    """The values of one measure, NaN where there is none, of as many calls as keep them few enough."""
    known = ~np.isnan(measured)
    places, values = places[known].astype(np.int64), measured[known].astype(np.float64)
    if len(values) > VALUES_MAX:
        upto = np.cumsum(np.bincount(places, minlength=calls))
        calls = max(1, int(np.searchsorted(upto, VALUES_MAX, side="right")))
        kept = places < calls
        places, values = places[kept], values[kept]
    # Sorted, so that the order in which the rows come changes nothing.
    order = np.lexsort((values, places))
    return Values(values=values[order], calls=places[order], of=calls, seed=seed)
