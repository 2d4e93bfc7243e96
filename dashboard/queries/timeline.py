"""What happened when in one call, on one axis: the pieces of the waterfall and the talk in its order."""

import msgspec

from dashboard.queries.asking import ask_session
from pipeline.dataset_cursor import Cursor


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A bar of the waterfall, or a moment where `end_s` equals `start_s`. Seconds since the session opened."""

    lane: str
    """user speech, endpointing, wait, tool, generated, heard, interruption, error, gap."""
    of: str
    """The table whose row it is of."""
    which: str
    """The row's key within the session: turn_index, response_id, call_id, or seq."""
    start_s: float
    end_s: float
    turn_index: int | None
    label: str


PIECES = """
with spans as (
    select 'user speech' as lane, 'turns' as of, turn_index::varchar as which, speech_started_elapsed_ms as start_ms,
        coalesce(speech_ended_elapsed_ms, speech_stopped_elapsed_ms) as end_ms, turn_index,
        concat('turn ', turn_index) as label
    from turns where session_id = $session_id and date = $day and input_kind = 'speech'
    union all
    select 'endpointing', 'turns', turn_index::varchar, speech_ended_elapsed_ms, speech_stopped_elapsed_ms,
        turn_index, concat('turn ', turn_index)
    from turns where session_id = $session_id and date = $day and endpointing_ms is not null
    union all
    select 'wait', 'turns', turn_index::varchar,
        coalesce(first_output_elapsed_ms - wire_latency_ms, speech_stopped_elapsed_ms, opened_elapsed_ms),
        first_output_elapsed_ms, turn_index, concat('turn ', turn_index, ', first ', first_output_kind)
    from turns where session_id = $session_id and date = $day and first_output_elapsed_ms is not null
    union all
    select 'tool', 'tool_calls', call_id, arguments_done_elapsed_ms,
        coalesce(output_elapsed_ms, arguments_done_elapsed_ms), turn_index,
        concat(coalesce(name, kind), ', ', status)
    from tool_calls where session_id = $session_id and date = $day
    union all
    select 'generated', 'responses', response_id, first_output_elapsed_ms,
        coalesce(done_elapsed_ms, first_output_elapsed_ms), turn_index,
        concat(response_id, ', ', status, coalesce(' (' || status_reason || ')', ''))
    from responses where session_id = $session_id and date = $day
    union all
    -- An answer is heard from its first audio on, or once the one before it has been played.
    select 'heard', 'responses', response_id, start_ms, start_ms + heard_ms, turn_index,
        case when unheard_ms > 0 then format('{:.1f} of {:.1f} s heard', heard_ms / 1000, generated_ms / 1000)
            else 'heard to its end' end
    from (
        select *, greatest(first_output_elapsed_ms, coalesce(
            lag(playout_end_elapsed_ms) over (order by first_output_elapsed_ms), 0.0)) as start_ms
        from responses where session_id = $session_id and date = $day and generated_ms > 0
    ) where heard_ms > 0
    union all
    select 'interruption', 'interruptions', seq::varchar, elapsed_ms, elapsed_ms + coalesce(overlap_ms, 0.0),
        turn_index,
        concat(replace(class, '_', ' '), case when yielded then ', agent yielded' else ', agent talked on' end)
    from interruptions where session_id = $session_id and date = $day
    union all
    select 'error', 'session_errors', seq::varchar, elapsed_ms, elapsed_ms, null,
        concat_ws(': ', kind, code, message)
    from session_errors where session_id = $session_id and date = $day
    union all
    select 'gap', 'gaps', gaps.seq::varchar, next.elapsed_ns / 1e6, next.elapsed_ns / 1e6, null,
        concat_ws(': ', concat(gaps.count, ' events lost'), gaps.reason)
    from gaps join events as next on next.session_id = gaps.session_id and next.date = gaps.date
        and next.seq = gaps.seq + gaps.count
    where gaps.session_id = $session_id and gaps.date = $day and next.session_id = $session_id and next.date = $day
)
select lane, of, which, start_ms / 1000 as start_s, greatest(end_ms, start_ms) / 1000 as end_s, turn_index, label
from spans where start_ms is not null and end_ms is not null
order by start_s, end_s, lane, label
"""


def pieces(cursor: Cursor, session_id: str) -> list[Piece]:
    """Every piece of the waterfall, by time. What the log does not say the beginning or end of is left out."""
    return ask_session(cursor, Piece, session_id, PIECES)


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """Something in the talk: words, a tool's use, an interruption, an error."""

    kind: str
    """user, agent, tool, interruption, error."""
    at_s: float
    turn_index: int | None
    text: str | None
    note: str | None
    """user, agent: why there are no words; agent: how much was heard where it was cut. Else what else is known."""
    latency_ms: float | None
    """agent, first words of a turn: what the user waited, perceived where that is known."""
    latency_is: str | None
    """perceived, wire."""


TALK = """
with said as (
    select 'user' as kind,
        coalesce(turns.speech_started_elapsed_ms, turns.opened_elapsed_ms, transcripts.elapsed_ms) as at_ms,
        transcripts.turn_index, transcripts.text, transcripts.reason as note,
        null::double as latency_ms, null as latency_is, 0 as place
    from transcripts left join turns on turns.session_id = transcripts.session_id
        and turns.turn_index = transcripts.turn_index
    where transcripts.session_id = $session_id and transcripts.date = $day and transcripts.role = 'user'
    union all
    select 'agent', coalesce(responses.first_output_elapsed_ms, transcripts.elapsed_ms), transcripts.turn_index,
        transcripts.text,
        coalesce(transcripts.reason, case when responses.unheard_ms > 0 then
            format('cut: {:.1f} of {:.1f} s heard', responses.heard_ms / 1000, responses.generated_ms / 1000) end),
        case when responses.first_output_elapsed_ms = turns.first_output_elapsed_ms
            then coalesce(turns.perceived_latency_ms, turns.wire_latency_ms) end,
        case when turns.perceived_latency_ms is not null then 'perceived' else 'wire' end, 2
    from transcripts
    left join responses on responses.session_id = transcripts.session_id
        and responses.response_id = transcripts.response_id
    left join turns on turns.session_id = transcripts.session_id and turns.turn_index = transcripts.turn_index
    where transcripts.session_id = $session_id and transcripts.date = $day and transcripts.role = 'agent'
    union all
    select 'tool', coalesce(arguments_done_elapsed_ms, output_elapsed_ms, 0.0), turn_index,
        concat(coalesce(name, kind), '(', coalesce(arguments, ''), ')'),
        coalesce(output, status), tool_wait_ms, 'tool', 3
    from tool_calls where session_id = $session_id and date = $day
    union all
    select 'interruption', elapsed_ms, turn_index, replace(class, '_', ' '), reason, time_to_yield_ms, 'yield', 1
    from interruptions where session_id = $session_id and date = $day
    union all
    select 'error', elapsed_ms, null, concat_ws(' ', code, message), kind, null, null, 4
    from session_errors where session_id = $session_id and date = $day
)
select kind, at_ms / 1000 as at_s, turn_index, text, note, latency_ms, latency_is
from said order by at_ms, place, text
"""


def talk(cursor: Cursor, session_id: str) -> list[Spoken]:
    """The call as it was talked: what the user said stands where it was said, not where its transcript came in."""
    return ask_session(cursor, Spoken, session_id, TALK)
