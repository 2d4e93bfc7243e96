"""The turns behind a latency: the slowest, or those in a stretch of the distribution; and what a wait is made of."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime

import msgspec

from dashboard.queries.asking import Scope, ask_scoped
from dashboard.queries.latency import Cohort, of_cohort
from dashboard.queries.percentiles import each, percentiles
from pipeline.dataset_cursor import Cursor


class TurnLine(msgspec.Struct, frozen=True, kw_only=True):
    """One turn, with the parts that its wait is made of."""

    session_id: str
    turn_index: int
    opened_at: datetime
    model: str | None
    perceived_latency_ms: float | None
    wire_latency_ms: float | None
    endpointing_ms: float | None
    model_latency_ms: float | None
    tool_wait_ms: float | None
    responses: int


SLOWEST = """
select session_id, turn_index, opened_at, model, perceived_latency_ms, wire_latency_ms, endpointing_ms,
    model_latency_ms, tool_wait_ms, responses
from measured
where latency_ms >= $from_ms and latency_ms < coalesce($to_ms::double, 'infinity'::double)
order by latency_ms desc, session_id, turn_index limit $limit
"""


def slowest(
    cursor: Cursor,
    scope: Scope,
    cohort: Cohort,
    measure: str,
    *,
    from_ms: float = 0.0,
    to_ms: float | None = None,
    limit: int = 50,
) -> list[TurnLine]:
    """The cohort's slowest turns among those from `from_ms` up to and without `to_ms`; None means no upper end."""
    named = msgspec.structs.asdict(cohort)
    return ask_scoped(
        cursor, TurnLine, scope, of_cohort(measure) + SLOWEST, from_ms=from_ms, to_ms=to_ms, limit=limit,
        **named,
    )  # fmt: skip


class Stage(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a wait, over all turns that have it."""

    stage: str
    """endpointing, model, tool, after tool."""
    turns: int
    p50_ms: float
    p90_ms: float
    p99_ms: float


STAGES = {
    "endpointing": "endpointing_ms",
    "model": "model_latency_ms",
    "tool": "tool_wait_ms",
    "after tool": "after_tool_ms",
}


def _stage(name: str, column: str) -> str:
    place = list(STAGES).index(name)
    return f"{{'place': {place}, 'stage': '{name}', 'turns': count({column}), 'ms': {percentiles(column)}}}"


# One scan for all of them.
STAGES_SQL = f"""
select stage, turns, {each("ms", "{}_ms")}
from (
    select unnest([{", ".join(_stage(name, column) for name, column in STAGES.items())}], recursive := true)
    from scoped_turns
) where turns > 0 order by place
"""


def stages(cursor: Cursor, scope: Scope) -> list[Stage]:
    """What waits are made of. The parts of one turn add up; their percentiles do not."""
    return ask_scoped(cursor, Stage, scope, STAGES_SQL)
