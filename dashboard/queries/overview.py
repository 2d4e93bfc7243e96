"""What the overview asks about a scope: how many calls, what they cost, what went wrong."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime

import msgspec

from dashboard.queries.asking import Scope, ask_scoped, bucket_of
from pipeline.dataset_cursor import Cursor


class Headline(msgspec.Struct, frozen=True, kw_only=True):
    """The figures at the top. Money is nano-dollars; a rate is None where its denominator is nought."""

    sessions: int
    live: int
    closed: int
    complete: int
    """Of the closed ones: those whose log has no hole and ends with its close."""
    turns: int
    spoken_turns: int
    """Turns in which the agent spoke: what an interruption rate is out of."""
    interruptions: int
    yielded: int
    """Interruptions for which the agent gave up the floor."""
    call_minutes: float
    metered_usd_nanos: int
    billed_usd_nanos: int
    unpriced: int
    metered_usd_per_minute: float | None
    billed_usd_per_minute: float | None
    metered_usd_per_call: float | None
    billed_usd_per_call: float | None
    interruptions_per_100_turns: float | None
    """Out of the spoken turns."""
    time_to_yield_p50_ms: float | None
    unheard_s: float
    unheard_usd_nanos: int
    errors: int
    sessions_with_errors: int
    events_lost: int


# One scan of each table.
HEADLINE = """
select calls.*, talk.*, cut.*, paid.*, wrong.*, gone.*,
    paid.metered_usd_nanos / nullif(calls.call_minutes, 0) / 1e9 as metered_usd_per_minute,
    paid.billed_usd_nanos / nullif(calls.call_minutes, 0) / 1e9 as billed_usd_per_minute,
    paid.metered_usd_nanos / nullif(calls.sessions, 0) / 1e9 as metered_usd_per_call,
    paid.billed_usd_nanos / nullif(calls.sessions, 0) / 1e9 as billed_usd_per_call,
    cut.interruptions * 100.0 / nullif(talk.spoken_turns, 0) as interruptions_per_100_turns
from (
    select count(*) as sessions, count(*) filter (where status = 'open') as live,
        count(*) filter (where status = 'closed') as closed,
        count(*) filter (where status = 'closed' and complete) as complete,
        (select coalesce(sum(minutes), 0.0) from call_time) as call_minutes
    from scope
) as calls, (
    select count(*) as turns, count(*) filter (where generated_ms > 0) as spoken_turns from scoped_turns
) as talk, (
    select count(*) as interruptions, count(*) filter (where yielded) as yielded,
        median(time_to_yield_ms) filter (where yielded) as time_to_yield_p50_ms,
        coalesce(sum(unheard_ms) filter (where yielded), 0.0) / 1000 as unheard_s,
        coalesce(sum(unheard_usd_nanos) filter (where yielded), 0)::bigint as unheard_usd_nanos
    from scoped_interruptions
) as cut, (
    select coalesce(sum(metered_usd_nanos), 0)::bigint as metered_usd_nanos,
        coalesce(sum(billed_usd_nanos), 0)::bigint as billed_usd_nanos, coalesce(sum(unpriced), 0)::bigint as unpriced
    from scoped_audio_minutes
) as paid, (
    select count(*) as errors, count(distinct session_id) as sessions_with_errors from scoped_session_errors
) as wrong, (select coalesce(sum(count), 0)::bigint as events_lost from scoped_gaps) as gone
"""


def headline(cursor: Cursor, scope: Scope) -> Headline:
    [found] = ask_scoped(cursor, Headline, scope, HEADLINE)
    return found


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """From where to where the scope's calls reach; None where it has none."""

    first_at: datetime | None
    last_at: datetime | None


EXTENT = """
select min(greatest(opened_at, coalesce($since::timestamptz, opened_at))) as first_at,
    max(least(last_event_at, $until::timestamptz)) as last_at
from scope
"""


def extent(cursor: Cursor, scope: Scope) -> Extent:
    [found] = ask_scoped(cursor, Extent, scope, EXTENT)
    return found


class InterruptionClass(msgspec.Struct, frozen=True, kw_only=True):
    """One class of interruptions; classes that did not happen are there with count 0."""

    class_: str = msgspec.field(name="class")
    name: str
    """The class in plain words."""
    count: int
    yielded: int
    per_100_turns: float | None
    """Per 100 turns in which the agent spoke."""
    median_overlap_ms: float | None
    median_time_to_yield_ms: float | None
    unheard_s: float
    unheard_usd_nanos: int


