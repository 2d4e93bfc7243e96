"""What tools did to the talk: how often each was called, how long callers waited for it, what came of it."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime

import msgspec

from dashboard.queries.asking import Scope, ask_scoped, bucket_of
from pipeline.dataset_cursor import Cursor


class ToolLine(msgspec.Struct, frozen=True, kw_only=True):
    """One tool."""

    tool: str
    kind: str
    """function, mcp."""
    calls: int
    sessions: int
    answered: int
    not_answered: int
    """Failed, or the session ended before an output came."""
    waiting: int
    """Called a moment ago, in calls still going on."""
    wait_p50_ms: float | None
    wait_p90_ms: float | None
    wait_max_ms: float | None
    after_tool_p50_ms: float | None
    total_wait_s: float
    """What callers waited for it in all."""


BY_TOOL = """
select coalesce(name, 'unnamed') as tool, any_value(kind) as kind, count(*) as calls,
    count(distinct session_id) as sessions, count(*) filter (where status = 'answered') as answered,
    count(*) filter (where status not in ('answered', 'called')) as not_answered,
    count(*) filter (where status = 'called') as waiting,
    quantile_cont(tool_wait_ms, 0.5) as wait_p50_ms, quantile_cont(tool_wait_ms, 0.9) as wait_p90_ms,
    max(tool_wait_ms) as wait_max_ms, quantile_cont(after_tool_ms, 0.5) as after_tool_p50_ms,
    coalesce(sum(tool_wait_ms), 0.0) / 1000 as total_wait_s
from scoped_tool_calls group by tool order by total_wait_s desc, calls desc, tool limit 200
"""


def by_tool(cursor: Cursor, scope: Scope) -> list[ToolLine]:
    """Every tool, the one that was waited for longest in all first."""
    return ask_scoped(cursor, ToolLine, scope, BY_TOOL)


class ToolUse(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool."""

    session_id: str
    turn_index: int | None
    at: datetime
    tool: str
    status: str
    tool_wait_ms: float | None
    tool_wait_reason: str | None
    after_tool_ms: float | None
    arguments: str | None
    output: str | None


USES = """
select session_id, turn_index, "at", coalesce(name, 'unnamed') as tool, status, tool_wait_ms, tool_wait_reason,
    after_tool_ms, left(arguments, 200) as arguments, left(output, 200) as output
from scoped_tool_calls
where ($tool = '' or coalesce(name, 'unnamed') = $tool)
    and (not $failed or status not in ('answered', 'called'))
order by tool_wait_ms desc nulls last, "at" desc, session_id limit $limit
"""


def uses(cursor: Cursor, scope: Scope, *, tool: str = "", failed: bool = False, limit: int = 100) -> list[ToolUse]:
    """Calls of one tool, or of all, the longest wait first; perhaps only those that were not answered."""
    return ask_scoped(cursor, ToolUse, scope, USES, tool=tool, failed=failed, limit=limit)


class ToolPoint(msgspec.Struct, frozen=True, kw_only=True):
    bucket: datetime
    calls: int
    percentile: str
    """p50, p90."""
    wait_ms: float


OVER_TIME = f"""
select bucket, calls, percentile, wait_ms
from (unpivot (
    select {bucket_of('"at"')} as bucket, count(*) as calls,
        quantile_cont(tool_wait_ms, 0.5) as p50, quantile_cont(tool_wait_ms, 0.9) as p90
    from scoped_tool_calls
    where tool_wait_ms is not null and ($tool = '' or coalesce(name, 'unnamed') = $tool) group by bucket
) on p50, p90 into name percentile value wait_ms)
order by bucket, percentile
"""


def over_time(cursor: Cursor, scope: Scope, bucket_s: int, *, tool: str = "") -> list[ToolPoint]:
    """How long one tool, or all, made callers wait, by stretch of time."""
    return ask_scoped(cursor, ToolPoint, scope, OVER_TIME, bucket_s=bucket_s, tool=tool)
