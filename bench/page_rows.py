"""What the page bench's rows hold: for each table, how its columns are made from made-up calls, as SQL for DuckDB.

Plausible, not true: waits are lognormal, calls have twenty turns on average and some have a hundred, a turn is ten
seconds long, one in twelve is interrupted, one in ten calls a tool. Every value is a hash of its row's number, so the
same sizes give the same rows.
"""

# The statements are put together from our own names.

from typing import Final

from pipeline.dataset_schemas import TABLES

TURN_MS: Final = 10_000

MACROS: Final = (
    # A number from 0 to 1 for each row and purpose.
    "create macro u(purpose, a, b) as hash(purpose, a, b) / 18446744073709551616.0",
    # A number of the standard normal distribution (Box and Muller), and a wait around a median.
    "create macro z(purpose, a, b) as sqrt(-2 * ln(greatest(u(purpose, a, b), 1e-12))) * cos(2 * pi() * u(purpose || '2', a, b))",
    "create macro wait_ms(purpose, median_ms, spread, a, b) as round(median_ms * exp(spread * z(purpose, a, b)), 3)",
    "create macro one_of(names, purpose, a, b) as names[1 + (u(purpose, a, b) * len(names))::integer % len(names)]",
    "create macro id(prefix, a, b) as prefix || to_base((hash(prefix, a, b) % 4738381338321616896)::bigint, 36, 12)",
    """
    create macro words(purpose, a, b, many) as list_aggregate(list_transform(range(many::bigint),
        lambda w: one_of(['the', 'booking', 'please', 'thursday', 'refund', 'account', 'to', 'a', 'is', 'there', 'what',
            'time', 'card', 'thanks', 'number', 'order', 'can', 'you', 'change', 'my', 'address', 'and', 'of',
            'invoice'], purpose, a, b * 100 + w)), 'string_agg', ' ')
    """,
)

CALLS: Final = """
create or replace temp table calls as
with opened as (
    select i, ($midnight_ms + (i - $first + u('at', i, 0)) * 86400000 / $count)::bigint as opened_ms from
        range($first, $first + $count) t(i)
)
select i, opened_ms, make_timestamptz(opened_ms * 1000) as opened_at,
    format('{:08x}-{:04x}-7{:03x}-{:04x}-{:012x}', opened_ms >> 16, opened_ms & 65535, hash(i) & 4095,
        32768 + (hash(i, 1) & 16383), hash(i, 2) & 281474976710655) as session_id,
    least(150, 1 + floor(-ln(greatest(u('turns', i, 0), 1e-12)) * $turns_less_one))::bigint as turns,
    one_of(['gpt-realtime', 'gpt-realtime', 'gpt-realtime', 'gpt-realtime-mini', 'gpt-realtime-2'], 'model', i, 0) as model,
    one_of(['relay', 'relay', 'relay', 'sideband', 'driver'], 'source', i, 0) as source,
    one_of(['marin', 'cedar', 'alloy', 'verse'], 'voice', i, 0) as voice,
    one_of(['server_vad', 'server_vad', 'server_vad', 'semantic_vad', 'none'], 'vad', i, 0) as turn_detection,
    one_of(['en', 'en', 'en', 'de', 'fr', 'es'], 'language', i, 0) as language,
    one_of(['support', 'sales', 'booking', 'survey'], 'label', i, 0) as label,
    one_of(['web', 'phone', 'kiosk'], 'key', i, 0) as relay_key,
    'worker-' || i % 4 as worker
from opened
"""

TURNS: Final = f"""
create or replace temp table asked as
select calls.*, t, opened_ms + t * {TURN_MS} as turn_ms, t * {TURN_MS} as turn_elapsed_ms,
    case when t = 0 and u('greets', i, 0) < 0.3 then 'none' when u('text', i, t) < 0.04 then 'text' else 'speech' end
        as input_kind,
    wait_ms('model', 430, 0.4, i, t) as model_ms, u('cut', i, t) < 0.08 as is_cut, u('tool', i, t) < 0.1 as has_tool,
    wait_ms('tool', 700, 0.9, i, t) as tool_ms, wait_ms('speech', 2600, 0.5, i, t) as speech_ms,
    wait_ms('answer', 4200, 0.4, i, t) as answer_ms, wait_ms('end', 510, 0.08, i, t) as end_ms,
    u('heard', i, t) as heard, (t * 90 + 4)::bigint as seq,
    case when turn_detection = 'none' then 'client' else turn_detection end as ended_by,
    case turn_detection when 'server_vad' then 'append_clock' when 'semantic_vad' then 'vad_event' else 'commit' end
        as spoken_basis
from calls, range(turns) as r(t)
"""

