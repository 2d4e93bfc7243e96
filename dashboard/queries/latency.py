"""How long users waited. Percentiles are taken inside one cohort only: METRICS section 2 forbids mixing bases."""

from datetime import datetime

import msgspec
from duckdb import DuckDBPyConnection

from dashboard.queries.asking import Scope, ask_scoped


class Cohort(msgspec.Struct, frozen=True, kw_only=True, order=True):
    """Turns whose latencies mean the same: one kind of input, ended in one way, its end found on one basis."""

    input_kind: str
    speech_ended_by: str | None = None
    latency_basis: str
    """`unknown` where the rows do not say."""


class CohortLatency(msgspec.Struct, frozen=True, kw_only=True):
    """Both latencies of a cohort, each with the number of turns that it is of."""

    input_kind: str
    speech_ended_by: str | None
    latency_basis: str
    turns: int
    perceived: int
    perceived_p50_ms: float | None
    perceived_p90_ms: float | None
    perceived_p99_ms: float | None
    wire: int
    wire_p50_ms: float | None
    wire_p90_ms: float | None
    wire_p99_ms: float | None
    endpointing_p50_ms: float | None
    model_p50_ms: float | None

    @property
    def cohort(self) -> Cohort:
        return Cohort(
            input_kind=self.input_kind, speech_ended_by=self.speech_ended_by, latency_basis=self.latency_basis
        )


COHORTS = """
select input_kind, speech_ended_by, coalesce(latency_basis, 'unknown') as latency_basis, count(*) as turns,
    count(perceived_latency_ms) as perceived,
    quantile_cont(perceived_latency_ms, 0.5) as perceived_p50_ms,
    quantile_cont(perceived_latency_ms, 0.9) as perceived_p90_ms,
    quantile_cont(perceived_latency_ms, 0.99) as perceived_p99_ms,
    count(wire_latency_ms) as wire,
    quantile_cont(wire_latency_ms, 0.5) as wire_p50_ms,
    quantile_cont(wire_latency_ms, 0.9) as wire_p90_ms,
    quantile_cont(wire_latency_ms, 0.99) as wire_p99_ms,
    quantile_cont(endpointing_ms, 0.5) as endpointing_p50_ms,
    quantile_cont(model_latency_ms, 0.5) as model_p50_ms
from scoped_turns
where perceived_latency_ms is not null or wire_latency_ms is not null
group by 1, 2, 3
order by input_kind = 'speech' desc, perceived desc, turns desc, input_kind, speech_ended_by, latency_basis
"""


def cohorts(cursor: DuckDBPyConnection, scope: Scope) -> list[CohortLatency]:
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


def not_measured(cursor: DuckDBPyConnection, scope: Scope) -> list[NotMeasured]:
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
    select opened_at, case $measure when 'perceived' then perceived_latency_ms else wire_latency_ms end as latency_ms
    from scoped_turns
    where input_kind = $input_kind and speech_ended_by is not distinct from $speech_ended_by::varchar
        and coalesce(latency_basis, 'unknown') = $latency_basis
)
"""

OVER_TIME = """
select bucket, turns, percentile, latency_ms
from (
    unpivot (
        select time_bucket(to_seconds($bucket_s), opened_at) as bucket, count(*) as turns,
            quantile_cont(latency_ms, 0.5) as p50, quantile_cont(latency_ms, 0.9) as p90,
            quantile_cont(latency_ms, 0.99) as p99
        from measured where latency_ms is not null group by bucket
    ) on p50, p90, p99 into name percentile value latency_ms
) order by bucket, percentile
"""


def over_time(
    cursor: DuckDBPyConnection, scope: Scope, cohort: Cohort, measure: str, bucket_s: int
) -> list[LatencyPoint]:
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
from (
    select least(floor(latency_ms / $bin_ms), $bins - 1) as bin from measured where latency_ms is not null
) group by bin order by bin
"""


def distribution(
    cursor: DuckDBPyConnection, scope: Scope, cohort: Cohort, measure: str, *, bin_ms: int, bins: int
) -> list[LatencyBin]:
    """How many turns had which latency; bins without turns are left out."""
    sql = OF_COHORT + DISTRIBUTION
    return ask_scoped(
        cursor, LatencyBin, scope, sql, measure=measure, bin_ms=bin_ms, bins=bins, **msgspec.structs.asdict(cohort)
    )
