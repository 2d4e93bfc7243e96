"""What the Live page asks: the calls of which no end was seen, and how each stands. What that means now is `live`'s."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final

import msgspec

from dashboard.queries.asking import ask_since, by_facets
from pipeline.dataset_cursor import Cursor

SHOWN_MAX: Final = 1_000
"""As many calls as are looked at; the youngest. The page says when there are more."""


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call of which no end was seen, by its own row."""

    session_id: str
    source: str
    worker: str
    model: str | None
    label: str | None
    kind: str | None
    """conversation, transcription, translation."""
    opened_at: datetime
    last_event_at: datetime
    """Up to a minute before the last event: audio alone renews the row once a minute."""
    events_server: int
    turns: int
    interruptions: int
    errors: int
    metered_usd_nanos: int
    unmetered: int
    billed_usd_nanos: int
    unpriced: int
    of: int
    """How many there are in all."""


OPEN = """
select session_id, source, worker, model, label, kind, opened_at, last_event_at, events_server, turns, interruptions,
    errors, metered_usd_nanos, unmetered, billed_usd_nanos, unpriced, count(*) over () as of
from sessions where status = 'open' and date >= $first_day{facets}
order by opened_at desc, session_id limit $shown_max
"""


def open_calls(cursor: Cursor, /, first_day: date, **facets: tuple[str, ...]) -> list[OpenCall]:
    """Calls that opened on that UTC day or later, the youngest first; of a facet that is given, with such a value."""
    sql = OPEN.format(facets=by_facets(facets))
    return ask_since(cursor, OpenCall, first_day, sql, shown_max=SHOWN_MAX, **facets)


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How a call stands: its last turn, its last answer, the tools it waits for. Milliseconds since it opened."""

    session_id: str
    input_kind: str | None
    """Of the last turn; None where there is none, and so below."""
    turn_open: bool
    turn_opened_ms: float | None
    speech_started_ms: float | None
    speech_stopped_ms: float | None
    turn_output_ms: float | None
    answer_status: str | None
    """Of the last answer that belongs to a turn."""
    answer_created_ms: float | None
    answer_output_ms: float | None
    answer_kind: str | None
    """audio, text."""
    answer_playout_end_ms: float | None
    tools: str | None
    """Those that were called and have not answered."""
    tools_since_ms: float | None
    waits: int
    last_wait_ms: float | None
    """What the user waited in the latest turn of which that is known: perceived, or on the wire where only that is."""
    last_wait_is: str | None
    """perceived, wire."""
    longest_wait_ms: float | None


STANDING = """
with chosen as (select unnest($session_ids::varchar[]) as session_id),
of_turns as (
    select session_id,
        arg_max({
            'kind': input_kind, 'open': status = 'open', 'opened': opened_elapsed_ms,
            'started': speech_started_elapsed_ms, 'stopped': speech_stopped_elapsed_ms,
            'output': first_output_elapsed_ms
        }, turn_index) as last,
        count(coalesce(perceived_latency_ms, wire_latency_ms)) as waits,
        arg_max({
            'ms': coalesce(perceived_latency_ms, wire_latency_ms),
            'is': case when perceived_latency_ms is null then 'wire' else 'perceived' end
        }, turn_index) filter (where coalesce(perceived_latency_ms, wire_latency_ms) is not null) as wait,
        max(coalesce(perceived_latency_ms, wire_latency_ms)) as longest_wait_ms
    from turns
    where date >= $first_day and session_id between $first_id and $last_id
        and session_id in (select session_id from chosen)
    group by session_id
),
answers as (
    select session_id,
        arg_max({
            'status': status, 'created': created_elapsed_ms, 'output': first_output_elapsed_ms,
            'kind': first_output_kind, 'playout_end': playout_end_elapsed_ms
        }, seq) as last
    from responses
    where date >= $first_day and session_id between $first_id and $last_id and not out_of_band
        and session_id in (select session_id from chosen)
    group by session_id
),
waiting as (
    select session_id, string_agg(distinct coalesce(name, kind), ', ' order by coalesce(name, kind)) as tools,
        min(arguments_done_elapsed_ms) as since_ms
    from tool_calls
    where date >= $first_day and session_id between $first_id and $last_id and status = 'called'
        and arguments_done_elapsed_ms is not null and session_id in (select session_id from chosen)
    group by session_id
)
select session_id, of_turns.last.kind as input_kind, coalesce(of_turns.last.open, false) as turn_open,
    of_turns.last.opened as turn_opened_ms, of_turns.last.started as speech_started_ms,
    of_turns.last.stopped as speech_stopped_ms, of_turns.last.output as turn_output_ms,
    answers.last.status as answer_status, answers.last.created as answer_created_ms,
    answers.last.output as answer_output_ms, answers.last.kind as answer_kind,
    answers.last.playout_end as answer_playout_end_ms,
    tools, waiting.since_ms as tools_since_ms,
    coalesce(waits, 0) as waits, wait.ms as last_wait_ms, wait.is as last_wait_is, longest_wait_ms
from chosen left join of_turns using (session_id) left join answers using (session_id)
    left join waiting using (session_id)
"""


def standings(cursor: Cursor, session_ids: Sequence[str], first_day: date) -> list[Standing]:
    """How these calls stand, in no order; they opened on that day or later."""
    if not session_ids:
        return []
    # Ids begin with the time: the oldest and the youngest say which files can be passed over.
    return ask_since(
        cursor, Standing, first_day, STANDING, session_ids=tuple(session_ids),
        first_id=min(session_ids), last_id=max(session_ids),
    )  # fmt: skip