_AT: Final = "make_timestamptz(turn_ms * 1000)"
_UNHEARD: Final = "case when is_cut then answer_ms * (1 - heard) else 0.0 end"
_HEARD: Final = "case when is_cut then answer_ms * heard else answer_ms end"
_PERCEIVED: Final = (
    "case when u('lost', i, t) > 0.02 then model_ms + 90 + end_ms * (input_kind = 'speech')::integer end"
)
_WITH: Final = {"session_id": "session_id", "turn_index": "t", "version": "seq + 80", "seq": "seq"}
_SOURCES: Final = {
    "sessions": "calls",
    "turns": "asked",
    "responses": "asked, range(1 + has_tool::integer) as r(n)",
    "interruptions": "asked where is_cut",
    "tool_calls": "asked where has_tool",
    "transcripts": "asked, (values ('user'), ('agent')) as v(role) where role = 'agent' or input_kind = 'speech'",
    "costs": "asked, (values ('response', 5), ('input_audio', 1), ('transcription', 3)) as v(kind, n)"
    " where kind = 'response' or input_kind = 'speech'",
    "audio_minutes": f"calls, range(1 + (turns * {TURN_MS} + 59999) // 60000) as r(m)",
    "session_errors": "calls where u('error', i, 0) < 0.03",
    "gaps": "calls where u('gap', i, 0) < 0.002",
    "config_changes": "calls, range(2) as r(n)",
    "log_faults": "calls where u('fault', i, 0) < 0.001",
}

