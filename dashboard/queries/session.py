"""What the page of one call asks: its facts and its money."""

from typing import Any, Final

import msgspec

from dashboard.queries.asking import ask_session, day_of
from pipeline.dataset_cursor import Cursor
from pipeline.domain import facts

SESSION = "select * from sessions where session_id = $session_id and date = $day"


def session(cursor: Cursor, session_id: str) -> facts.Session | None:
    """The call's own row, or None where no such call was recorded."""
    return next(iter(ask_session(cursor, facts.Session, session_id, SESSION)), None)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What stands at the top of the page beside the call's own row."""

    metered_usd_nanos: int
    billed_usd_nanos: int
    unpriced: int
    metered_usd_per_minute: float | None
    billed_usd_per_minute: float | None
    heard_s: float
    unheard_s: float


FIGURES = """
select
    coalesce(sum(metered_usd_nanos), 0)::bigint as metered_usd_nanos,
    coalesce(sum(billed_usd_nanos), 0)::bigint as billed_usd_nanos,
    count(*) filter (where billed_usd_nanos is null and billed_reason <> 'not_billed') as unpriced,
    coalesce(sum(metered_usd_nanos), 0) / nullif(any_value(call.minutes), 0) / 1e9 as metered_usd_per_minute,
    coalesce(sum(billed_usd_nanos), 0) / nullif(any_value(call.minutes), 0) / 1e9 as billed_usd_per_minute,
    any_value(spoken.heard_s) as heard_s, any_value(spoken.unheard_s) as unheard_s
from (select duration_ms / 60000 as minutes from sessions where session_id = $session_id and date = $day) as call
cross join (
    select coalesce(sum(heard_ms), 0.0) / 1000 as heard_s, coalesce(sum(unheard_ms), 0.0) / 1000 as unheard_s
    from responses where session_id = $session_id and date = $day
) as spoken
left join costs on costs.session_id = $session_id and costs.date = $day
"""


def figures(cursor: Cursor, session_id: str) -> Figures:
    [found] = ask_session(cursor, Figures, session_id, FIGURES)
    return found


class Waits(msgspec.Struct, frozen=True, kw_only=True):
    """A call's latencies, one cohort each (see `latency.Cohort`)."""

    input_kind: str
    speech_ended_by: str | None
    latency_basis: str
    perceived: int
    perceived_p50_ms: float | None
    perceived_max_ms: float | None
    wire: int
    wire_p50_ms: float | None
    wire_max_ms: float | None


WAITS = """
select input_kind, speech_ended_by, coalesce(latency_basis, 'unknown') as latency_basis,
    count(perceived_latency_ms) as perceived, median(perceived_latency_ms) as perceived_p50_ms,
    max(perceived_latency_ms) as perceived_max_ms,
    count(wire_latency_ms) as wire, median(wire_latency_ms) as wire_p50_ms, max(wire_latency_ms) as wire_max_ms
from turns
where session_id = $session_id and date = $day and (perceived_latency_ms is not null or wire_latency_ms is not null)
group by 1, 2, 3
order by input_kind = 'speech' desc, perceived desc, wire desc, input_kind, speech_ended_by, latency_basis
"""


def waits(cursor: Cursor, session_id: str) -> list[Waits]:
    return ask_session(cursor, Waits, session_id, WAITS)


TURNS = "select * from turns where session_id = $session_id and date = $day order by turn_index"


def turns(cursor: Cursor, session_id: str) -> list[facts.Turn]:
    return ask_session(cursor, facts.Turn, session_id, TURNS)


RESPONSES = "select * from responses where session_id = $session_id and date = $day order by created_elapsed_ms, seq"


def responses(cursor: Cursor, session_id: str) -> list[facts.Response]:
    return ask_session(cursor, facts.Response, session_id, RESPONSES)


INTERRUPTIONS = "select * from interruptions where session_id = $session_id and date = $day order by elapsed_ms, seq"


def interruptions(cursor: Cursor, session_id: str) -> list[facts.Interruption]:
    return ask_session(cursor, facts.Interruption, session_id, INTERRUPTIONS)


TOOL_CALLS = "select * from tool_calls where session_id = $session_id and date = $day order by seq"


def tool_calls(cursor: Cursor, session_id: str) -> list[facts.ToolCall]:
    return ask_session(cursor, facts.ToolCall, session_id, TOOL_CALLS)


ERRORS = "select * from session_errors where session_id = $session_id and date = $day order by seq"


def errors(cursor: Cursor, session_id: str) -> list[facts.SessionError]:
    return ask_session(cursor, facts.SessionError, session_id, ERRORS)


GAPS = "select * from gaps where session_id = $session_id and date = $day order by seq"


def gaps(cursor: Cursor, session_id: str) -> list[facts.Gap]:
    return ask_session(cursor, facts.Gap, session_id, GAPS)


