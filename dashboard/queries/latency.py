"""How long users waited. Percentiles are taken inside one cohort only: METRICS section 2 forbids mixing bases."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime
from typing import Final

import msgspec

from dashboard.queries.asking import FACETS, Scope, ask_scoped, bucket_of
from dashboard.queries.percentiles import SHARES, each, percentiles
from pipeline.dataset_cursor import Cursor

MEASURES: Final = {"perceived": "perceived_latency_ms", "wire": "wire_latency_ms"}
"""The column of each."""


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


# One scan for both measures.
COHORTS = f"""
select input_kind, speech_ended_by, latency_basis, perceived, {each("perceived_ms", "perceived_{}_ms")},
    wire, {each("wire_ms", "wire_{}_ms")}
from (
    select input_kind, speech_ended_by, coalesce(latency_basis, 'unknown') as latency_basis,
        count(perceived_latency_ms) as perceived, {percentiles("perceived_latency_ms")} as perceived_ms,
        count(wire_latency_ms) as wire, {percentiles("wire_latency_ms")} as wire_ms
    from scoped_turns where perceived_latency_ms is not null or wire_latency_ms is not null group by all
)
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


def of_cohort(measure: str) -> str:
    """The table `measured` for what goes on from it: the cohort's turns with the measure as `latency_ms`."""
    column = MEASURES[measure]
    return f"""
    , measured as (
        select *, {column} as latency_ms from scoped_turns
        where input_kind = $input_kind and speech_ended_by is not distinct from $speech_ended_by::varchar
            and coalesce(latency_basis, 'unknown') = $latency_basis and {column} is not null
    )
    """


OVER_TIME = f"""
select bucket, turns, percentile, latency_ms
from (
    unpivot (
        select bucket, turns, {each("latencies_ms", "{}")}
        from (
            select {bucket_of("opened_at")} as bucket, count(*) as turns,
                {percentiles("latency_ms")} as latencies_ms
            from measured group by bucket
        )
    ) on {", ".join(SHARES)} into name percentile value latency_ms
) order by bucket, percentile
"""


def over_time(cursor: Cursor, scope: Scope, cohort: Cohort, measure: str, bucket_s: int) -> list[LatencyPoint]:
    sql = of_cohort(measure) + OVER_TIME
    return ask_scoped(cursor, LatencyPoint, scope, sql, bucket_s=bucket_s, **msgspec.structs.asdict(cohort))


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
    sql = of_cohort(measure) + DISTRIBUTION
    return ask_scoped(cursor, LatencyBin, scope, sql, bin_ms=bin_ms, bins=bins, **msgspec.structs.asdict(cohort))


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a facet, and how long its turns of one cohort took."""

    value: str
    turns: int
    p50_ms: float | None
    p90_ms: float | None
    p99_ms: float | None


def by_facet(cursor: Cursor, scope: Scope, cohort: Cohort, measure: str, facet: str) -> list[Share]:
    """The cohort's latency for each value of a facet (a key of `FACETS`), the most turns first."""
    sql = f"""{of_cohort(measure)}
    , told as (select session_id, {FACETS[facet]} as value from scope)
    select value, turns, {each("latencies_ms", "{}_ms")}
    from (
        select value, count(*) as turns, {percentiles("latency_ms")} as latencies_ms
        from measured join told using (session_id) group by value
    )
    order by turns desc, value limit 50
    """
    return ask_scoped(cursor, Share, scope, sql, **msgspec.structs.asdict(cohort))