_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "sessions": {
        "session_id": "session_id", "version": "turns * 90 + 5", "status": "'closed'", "source": "source",
        "worker": "worker", "upstream_session_id": "id('sess_', i, 0)", "upstream_host": "'api.openai.com'",
        "path": "'/v1/realtime?model=' || model", "relay_key": "relay_key", "model": "model", "kind": "'realtime'",
        "api_shape": "'ga'", "opened_at": "opened_at",
        "last_event_at": f"make_timestamptz((opened_ms + turns * {TURN_MS}) * 1000)",
        "duration_ms": f"turns * {TURN_MS}", "turn_detection": "turn_detection",
        "silence_duration_ms": "case turn_detection when 'server_vad' then 500 end", "voice": "voice",
        "input_format": "'audio/pcm'", "output_format": "'audio/pcm'", "transcription_model": "'gpt-4o-transcribe'",
        "language": "language", "label": "label", "config_changes": "1", "events_client": "turns * 60",
        "events_server": "turns * 30", "events_recorder": "3", "events_unknown": "(u('type', i, 0) < 0.001)::integer",
        "unknown_types": "case when u('type', i, 0) < 0.001 then '{\"response.tomorrow\":1}' end", "turns": "turns",
        "responses": "turns", "interruptions": "(turns * 0.08)::bigint", "tool_calls": "(turns * 0.1)::bigint",
        "errors": "(u('error', i, 0) < 0.03)::integer", "audio_in_ms": f"turns * {TURN_MS}",
        "generated_ms": "turns * 4400", "heard_ms": "turns * 4200", "metered_usd_nanos": "turns * 21000000",
        "unmetered": "0", "billed_usd_nanos": "turns * 19000000", "unpriced": "(u('price', i, 0) < 0.01)::integer",
        "closed_by": "'client'", "close_code": "1000", "events_lost": "3 * (u('gap', i, 0) < 0.002)::integer",
        "complete": "u('gap', i, 0) >= 0.002",
        "incomplete_reason": "case when u('gap', i, 0) < 0.002 then 'gap' end",
    },
    "turns": {
        **_WITH, "status": "'closed'", "input_kind": "input_kind",
        "speech_ended_by": "case input_kind when 'speech' then ended_by end", "user_item_id": "id('item_', i, t)",
        "model": "model", "opened_at": _AT, "opened_elapsed_ms": "turn_elapsed_ms",
        "speech_started_elapsed_ms": "case input_kind when 'speech' then turn_elapsed_ms end",
        "speech_ended_elapsed_ms": "case input_kind when 'speech' then turn_elapsed_ms + speech_ms end",
        "speech_stopped_elapsed_ms": "case input_kind when 'speech' then turn_elapsed_ms + speech_ms + end_ms end",
        "user_speech_ms": "case input_kind when 'speech' then speech_ms end",
        "silence_duration_ms": "case ended_by when 'server_vad' then 500 end",
        "first_output_elapsed_ms": "turn_elapsed_ms + speech_ms + end_ms + model_ms + 90",
        "playout_end_elapsed_ms": "turn_elapsed_ms + speech_ms + end_ms + model_ms + 90 + answer_ms",
        "closed_elapsed_ms": f"turn_elapsed_ms + {TURN_MS}", "first_output_kind": "'audio'",
        "endpointing_ms": "case input_kind when 'speech' then end_ms end",
        "endpointing_reason": "case when input_kind <> 'speech' then 'no_speech' end",
        "wire_latency_ms": "model_ms + 90", "perceived_latency_ms": _PERCEIVED,
        "perceived_latency_reason": "case when u('lost', i, t) <= 0.02 then 'no_append_clock' end",
        "model_latency_ms": "model_ms",
        "latency_basis": "case input_kind when 'speech' then spoken_basis else 'client_request' end",
        "tool_wait_ms": "case when has_tool then tool_ms end",
        "tool_wait_reason": "case when not has_tool then 'no_tool' end",
        "after_tool_ms": "case when has_tool then model_ms + 120 end",
        "after_tool_reason": "case when not has_tool then 'no_tool' end", "responses": "1 + has_tool::integer",
        "tool_calls": "has_tool::integer", "interrupted": "is_cut", "generated_ms": "answer_ms", "heard_ms": _HEARD,
        "unheard_ms": _UNHEARD,
    },
    "responses": {
        **_WITH, "response_id": "id('resp_', i * 2 + n, t)", "out_of_band": "false", "model": "model",
        "status": "case when is_cut then 'cancelled' else 'completed' end",
        "status_reason": "case when is_cut then 'turn_detected' end", "created_at": _AT,
        "created_elapsed_ms": "turn_elapsed_ms + speech_ms + end_ms + 80",
        "first_output_elapsed_ms": "turn_elapsed_ms + speech_ms + end_ms + model_ms + 90",
        "first_output_kind": "'audio'", "done_elapsed_ms": "turn_elapsed_ms + speech_ms + end_ms + model_ms + 500",
        "playout_end_elapsed_ms": "turn_elapsed_ms + speech_ms + end_ms + model_ms + 90 + answer_ms",
        "model_latency_ms": "model_ms", "output_items": "1", "tool_calls": "has_tool::integer", "voice": "voice",
        "generated_ms": "answer_ms", "heard_ms": _HEARD, "unheard_ms": _UNHEARD,
        "heard_basis": "case when is_cut then 'truncate' else 'playout' end", "input_tokens": "300 + t * 40",
        "cached_tokens": "200 + t * 30", "output_tokens": "100", "input_text_tokens": "100 + t * 10",
        "input_audio_tokens": "200 + t * 30", "output_text_tokens": "20", "output_audio_tokens": "80",
    },
    "interruptions": {
        **_WITH, "class": "one_of(['barge_in', 'barge_in', 'backchannel', 'false_interruption', 'talked_over',"
        " 'agent_cut_in'], 'class', i, t)", "response_id": "id('resp_', i * 2, t)", "at": _AT,
        "elapsed_ms": "turn_elapsed_ms + 7000", "position_in_response_ms": _HEARD, "overlap_ms": "speech_ms / 4",
        "yielded": "heard < 0.8", "yielded_by": "case when heard < 0.8 then 'truncated' end",
        "time_to_yield_ms": "case when heard < 0.8 then wait_ms('yield', 240, 0.5, i, t) end",
        "generated_ms": "answer_ms", "heard_ms": _HEARD, "unheard_ms": _UNHEARD,
        "unheard_usd_nanos": f"({_UNHEARD} * 4000)::bigint", "user_speech_ms": "speech_ms",
        "transcript": "words('cut', i, t, 3)", "reason": "'the agent yielded and a user turn with words followed'",
        "yield_window_ms": "2000", "speech_min_ms": "1000", "transcript_wait_ms": "4000",
    },
    "tool_calls": {
        **_WITH, "call_id": "id('call_', i, t)", "kind": "'function'",
        "name": "one_of(['lookup_order', 'book_slot', 'search_kb', 'transfer', 'send_sms', 'quote'], 'name', i, t)",
        "arguments": "'{\"query\":\"' || words('args', i, t, 3) || '\"}'", "output": "'{\"ok\":true}'",
        "status": "case when u('answered', i, t) < 0.99 then 'answered' else 'unanswered' end",
        "response_id": "id('resp_', i * 2, t)", "at": _AT, "arguments_done_elapsed_ms": "turn_elapsed_ms + 4000",
        "output_elapsed_ms": "turn_elapsed_ms + 4000 + tool_ms",
        "tool_wait_ms": "case when u('answered', i, t) < 0.99 then tool_ms end",
        "tool_wait_reason": "case when u('answered', i, t) >= 0.99 then 'unanswered' end",
        "after_tool_ms": "model_ms + 120",
    },
    "transcripts": {
        **_WITH, "item_id": "id('item_' || role, i, t)", "content_index": "0", "role": "role", "kind": "'audio'",
        "text": "words(role, i, t, 3 + 12 * u('long', i, t))", "at": _AT, "elapsed_ms": "turn_elapsed_ms + 5000",
        "first_delta_lag_ms": "case role when 'user' then model_ms * 0.6 end",
        "completion_lag_ms": "case role when 'user' then model_ms * 0.9 end",
    },
    "costs": {
        **_WITH, "seq": "seq + n", "kind": "kind", "at": _AT, "response_id": "case kind when 'response' then id('resp_', i * 2, t) end",
        "item_id": "case when kind <> 'response' then id('item_', i, t) end", "model": "model",
        "audio_ms": "case kind when 'response' then answer_ms when 'input_audio' then speech_ms end",
        "seconds": "case kind when 'transcription' then ceil(speech_ms / 1000) end",
        "input_text_tokens": "case kind when 'response' then 100 + t * 10 end",
        "input_audio_tokens": "case kind when 'response' then 200 + t * 30 end",
        "cached_text_tokens": "case kind when 'response' then 90 + t * 8 end",
        "cached_audio_tokens": "case kind when 'response' then 110 + t * 22 end",
        "output_text_tokens": "case kind when 'response' then 20 end",
        "output_audio_tokens": "case kind when 'response' then (answer_ms / 50)::bigint end",
        "metered_usd_nanos": "case kind when 'response' then (answer_ms * 4000)::bigint"
        " when 'input_audio' then (speech_ms * 1000)::bigint end",
        "metered_list": "case when kind <> 'transcription' then 'legacy-2024-10' end",
        "metered_reason": "case when kind = 'transcription' then 'not_metered' end",
        "billed_usd_nanos": "case when kind <> 'input_audio' and u('price', i, 0) >= 0.01 then (answer_ms * 3700)::bigint end",
        "billed_list": "case when kind <> 'input_audio' then 'openai-2025-10' end",
        "billed_reason": "case when kind = 'input_audio' then 'not_billed' when u('price', i, 0) < 0.01 then 'unknown_model' end",
        "estimated": "false",
    },
    "audio_minutes": {
        "session_id": "session_id", "version": "turns * 90", "minute": "date_trunc('minute', opened_at) + to_minutes(m)",
        "model": "model", "audio_in_ms": "60000", "generated_ms": "26000", "heard_ms": "25000",
        "metered_usd_nanos": "(120000000 * (0.5 + u('minute', i, m)))::bigint", "unmetered": "0",
        "billed_usd_nanos": "(110000000 * (0.5 + u('minute', i, m)))::bigint",
        "unpriced": "(u('price', i, 0) < 0.01)::integer",
    },
    "session_errors": {
        "session_id": "session_id", "version": "40", "seq": "40",
        "kind": "one_of(['error_event', 'abnormal_close', 'rate_limited'], 'kind', i, 0)",
        "code": "one_of(['invalid_value', 'server_error', 'rate_limit_exceeded'], 'kind', i, 0)",
        "message": "words('error', i, 0, 9)", "at": "opened_at + to_seconds(5)", "elapsed_ms": "5000",
    },
    "gaps": {
        "session_id": "session_id", "version": "60", "seq": "60", "count": "3", "reason": "'disk_full'",
        "at": "opened_at + to_seconds(8)",
    },
    "config_changes": {
        "session_id": "session_id", "version": "2 + n", "seq": "2 + n",
        "trigger": "case n when 0 then 'created' else 'updated' end", "at": "opened_at", "elapsed_ms": "100 + n",
        "kind": "'realtime'", "model": "model", "voice": "voice", "turn_detection": "turn_detection", "language": "language",
    },
    "log_faults": {
        "session_id": "session_id", "version": "50", "seq": "50", "kind": "'audio_cut'", "at": "opened_at",
        "elapsed_ms": "9000", "amount_ms": "40",
    },
}  # fmt: skip

