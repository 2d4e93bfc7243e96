"""Which calls there are: the list with search and order, and as much of it as may be taken away."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime
from typing import Final

import msgspec
import pyarrow as pa

from dashboard.queries.asking import Parameter, Scope, ask_scoped, days, table_scoped
from pipeline.dataset_cursor import Cursor


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
    of: int
    """How many calls are found in all."""


WITH: Final[dict[str, str]] = {
    "errors": "errors > 0",
    "interruptions": "interruptions > 0",
    "tool calls": "tool_calls > 0",
    "unpriced": "unpriced > 0",
    "gaps": "events_lost > 0",
    "incomplete log": "status = 'closed' and not complete",
}
"""What a call can be asked to have, each as a condition on its session's row."""


BILLED: Final = "case when unpriced > 0 and billed_usd_nanos = 0 then null else billed_usd_nanos / 1e9 end"
LOG: Final = """case when status = 'open' then 'open' when complete then 'complete'
    else coalesce(incomplete_reason, 'not complete') end"""
COLUMNS: Final = f"""session_id, status, source, model, opened_at, duration_ms / 1000 as duration_s, turns,
    longest_perceived_ms, longest_wire_ms, interruptions, tool_calls, errors, metered_usd_nanos / 1e9 as metered_usd,
    {BILLED} as billed_usd, unpriced, {LOG} as log"""
ORDERS: Final[dict[str, str]] = {
    "opened": "opened_at",
    "length": "duration_ms",
    "turns": "turns",
    "longest perceived": "longest_perceived_ms",
    "longest wire": "longest_wire_ms",
    "interruptions": "interruptions",
    "tool calls": "tool_calls",
    "errors": "errors",
    "metered": "metered_usd_nanos",
    "billed": f"({BILLED})",
    "unpriced": "unpriced",
    "model": "model",
    "log": f"({LOG})",
    "session": "session_id",
}
"""What the list can be ordered by: each column of it, as the page calls it."""
WAITS: Final = ("longest perceived", "longest wire")


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls are listed, and in which order."""

    search: str = ""
    """Finds ids, words that were said, tools and errors; no length stands for all calls."""
    having: tuple[str, ...] = ()
    """Keys of `WITH`, all of which must hold."""
    order: str = "opened"
    """A key of `ORDERS`. By `opened`, newest first, calls in progress come before all others."""
    up: bool = False
    """The smallest first; what is not known comes last either way."""


EVERY: Final = Found()


def _chosen(scope: Scope, found: Found) -> str:
    conditions = "".join(f" and ({WITH[name]})" for name in found.having if name in WITH)
    if not found.search.strip():
        return f", chosen as (select * from scope where true{conditions})"
    words = SEARCHED.replace("$days", days(scope))
    return f", searched as materialized ({words}), chosen as (select * from scope where true{conditions}{FOUND})"


# What was said lies in the partition of the call's day, too: no other day's words are read. They are read once, however
# often the calls in which they occur are asked for.
SEARCHED = """
    select session_id from transcripts where $days and contains(lower(text), lower($search))
    union all select session_id from tool_calls where $days and contains(lower(name), lower($search))
    union all select session_id from session_errors
        where $days and contains(lower(concat_ws(' ', kind, code, message)), lower($search))
"""
FOUND = """
    and (contains(lower(session_id), lower($search)) or contains(lower(upstream_session_id), lower($search))
        or session_id in (select session_id from searched))
"""


def _waits(scope: Scope, of: str) -> str:
    """The longest waits of the calls in a table; of the whole call, also where it reaches beyond the scope."""
    return f"""
    , waits as (
        select session_id, max(perceived_latency_ms) as longest_perceived_ms, max(wire_latency_ms) as longest_wire_ms
        from turns where {days(scope)} and session_id in (select session_id from {of}) group by session_id
    )"""


def _order(found: Found) -> str:
    running = "status = 'open' desc, " if (found.order, found.up) == ("opened", False) else ""
    return f"order by {running}{ORDERS[found.order]} {'asc' if found.up else 'desc'} nulls last, session_id"


def _listed(scope: Scope, found: Found, columns: str) -> str:
    """The list's rows: of all calls the waits are looked up where the order asks for them, else of those shown."""
    order, bounds = _order(found), "limit $page_size offset $skip"
    if found.order in WAITS:
        return (
            f"{_chosen(scope, found)}{_waits(scope, 'chosen')} select {columns} from chosen "
            f"left join waits using (session_id) {order} {bounds}"
        )
    return (
        f"{_chosen(scope, found)}, shown as (select * from chosen {order} {bounds}){_waits(scope, 'shown')} "
        f"select {columns} from shown left join waits using (session_id) {order}"
    )


def recent(cursor: Cursor, scope: Scope, *, found: Found = EVERY, page_size: int, skip: int) -> list[SessionLine]:
    """A page of the calls that are found, in their order."""
    sql = _listed(scope, found, f"{COLUMNS}, (select count(*) from chosen) as of")
    return ask_scoped(cursor, SessionLine, scope, sql, page_size=page_size, skip=skip, **_named(found))


def exported(cursor: Cursor, scope: Scope, *, found: Found = EVERY, limit: int) -> pa.Table:
    """The same, all columns as the list has them, as an Arrow table of at most `limit` rows."""
    return table_scoped(cursor, scope, _listed(scope, found, COLUMNS), page_size=limit, skip=0, **_named(found))


def _named(found: Found) -> dict[str, Parameter]:
    return {"search": found.search.strip()} if found.search.strip() else {}
