"""The view `quality`: a row for everything that could not be measured, and why, so that no percentile hides it.

It is made from the list of reasons (`pipeline.domain.reasons`) and the tables themselves, so it can't disagree with
them. Reasons of kind `none` (nothing to measure) are left out; of kind `later` only while they may still come.
"""

# The statement is put together from the names of our own schemas.
# ruff: noqa: S608

from collections.abc import Iterator

from pipeline.domain.reasons import MEASURED, NONE, REASONS, Measured

_AT = {
    "sessions": "opened_at",
    "turns": "opened_at",
    "responses": "created_at",
    "audio_minutes": "minute",
}
_KEY = {
    "sessions": "session_id",
    "turns": "turn_index",
    "responses": "response_id",
    "tool_calls": "call_id",
    "transcripts": "item_id",
    "audio_minutes": "minute",
}

# column: (type, what it is), as docs/tables.md shows them.
COLUMNS = {
    "session_id": ("text", "The session."),
    "table": ("text", "Where the value is missing, or what shows the fault: `log_faults`, `gaps`, `sessions`."),
    "column": ("text", "The value that is missing; of a fault, its kind."),
    "key": ("text", "Which row of the session: `turn_index`, `response_id`, `seq`, ..."),
    "reason": ("text", "Why, in one word."),
    "kind": ("text", "unknown (it happened, and the log can't say how much), later (it may still come), fault."),
    "words": ("text", "Why, in a sentence."),
    "amount": ("float, may be NULL", "Of a fault: milliseconds; of a gap: events."),
    "at": ("timestamp", "When."),
    "date": ("date", "UTC day on which the session opened."),
}


def statement() -> str:
    """The statement that creates the view. The views of the tables must be there."""
    parts = [*(_missing(measured) for measured in MEASURED), *_FAULTS]
    reasons = ", ".join(_reasons())
    return f"""
        create or replace view quality as
        with reasons(reason, kind, words) as (values {reasons}),
        found as ({" union all ".join(parts)})
        select f.session_id, f."table", f."column", f.key, f.reason, coalesce(r.kind, 'fault') as kind,
            coalesce(r.words, f.detail) as words, f.amount, f."at", f.date
        from found f left join reasons r using (reason)
        where r.kind is distinct from '{NONE}'
    """


def _reasons() -> Iterator[str]:
    for name, reason in REASONS.items():
        words = reason.words.replace("'", "''")
        yield f"('{name}', '{reason.kind}', '{words}')"


def _missing(measured: Measured) -> str:
    table, column, reason = measured.table, measured.columns[0], measured.reason_column
    # Tokens and metered costs may be known in part and still have a reason.
    return f"""
        select session_id, '{table}' as "table", '{column}' as "column", {_KEY.get(table, "seq")}::varchar as key,
            {reason} as reason, null::varchar as detail, null::double as amount, "{_AT.get(table, "at")}" as "at", date
        from {table} where {reason} is not null
    """


_FAULTS = (
    """
        select session_id, 'log_faults', kind, seq::varchar, kind, detail, amount_ms, "at", date from log_faults
    """,
    """
        select session_id, 'gaps', 'seq', seq::varchar, coalesce(reason, 'gap'), 'events were seen and never logged',
            "count"::double, "at", date from gaps
    """,
    """
        select session_id, 'sessions', 'complete', session_id, incomplete_reason,
            case incomplete_reason when 'gap' then 'events are missing' else 'the recorder died with the call open' end,
            events_lost::double, last_event_at, date from sessions where incomplete_reason in ('gap', 'recorder_died')
    """,
)
