"""The view `steering`: what was decided about calls from outside of their talk, a row each.

Who accepted, rejected, referred or hung up a call, which limit ended it, and what the telephone's keys said. These are
events of the archive, whole as they are; the view only names their parts.
"""

# column: (type, what it is), as docs/tables.md shows them.
COLUMNS = {
    "session_id": ("text", "The session."),
    "seq": ("integer", "Of the event."),
    "at": ("timestamp", "When."),
    "elapsed_ms": ("float", "The same, since the session began."),
    "action": ("text", "accept, reject, refer, hangup; limit (one was reached); dtmf (a key was pressed)."),
    "by": (
        "text",
        "client (a request that passed through), policy and limit (the worker, as configured), caller (of a key).",
    ),
    "status": ("integer, may be NULL", "The upstream's HTTP status; NULL where it gave no answer or was not asked."),
    "detail": ("text, may be NULL", "Of a reject, the SIP status; of a limit, its name; of a key, the key."),
    "allowed": ("float, may be NULL", "Of a limit: seconds, US dollars, or sessions at once."),
    "date": ("date", "UTC day on which the session opened."),
}

STATEMENT = """
    create or replace view steering as
    select session_id, seq, seen_at as "at", elapsed_ns / 1e6 as elapsed_ms,
        case type when 'call.steered' then data ->> '$.action' when 'limit.reached' then 'limit' else 'dtmf' end
            as action,
        case type when 'call.steered' then data ->> '$.by' when 'limit.reached' then 'limit' else 'caller' end as "by",
        try_cast(data ->> '$.status' as integer) as status,
        nullif(case type when 'call.steered' then data ->> '$.detail' when 'limit.reached' then data ->> '$.limit'
            else data ->> '$.event' end, '') as detail,
        try_cast(data ->> '$.allowed' as double) as allowed,
        date
    from events
    where (source = 'recorder' and type in ('call.steered', 'limit.reached'))
        or (source = 'server' and type = 'input_audio_buffer.dtmf_event_received')
"""