EVENTS: Final = """
select session_id, e as seq, e * 100000000 as elapsed_ns, opened_at + to_milliseconds(e * 100) as seen_at,
    opened_ms * 1000000 + e * 100000000 as seen_at_ns, case when e % 3 = 0 then 'server' else 'client' end as source,
    case e % 9 when 0 then 'response.output_audio.delta' when 3 then 'response.output_audio_transcript.delta'
        when 6 then 'response.done' else 'input_audio_buffer.append' end as type,
    worker, 6500 as size_bytes, 'application/json' as content_type, 1 as schema_version,
    '{"type":"made.up","event_id":"' || id('event_', i, e) || '","audio":""}' as data, null as raw,
    60 as audio_offset, i * 1000000 + e as journal_position
from calls, range(turns * 90) as r(e) where i < $first + $with_events
"""


def rows(table: str) -> str:
    """The select of a table's rows of the calls at hand, in the order of its keys, as the compaction leaves them."""
    made = _COLUMNS[table]
    columns = ", ".join(
        f'({made[name]}) as "{name}"' if name in made else f'null as "{name}"' for name in TABLES[table].columns.names
    )
    key = ", ".join(f'"{name}"' for name in TABLES[table].key)
    return f"select {columns} from {_SOURCES[table]} order by {key}"
