"""Who cut whom off: interruptions over time, how long the agent took to yield, and each one of them."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime

import msgspec

from dashboard.queries.asking import FACETS, Scope, ask_scoped, bucket_of
from pipeline.dataset_cursor import Cursor


class ClassCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many interruptions of one class began in one stretch of time."""

    bucket: datetime
    name: str
    """The class in plain words."""
    count: int


OVER_TIME = f"""
select {bucket_of('"at"')} as bucket, replace(class, '_', ' ') as name, count(*) as count
from scoped_interruptions group by all order by bucket, name
"""


def over_time(cursor: Cursor, scope: Scope, bucket_s: int) -> list[ClassCount]:
    return ask_scoped(cursor, ClassCount, scope, OVER_TIME, bucket_s=bucket_s)


class YieldBin(msgspec.Struct, frozen=True, kw_only=True):
    from_ms: float
    to_ms: float
    count: int


YIELD = """
select bin * $bin_ms as from_ms, (bin + 1) * $bin_ms as to_ms, count(*) as count
from (
    select floor(time_to_yield_ms / $bin_ms) as bin from scoped_interruptions
    where yielded and time_to_yield_ms is not null
) group by bin order by bin
"""


def time_to_yield(cursor: Cursor, scope: Scope, *, bin_ms: int) -> list[YieldBin]:
    """How long the agent went on talking once the user had begun, of the times that it yielded."""
    return ask_scoped(cursor, YieldBin, scope, YIELD, bin_ms=bin_ms)


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """One interruption."""

    session_id: str
    seq: int
    turn_index: int | None
    at: datetime
    name: str
    yielded: bool
    overlap_ms: float | None
    time_to_yield_ms: float | None
    unheard_ms: float | None
    unheard_usd: float | None
    transcript: str | None
    reason: str | None


LISTED = """
select session_id, seq, turn_index, "at", replace(class, '_', ' ') as name, yielded, overlap_ms, time_to_yield_ms,
    unheard_ms, unheard_usd_nanos / 1e9 as unheard_usd, transcript, reason
from scoped_interruptions
where len($classes::varchar[]) = 0 or list_contains($classes::varchar[], class)
"""
ORDERS = {
    "newest": '"at" desc',
    "longest to yield": "time_to_yield_ms desc nulls last",
    "most unheard": "unheard_ms desc nulls last",
    "longest overlap": "overlap_ms desc nulls last",
}


def listed(
    cursor: Cursor, scope: Scope, *, classes: tuple[str, ...] = (), order: str = "newest", limit: int = 100
) -> list[Cut]:
    """Interruptions one by one. No class given means all; `order` is a key of `ORDERS`."""
    sql = f"{LISTED} order by {ORDERS[order]}, session_id, seq limit $limit"
    return ask_scoped(cursor, Cut, scope, sql, classes=classes, limit=limit)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a facet, and how often its turns were interrupted."""

    value: str
    spoken_turns: int
    interruptions: int
    per_100_turns: float | None
    barge_ins_per_100_turns: float | None
    false_per_100_turns: float | None


def by_facet(cursor: Cursor, scope: Scope, facet: str) -> list[Rate]:
    """The rate of interruptions for each value of a facet (a key of `FACETS`), the most turns first."""
    sql = f"""
    , told as (select session_id, {FACETS[facet]} as value from scope),
    spoken as (
        select value, count(*) as spoken_turns from scoped_turns join told using (session_id)
        where generated_ms > 0 group by value
    ), cut as (
        select value, count(*) as interruptions, count(*) filter (where class = 'barge_in') as barge_ins,
            count(*) filter (where class = 'false_interruption') as false_ones
        from scoped_interruptions join told using (session_id) group by value
    )
    select value, spoken_turns, coalesce(interruptions, 0) as interruptions,
        coalesce(interruptions, 0) * 100.0 / spoken_turns as per_100_turns,
        coalesce(barge_ins, 0) * 100.0 / spoken_turns as barge_ins_per_100_turns,
        coalesce(false_ones, 0) * 100.0 / spoken_turns as false_per_100_turns
    from spoken left join cut using (value) order by spoken_turns desc, value limit 50
    """
    return ask_scoped(cursor, Rate, scope, sql)
