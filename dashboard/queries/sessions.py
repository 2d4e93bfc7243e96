"""Which calls there are: the list with search, and the calls in progress."""

from datetime import datetime

import msgspec
from duckdb import DuckDBPyConnection

from dashboard.queries.asking import Scope, ask, ask_scoped


class SessionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One call in the list. Money is None where nothing could be priced, never nought for unknown."""

    session_id: str
    status: str
    source: str
    model: str | None
    opened_at: datetime
    duration_s: float
    turns: int
    longest_perceived_ms: float | None
    longest_wire_ms: float | None
    interruptions: int
    tool_calls: int
    errors: int
    metered_usd: float
    billed_usd: float | None
    unpriced: int
    log: str
    """open, complete, or why it is not complete."""


CHOSEN = """
, chosen as (
    select * from scope
    where $search = '' or contains(lower(session_id), lower($search))
        or contains(lower(coalesce(upstream_session_id, '')), lower($search))
        or session_id in (
            select session_id from transcripts where contains(lower(coalesce(text, '')), lower($search))
            union all select session_id from tool_calls where contains(lower(coalesce(name, '')), lower($search))
            union all select session_id from session_errors
                where contains(lower(concat_ws(' ', kind, code, message)), lower($search))
        )
)
"""

LIST = """
, waits as (
    select session_id, max(perceived_latency_ms) as longest_perceived_ms, max(wire_latency_ms) as longest_wire_ms
    from turns semi join chosen using (session_id) group by session_id
)
select session_id, status, source, model, opened_at, duration_ms / 1000 as duration_s, turns,
    longest_perceived_ms, longest_wire_ms, interruptions, tool_calls, errors, metered_usd_nanos / 1e9 as metered_usd,
    case when unpriced > 0 and billed_usd_nanos = 0 then null else billed_usd_nanos / 1e9 end as billed_usd,
    unpriced,
    case when status = 'open' then 'open' when complete then 'complete'
        else coalesce(incomplete_reason, 'not complete') end as log
from chosen left join waits using (session_id)
order by status = 'open' desc, opened_at desc, session_id
limit $page_size offset $skip
"""


def recent(cursor: DuckDBPyConnection, scope: Scope, *, search: str, page_size: int, skip: int) -> list[SessionLine]:
    """Calls in progress first, then the newest. `search` finds ids, words that were said, tools and errors."""
    return ask_scoped(cursor, SessionLine, scope, CHOSEN + LIST, search=search.strip(), page_size=page_size, skip=skip)


COUNT = "select count(*) as count from chosen"


class Found(msgspec.Struct, frozen=True):
    count: int


def count(cursor: DuckDBPyConnection, scope: Scope, *, search: str) -> int:
    """How many calls the search finds."""
    return ask_scoped(cursor, Found, scope, CHOSEN + COUNT, search=search.strip())[0].count


class LiveCall(msgspec.Struct, frozen=True, kw_only=True):
    session_id: str
    model: str | None
    opened_at: datetime
    running_s: float
    turns: int
    state: str
    """listening, agent is thinking, agent is speaking, waiting for a tool."""
    perceived_latency_ms: float | None
    """Of the last turn."""
    wire_latency_ms: float | None
    metered_usd: float


LIVE = """
with last_turn as (
    select session_id, arg_max(turns, turn_index) as turn from turns group by session_id
), open_tools as (
    select distinct session_id from tool_calls where status = 'called'
)
select session_id, model, opened_at, extract(epoch from $now::timestamptz - opened_at) as running_s, turns,
    case
        when open_tools.session_id is not null then 'waiting for a tool'
        when turn is null then 'listening'
        when turn.playout_end_elapsed_ms > running_s * 1000 then 'agent is speaking'
        when turn.status = 'open' and turn.first_output_elapsed_ms is null
            and (turn.input_kind <> 'speech' or turn.speech_stopped_elapsed_ms is not null) then 'agent is thinking'
        when turn.input_kind = 'speech' and turn.speech_stopped_elapsed_ms is null then 'user is speaking'
        else 'listening'
    end as state,
    turn.perceived_latency_ms, turn.wire_latency_ms, metered_usd_nanos / 1e9 as metered_usd
from sessions left join last_turn using (session_id) left join open_tools using (session_id)
where status = 'open' order by opened_at desc limit 200
"""


def live(cursor: DuckDBPyConnection, now: datetime) -> list[LiveCall]:
    """Calls in progress, the youngest first."""
    return ask(cursor, LiveCall, LIVE, now=now)