CONFIG = "select * from config_changes where session_id = $session_id and date = $day order by seq"


def config_changes(cursor: Cursor, session_id: str) -> list[facts.ConfigChange]:
    return ask_session(cursor, facts.ConfigChange, session_id, CONFIG)


RESPONSE_COST = """
select seq from costs
where session_id = $session_id and date = $day and kind = 'response' and response_id = $response_id
"""


class _Seq(msgspec.Struct, frozen=True):
    seq: int


def response_cost(cursor: Cursor, session_id: str, response_id: str) -> int | None:
    """The `seq` of what an answer cost; None where it has no cost yet."""
    found = ask_session(cursor, _Seq, session_id, RESPONSE_COST, response_id=response_id)
    return found[0].seq if found else None


EXPLAINED: Final = {"turn": ("turns", "turn_index"), "interruption": ("interruptions", "seq"), "cost": ("costs", "seq")}
"""The table and the key of what can be explained."""


def explained_row(cursor: Cursor, session_id: str, kind: str, key: int, of: str | None = None) -> dict[str, Any] | None:
    """The row of which an explanation speaks, by column; of two costs at one `seq` the one of that kind."""
    table, name = EXPLAINED[kind]
    which = " and kind = $kind" if of is not None else ""
    # Names of our own, and bound values.
    sql = f"select * from {table} where session_id = $session_id and date = $day and {name} = $key{which}"  # noqa: S608
    asked = {"session_id": session_id, "day": day_of(session_id), "key": key}
    found = cursor.sql(sql, params=asked | ({"kind": of} if of is not None else {}))
    columns = found.columns
    return next((dict(zip(columns, row, strict=True)) for row in found.fetchall()), None)


class CostLine(msgspec.Struct, frozen=True, kw_only=True):
    """A priced thing, or the sum of a kind of things. Dollars are None where unknown or not of this basis."""

    seq: int | None
    """Of the thing, as `calltape explain cost` takes it; None of a sum."""
    kind: str
    count: int
    turn_index: int | None
    model: str | None
    audio_s: float | None
    text_in: int | None
    audio_in: int | None
    cached_in: int | None
    text_out: int | None
    audio_out: int | None
    metered_usd: float | None
    metered_reason: str | None
    billed_usd: float | None
    billed_reason: str | None
    estimated: bool
    price_lists: str | None


COSTS = """
select seq, kind, 1 as count, turn_index, model, coalesce(audio_ms / 1000, seconds) as audio_s,
    input_text_tokens as text_in, input_audio_tokens as audio_in,
    case when cached_text_tokens is null and cached_audio_tokens is null and cached_image_tokens is null then null
        else coalesce(cached_text_tokens, 0) + coalesce(cached_audio_tokens, 0) + coalesce(cached_image_tokens, 0)
        end as cached_in,
    output_text_tokens as text_out, output_audio_tokens as audio_out,
    metered_usd_nanos / 1e9 as metered_usd, metered_reason, billed_usd_nanos / 1e9 as billed_usd, billed_reason,
    estimated, nullif(concat_ws(', ', metered_list, billed_list), '') as price_lists
from costs where session_id = $session_id and date = $day order by seq, kind
"""


def costs(cursor: Cursor, session_id: str) -> list[CostLine]:
    """Everything that was priced, in the order in which it happened."""
    return ask_session(cursor, CostLine, session_id, COSTS)


COSTS_BY_KIND = """
select null as seq, kind, count(*) as count, null as turn_index, null as model,
    sum(coalesce(audio_ms / 1000, seconds)) as audio_s,
    sum(input_text_tokens)::bigint as text_in, sum(input_audio_tokens)::bigint as audio_in,
    sum(case when coalesce(cached_text_tokens, cached_audio_tokens, cached_image_tokens) is not null
        then coalesce(cached_text_tokens, 0) + coalesce(cached_audio_tokens, 0) + coalesce(cached_image_tokens, 0)
        end)::bigint as cached_in,
    sum(output_text_tokens)::bigint as text_out, sum(output_audio_tokens)::bigint as audio_out,
    sum(metered_usd_nanos) / 1e9 as metered_usd, string_agg(distinct metered_reason, ', ') as metered_reason,
    sum(billed_usd_nanos) / 1e9 as billed_usd, string_agg(distinct billed_reason, ', ') as billed_reason,
    bool_or(estimated) as estimated,
    nullif(concat_ws(', ', string_agg(distinct metered_list, ', '), string_agg(distinct billed_list, ', ')), '')
        as price_lists
from costs where session_id = $session_id and date = $day group by kind order by kind
"""


def costs_by_kind(cursor: Cursor, session_id: str) -> list[CostLine]:
    return ask_session(cursor, CostLine, session_id, COSTS_BY_KIND)