INTERRUPTIONS = """
select classes.class, replace(classes.class, '_', ' ') as name, count(found.seq) as count,
    count(*) filter (where found.yielded) as yielded,
    count(found.seq) * 100.0 / nullif((select count(*) from scoped_turns where generated_ms > 0), 0) as per_100_turns,
    median(found.overlap_ms) as median_overlap_ms,
    median(found.time_to_yield_ms) filter (where found.yielded) as median_time_to_yield_ms,
    coalesce(sum(found.unheard_ms) filter (where found.yielded), 0.0) / 1000 as unheard_s,
    coalesce(sum(found.unheard_usd_nanos) filter (where found.yielded), 0)::bigint as unheard_usd_nanos
from (values (1, 'barge_in'), (2, 'false_interruption'), (3, 'backchannel'), (4, 'talked_over'), (5, 'agent_cut_in'))
    as classes(place, class)
left join scoped_interruptions as found using (class)
group by classes.place, classes.class order by classes.place
"""


def interruptions(cursor: Cursor, scope: Scope) -> list[InterruptionClass]:
    return ask_scoped(cursor, InterruptionClass, scope, INTERRUPTIONS)


class MoneyBucket(msgspec.Struct, frozen=True, kw_only=True):
    bucket: datetime
    basis: str
    """metered, billed."""
    usd: float
    bar_from: datetime
    bar_to: datetime
    """The left half of the stretch for metered, the right half for billed, so that bars can stand side by side."""


MONEY_OVER_TIME = f"""
select *, bucket + to_seconds($bucket_s * case basis when 'metered' then 0.06 else 0.5 end) as bar_from,
    bucket + to_seconds($bucket_s * case basis when 'metered' then 0.5 else 0.94 end) as bar_to
from (unpivot (
    select {bucket_of("minute")} as bucket,
        sum(metered_usd_nanos) / 1e9 as metered, sum(billed_usd_nanos) / 1e9 as billed
    from scoped_audio_minutes group by bucket
) on metered, billed into name basis value usd)
order by bucket, basis desc
"""


def money_over_time(cursor: Cursor, scope: Scope, bucket_s: int) -> list[MoneyBucket]:
    return ask_scoped(cursor, MoneyBucket, scope, MONEY_OVER_TIME, bucket_s=bucket_s)


class ModelMoney(msgspec.Struct, frozen=True, kw_only=True):
    model: str
    sessions: int
    call_minutes: float
    metered_usd: float
    billed_usd: float | None
    """None where nothing of the model's could be priced."""
    metered_usd_per_minute: float | None
    billed_usd_per_minute: float | None
    unpriced: int


MONEY_BY_MODEL = """
select call_time.model, count(*) as sessions, sum(call_time.minutes) as call_minutes,
    coalesce(sum(money.metered_nanos), 0) / 1e9 as metered_usd,
    case when sum(money.unpriced) > 0 and sum(money.billed_nanos) = 0 then null
        else coalesce(sum(money.billed_nanos), 0) / 1e9 end as billed_usd,
    metered_usd / nullif(sum(call_time.minutes), 0) as metered_usd_per_minute,
    billed_usd / nullif(sum(call_time.minutes), 0) as billed_usd_per_minute,
    coalesce(sum(money.unpriced), 0)::bigint as unpriced
from call_time
left join (
    select session_id, sum(metered_usd_nanos) as metered_nanos, sum(billed_usd_nanos) as billed_nanos,
        sum(unpriced) as unpriced
    from scoped_audio_minutes group by session_id
) as money using (session_id)
group by call_time.model order by metered_usd desc, model
"""


def money_by_model(cursor: Cursor, scope: Scope) -> list[ModelMoney]:
    return ask_scoped(cursor, ModelMoney, scope, MONEY_BY_MODEL)


class ErrorKind(msgspec.Struct, frozen=True, kw_only=True):
    kind: str
    code: str | None
    count: int
    sessions: int
    last_at: datetime
    last_message: str | None
    last_session_id: str


ERRORS = """
select kind, code, count(*) as count, count(distinct session_id) as sessions, max("at") as last_at,
    arg_max(message, "at") as last_message, arg_max(session_id, "at") as last_session_id
from scoped_session_errors group by kind, code order by count desc, last_at desc limit 50
"""


def errors(cursor: Cursor, scope: Scope) -> list[ErrorKind]:
    return ask_scoped(cursor, ErrorKind, scope, ERRORS)


class Incomplete(msgspec.Struct, frozen=True, kw_only=True):
    reason: str
    sessions: int
    events_lost: int
    last_session_id: str


INCOMPLETE = """
select coalesce(incomplete_reason, 'not stated') as reason, count(*) as sessions,
    coalesce(sum(events_lost), 0)::bigint as events_lost, arg_max(session_id, opened_at) as last_session_id
from scope where status = 'closed' and not complete
group by reason order by sessions desc, reason
"""


def incomplete(cursor: Cursor, scope: Scope) -> list[Incomplete]:
    """Closed calls whose log is not whole, by reason."""
    return ask_scoped(cursor, Incomplete, scope, INCOMPLETE)
