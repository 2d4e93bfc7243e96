"""What the what-ifs of the cost page want to know beside the priced things: waits for silence, and unheard audio."""

from datetime import date
from typing import Final

import msgspec

from dashboard.queries.asking import Scope, ask_scoped, utc_day_of
from pipeline.dataset_cursor import Cursor
from pipeline.domain.audio import NS_PER_MS
from pipeline.domain.faults import NS_PER_AUDIO_TOKEN


class Silence(msgspec.Struct, frozen=True, kw_only=True):
    """Spoken turns that were ended in the same way."""

    ended_by: str
    """server_vad, semantic_vad, client; unknown where the turn does not say."""
    silence_ms: int | None
    """What the server VAD waited for; None where it is another's business or not known."""
    metered: bool
    """Their audio passed the recorder, so a shorter wait is also less audio to meter."""
    turns: int


SILENCES: Final = """
select coalesce(speech_ended_by, 'unknown') as ended_by,
    case when speech_ended_by = 'server_vad' then silence_duration_ms end as silence_ms,
    audio_reason is null as metered, count(*) as turns
from scoped_turns where input_kind = 'speech' and speech_stopped_elapsed_ms is not null
group by all order by turns desc, ended_by, silence_ms, metered
"""


def silences(cursor: Cursor, scope: Scope) -> list[Silence]:
    """By what the turns in which the user spoke were ended, and after what silence."""
    return ask_scoped(cursor, Silence, scope, SILENCES)


class Unheard(msgspec.Struct, frozen=True, kw_only=True):
    """Answers of one model and day that were cut off, so that a part of them was never heard."""

    day: date
    model: str | None
    truncated: bool
    """The API was told what had been heard, so what had not is no longer in the conversation."""
    known: bool
    """Their usage is known."""
    answers: int
    unheard_ms: float
    metered_usd_nanos: int
    """Of what was not heard."""
    tokens: int
    """Audio tokens of what was not heard: of each answer its share of the tokens, rounded down."""
    read_again: int
    """Audio tokens of what was not heard, each times how many answers came after it in its call."""
    calls_without_usage: int
    """Calls with such an answer whose usage is not known, of all in the scope: the same in every row."""


MS_PER_TOKEN: Final = NS_PER_AUDIO_TOKEN // NS_PER_MS
"""How long the agent speaks for one audio token (1,200 a minute), also when it stands in the conversation."""

UNHEARD: Final = f"""
, cut as (
    select session_id, response_id, any_value(unheard_ms) as unheard_ms,
        sum(unheard_usd_nanos)::bigint as metered_usd_nanos, any_value(generated_ms) as generated_ms,
        any_value("at") as "at"
    from scoped_interruptions where yielded and unheard_ms > 0 group by session_id, response_id
), placed as (
    select session_id, response_id, model, created_at, heard_basis, output_audio_tokens,
        count(*) over (partition by session_id order by seq rows between 1 following and unbounded following) as later
    from scoped_responses semi join cut using (session_id) where not out_of_band
), met as (
    select * from cut left join placed using (session_id, response_id)
)
select {utc_day_of('coalesce(created_at, "at")')} as day, model,
    coalesce(heard_basis = 'truncate', false) as truncated, output_audio_tokens is not null as known,
    count(*) as answers, sum(unheard_ms) as unheard_ms, sum(metered_usd_nanos)::bigint as metered_usd_nanos,
    coalesce(sum(floor(output_audio_tokens * unheard_ms / nullif(generated_ms, 0))), 0)::bigint as tokens,
    coalesce(sum(floor(unheard_ms / {MS_PER_TOKEN}) * later), 0)::bigint as read_again,
    (select count(distinct session_id) from met where output_audio_tokens is null) as calls_without_usage
from met group by all order by day, model, truncated, known
"""  # noqa: S608  # a number of our own


def unheard(cursor: Cursor, scope: Scope) -> list[Unheard]:
    """Answers that the agent gave up with something of them unheard."""
    return ask_scoped(cursor, Unheard, scope, UNHEARD)
