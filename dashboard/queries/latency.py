"""How long users waited. Percentiles are taken inside one cohort only: METRICS section 2 forbids mixing bases."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime

import msgspec

from dashboard.queries.asking import FACETS, Scope, ask_scoped
from dashboard.queries.percentiles import percentile, ranked
from pipeline.dataset_cursor import Cursor

MEASURES = ("perceived", "wire")


class Cohort(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Turns whose latencies mean the same: one kind of input, ended in one way, its end found on one basis."""

    input_kind: str
    speech_ended_by: str | None = None
    latency_basis: str
    """`unknown` where the rows do not say."""


class CohortLatency(msgspec.Struct, frozen=True, kw_only=True):
    """Both latencies of a cohort, in whole milliseconds, each with the number of turns that it is of."""

    input_kind: str
    speech_ended_by: str | None
    latency_basis: str
    perceived: int
    perceived_p50_ms: float | None
    perceived_p90_ms: float | None
    perceived_p99_ms: float | None
    wire: int
    wire_p50_ms: float | None
    wire_p90_ms: float | None
    wire_p99_ms: float | None

    @property
    def cohort(self) -> Cohort:
        return Cohort(
            input_kind=self.input_kind, speech_ended_by=self.speech_ended_by, latency_basis=self.latency_basis
        )


def _counted(measure: str) -> str:
    return f"""
        select '{measure}' as measure, input_kind, speech_ended_by,
            coalesce(latency_basis, 'unknown') as latency_basis, round({measure}_latency_ms)::integer as ms,
            count(*) as n
        from scoped_turns where {measure}_latency_ms is not null group by all
    """


def _of(measure: str) -> str:
    names = ("p50", "p90", "p99")
    given = [f"max({name}) filter (where measure = '{measure}') as {measure}_{name}_ms" for name in names]
    return ", ".join([f"coalesce(max(total) filter (where measure = '{measure}'), 0)::bigint as {measure}", *given])


COHORTS = f"""
, counted as ({" union all ".join(_counted(measure) for measure in MEASURES)}),
ranked as ({ranked("counted", "measure, input_kind, speech_ended_by, latency_basis")}),
quantiles as (
    select measure, input_kind, speech_ended_by, latency_basis, any_value(total) as total,
        {percentile("p50")} as p50, {percentile("p90")} as p90, {percentile("p99")} as p99
    from ranked group by all
)
select input_kind, speech_ended_by, latency_basis, {_of("perceived")}, {_of("wire")}
from quantiles group by input_kind, speech_ended_by, latency_basis
order by input_kind = 'speech' desc, perceived desc, wire desc, input_kind, speech_ended_by, latency_basis
"""


def cohorts(cursor: Cursor, scope: Scope) -> list[CohortLatency]:
    """Every cohort that was measured; speech first, the largest before the smaller."""
    return ask_scoped(cursor, CohortLatency, scope, COHORTS)


class NotMeasured(msgspec.Struct, frozen=True, kw_only=True):
    measure: str
    """perceived, wire."""
    input_kind: str
    reason: str
    turns: int


NOT_MEASURED = """
select measure, input_kind, reason, count(*) as turns
from (
    select 'perceived' as measure, input_kind, status, perceived_latency_reason as given
    from scoped_turns where perceived_latency_ms is null
    union all
    select 'wire', input_kind, status, wire_latency_reason from scoped_turns where wire_latency_ms is null
), lateral (select coalesce(given, case when status = 'open' then 'not answered yet' else 'not stated' end) as reason)
group by all order by measure, turns desc, input_kind, reason
"""


def not_measured(cursor: Cursor, scope: Scope) -> list[NotMeasured]:
    """Turns without a latency, by the reason that stands beside the NULL."""
    return ask_scoped(cursor, NotMeasured, scope, NOT_MEASURED)


class LatencyPoint(msgspec.Struct, frozen=True, kw_only=True):
    """One percentile of the turns that opened in one stretch of time."""

    bucket: datetime
    turns: int
    percentile: str
    """p50, p90, p99."""
    latency_ms: float


OF_COHORT = """
, measured as (
    select *, case $measure when 'perceived' then perceived_latency_ms else wire_latency_ms end as latency_ms
    from scoped_turns
    where input_kind = $input_kind and speech_ended_by is not distinct from $speech_ended_by::varchar
        and coalesce(latency_basis, 'unknown') = $latency_basis
        and case $measure when 'perceived' then perceived_latency_ms else wire_latency_ms end is not null
)
"""

OVER_TIME = f"""
, counted as (
    select time_bucket(to_seconds($bucket_s), opened_at) as bucket, round(latency_ms)::integer as ms, count(*) as n
    from measured group by all
), ranked as ({ranked("counted", "bucket")})
select bucket, turns, percentile, latency_ms
from (
    unpivot (
        select bucket, any_value(total)::bigint as turns, {percentile("p50")} as p50, {percentile("p90")} as p90,
            {percentile("p99")} as p99
        from ranked group by bucket
    ) on p50, p90, p99 into name percentile value latency_ms
) order by bucket, percentile
"""


def over_time(cursor: Cursor, scope: Scope, cohort: Cohort, measure: str, bucket_s: int) -> list[LatencyPoint]:
    sql = OF_COHORT + OVER_TIME
    return ask_scoped(
        cursor, LatencyPoint, scope, sql, measure=measure, bucket_s=bucket_s, **msgspec.structs.asdict(cohort)
    )


class LatencyBin(msgspec.Struct, frozen=True, kw_only=True):
    from_ms: float
    to_ms: float
    """The last bin holds all that is slower, too."""
    turns: int
    share: float
    slower: bool
    """This is the last bin."""


DISTRIBUTION = """
select bin * $bin_ms as from_ms, (bin + 1) * $bin_ms as to_ms, count(*) as turns,
    count(*) / sum(count(*)) over () as share, bin = $bins - 1 as slower
from (select least(floor(latency_ms / $bin_ms), $bins - 1) as bin from measured)
group by bin order by bin
"""


def distribution(
    cursor: Cursor, scope: Scope, cohort: Cohort, measure: str, *, bin_ms: int, bins: int
) -> list[LatencyBin]:
    """How many turns had which latency; bins without turns are left out."""
    sql = OF_COHORT + DISTRIBUTION
    return ask_scoped(
        cursor, LatencyBin, scope, sql, measure=measure, bin_ms=bin_ms, bins=bins, **msgspec.structs.asdict(cohort)
    )


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a facet, and how long its turns of one cohort took."""

    value: str
    turns: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


def by_facet(cursor: Cursor, scope: Scope, cohort: Cohort, measure: str, facet: str) -> list[Share]:
    """The cohort's latency for each value of a facet (a key of `FACETS`), the most turns first."""
    sql = f"""{OF_COHORT}
    , told as (select session_id, {FACETS[facet]} as value from scope),
    counted as (
        select value, round(latency_ms)::integer as ms, count(*) as n from measured join told using (session_id)
        group by all
    ), ranked as ({ranked("counted", "value")})
    select value, any_value(total)::bigint as turns, {percentile("p50")} as p50_ms, {percentile("p90")} as p90_ms,
        {percentile("p99")} as p99_ms
    from ranked group by value order by turns desc, value limit 50
    """
    return ask_scoped(cursor, Share, scope, sql, measure=measure, **msgspec.structs.asdict(cohort))
