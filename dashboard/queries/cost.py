"""What calls cost: the priced things added up by day, kind and model, what a call comes to, and the dearest calls.

Nothing here knows a price: what the tokens come to is `dashboard.bill`'s and `dashboard.what_if`'s business.
"""

from datetime import date, datetime
from typing import Final

import msgspec

from dashboard.queries.asking import Scope, ask_scoped, utc_day_of
from pipeline.dataset_cursor import Cursor
from pipeline.domain.usage import TokenCounts


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """Priced things of one day, kind and model that are alike in what is known of them, added up."""

    day: date
    """UTC, on which they began."""
    kind: str
    """response, transcription, input_audio, output_audio, session_time."""
    model: str | None
    billed_reason: str | None
    """Why none of them has a billed cost; None where all have one."""
    metered_reason: str | None
    """Why none of them is metered, or only their audio; None where all are metered in full."""
    wordless: bool
    """They came with audio tokens and without text tokens: what was said is not in their usage as text."""
    things: int
    audio_ms: float
    text_in: int
    text_cached: int
    audio_in: int
    audio_cached: int
    image_in: int
    image_cached: int
    text_out: int
    audio_out: int
    metered_usd_nanos: int
    billed_usd_nanos: int

    @property
    def counts(self) -> TokenCounts:
        """The tokens, as the price lists are asked about them."""
        return TokenCounts(
            text_in=self.text_in,
            text_cached=self.text_cached,
            audio_in=self.audio_in,
            audio_cached=self.audio_cached,
            image_in=self.image_in,
            image_cached=self.image_cached,
            text_out=self.text_out,
            audio_out=self.audio_out,
        )


SUMS: Final = {
    "text_in": "input_text_tokens",
    "text_cached": "cached_text_tokens",
    "audio_in": "input_audio_tokens",
    "audio_cached": "cached_audio_tokens",
    "image_in": "input_image_tokens",
    "image_cached": "cached_image_tokens",
    "text_out": "output_text_tokens",
    "audio_out": "output_audio_tokens",
    "metered_usd_nanos": "metered_usd_nanos",
    "billed_usd_nanos": "billed_usd_nanos",
}
"""The sums of whole numbers in a tally, by the column that each is of."""

TALLIES: Final = f"""
select {utc_day_of('"at"')} as day, kind, model, billed_reason, metered_reason,
    coalesce(output_audio_tokens > 0 and output_text_tokens = 0, false) as wordless,
    count(*) as things, coalesce(sum(audio_ms), 0.0) as audio_ms,
    {", ".join(f"coalesce(sum({column}), 0)::bigint as {name}" for name, column in SUMS.items())}
from scoped_costs group by all order by day, kind, model, billed_reason, metered_reason, wordless
"""  # noqa: S608  # put together from our own names


def tallies(cursor: Cursor, scope: Scope) -> list[Tally]:
    """Everything that was priced in the scope, a handful of rows for each day."""
    return ask_scoped(cursor, Tally, scope, TALLIES)


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that a computation by tokens must leave out, and why."""

    reason: str
    """As in the table; `no_text_tokens` where an answer has audio tokens, and none of text beside them."""
    answers: int
    calls: int


LEFT_OUT: Final = """
, lacking as (
    select session_id, case when billed_usd_nanos is null then coalesce(billed_reason, 'not stated')
        when output_audio_tokens > 0 and output_text_tokens = 0 then 'no_text_tokens' end as reason
    from scoped_costs where kind = 'response'
)
select reason, count(*) as answers, count(distinct session_id) as calls
from lacking where reason is not null group by reason order by answers desc, reason
"""


def left_out(cursor: Cursor, scope: Scope) -> list[LeftOut]:
    """By reason."""
    return ask_scoped(cursor, LeftOut, scope, LEFT_OUT)


class CallCost(msgspec.Struct, frozen=True, kw_only=True):
    """What a call comes to, over whole calls; None where there is none. Billed: of calls with all of it priced."""

    calls: int
    metered_p50_usd: float | None
    metered_p90_usd: float | None
    priced_calls: int
    billed_p50_usd: float | None
    billed_p90_usd: float | None


CALL_COST: Final = """
select count(*) as calls, count(*) filter (where unpriced = 0) as priced_calls,
    quantile_cont(metered_usd_nanos, 0.5) / 1e9 as metered_p50_usd,
    quantile_cont(metered_usd_nanos, 0.9) / 1e9 as metered_p90_usd,
    quantile_cont(billed_usd_nanos, 0.5) filter (where unpriced = 0) / 1e9 as billed_p50_usd,
    quantile_cont(billed_usd_nanos, 0.9) filter (where unpriced = 0) / 1e9 as billed_p90_usd
from scope where status = 'closed'
"""


def call_cost(cursor: Cursor, scope: Scope) -> CallCost:
    """Of the calls that have ended."""
    [found] = ask_scoped(cursor, CallCost, scope, CALL_COST)
    return found


class DearCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call with what all of it cost, also what lies outside of the scope."""

    session_id: str
    opened_at: datetime
    model: str | None
    minutes: float
    metered_usd: float
    billed_usd: float | None
    """None where nothing of it could be priced."""
    metered_usd_per_minute: float | None
    billed_usd_per_minute: float | None
    unpriced: int
    turns: int


ORDERS: Final = {
    "billed": "billed_usd desc nulls last",
    "metered": "metered_usd desc",
    "billed per minute": "billed_usd_per_minute desc nulls last",
    "metered per minute": "metered_usd_per_minute desc nulls last",
}

DEAREST: Final = """
select session_id, opened_at, model, duration_ms / 60000 as minutes, metered_usd_nanos / 1e9 as metered_usd,
    case when unpriced > 0 and billed_usd_nanos = 0 then null else billed_usd_nanos / 1e9 end as billed_usd,
    metered_usd / nullif(minutes, 0) as metered_usd_per_minute,
    billed_usd / nullif(minutes, 0) as billed_usd_per_minute, unpriced, turns
from scope
"""


def dearest(cursor: Cursor, scope: Scope, *, order: str, limit: int = 20) -> list[DearCall]:
    """The most expensive calls; `order` is a key of `ORDERS`."""
    return ask_scoped(
        cursor, DearCall, scope, f"{DEAREST} order by {ORDERS[order]}, session_id limit $limit", limit=limit
    )
