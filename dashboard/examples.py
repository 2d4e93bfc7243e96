"""Questions to begin with on the SQL page: each is answered as it stands, on any dataset."""

from typing import Final

import msgspec


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A question in words, and in SQL."""

    title: str
    sql: str


EXAMPLES: Final = (
    Example(
        title="How long do callers wait, by day and model?",
        sql="""select date, model, count(*) as turns, median(perceived_latency_ms) as perceived_p50_ms,
    quantile_cont(perceived_latency_ms, 0.9) as perceived_p90_ms
from turns
where input_kind = 'speech' and latency_basis = 'append_clock'
group by all order by date desc, turns desc""",
    ),
    Example(
        title="Which turns were the slowest?",
        sql="""select session_id, turn_index, perceived_latency_ms, wire_latency_ms, tool_wait_ms, opened_at
from turns where perceived_latency_ms is not null
order by perceived_latency_ms desc limit 20""",
    ),
    Example(
        title="What did callers say when the agent did not yield?",
        sql="""select "at", session_id, transcript, overlap_ms, reason
from interruptions where class = 'talked_over' and transcript is not null
order by "at" desc limit 50""",
    ),
    Example(
        title="What does a minute cost, metered and billed?",
        sql="""select date, model, sum(metered_usd) / count(*) as metered_usd_per_minute,
    sum(billed_usd) / count(*) as billed_usd_per_minute, count(*) as minutes, sum(unpriced) as unpriced
from audio_minutes group by all order by date desc, minutes desc""",
    ),
    Example(
        title="How much was paid for audio that nobody heard?",
        sql="""select date, class, count(*) as interruptions, sum(unheard_ms) / 1000 as unheard_s,
    sum(unheard_usd) as unheard_usd
from interruptions group by all order by unheard_usd desc nulls last""",
    ),
    Example(
        title="Which tools make callers wait?",
        sql="""select name, count(*) as calls, median(tool_wait_ms) as p50_ms,
    quantile_cont(tool_wait_ms, 0.9) as p90_ms, count(*) filter (where status <> 'answered') as not_answered
from tool_calls group by name order by p90_ms desc nulls last""",
    ),
    Example(
        title="Which errors are frequent?",
        sql="""select kind, code, count(*) as times, count(distinct session_id) as calls, any_value(message) as message
from session_errors group by kind, code order by times desc""",
    ),
    Example(
        title="In which calls was something said?",
        sql="""select session_id, turn_index, role, text from transcripts
where text ilike '%appointment%' order by "at" desc limit 50""",
    ),
    Example(
        title="Which events does a call consist of?",
        sql="""select type, source, count(*) as events, sum(size_bytes) as bytes
from events where session_id = (select session_id from sessions order by opened_at desc limit 1)
group by all order by events desc""",
    ),
    Example(
        title="Does the silence setting decide how long callers wait?",
        sql="""select s.silence_duration_ms, count(*) as turns, median(t.endpointing_ms) as endpointing_p50_ms,
    median(t.perceived_latency_ms) as perceived_p50_ms
from turns t join sessions s using (session_id)
where t.speech_ended_by = 'server_vad' group by all order by all""",
    ),
)
