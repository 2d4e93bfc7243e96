"""The recorded events of one call: a page of them by filter, and what there is to filter by."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from dashboard.queries.asking import ask_session
from pipeline.dataset_cursor import Cursor


class EventLine(msgspec.Struct, frozen=True, kw_only=True):
    seq: int
    elapsed_s: float
    seen_at: datetime
    source: str
    type: str
    size_bytes: int
    start: str
    """The first characters of the message, its audio elided."""


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    sources: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    """None given of either means all."""
    text: str = ""
    """Must occur in the type or the message."""
    audio: bool = False
    """Also the events that only carry audio."""


CHOSEN = """
from events
where session_id = $session_id and date = $day
    and (len($sources::varchar[]) = 0 or list_contains($sources::varchar[], source))
    and (len($types::varchar[]) = 0 or list_contains($types::varchar[], type))
    and ($text = '' or contains(lower(type), lower($text)) or contains(lower(coalesce(data, '')), lower($text)))
    and ($audio or len($types::varchar[]) > 0
        or type not in ('input_audio_buffer.append', 'response.output_audio.delta', 'response.audio.delta'))
"""

EVENTS = """
select seq, elapsed_ns / 1e9 as elapsed_s, seen_at, source, type, size_bytes, left(coalesce(data, ''), 300) as start
"""

COUNT = "select count(*) as count"
PAGE = "order by seq limit $page_size offset $skip"


def events(cursor: Cursor, session_id: str, chosen: EventFilter, *, page_size: int, skip: int) -> list[EventLine]:
    """A page of the events that the filter lets through, in the order in which they were seen."""
    sql = EVENTS + CHOSEN + PAGE
    named = msgspec.structs.asdict(chosen)
    return ask_session(cursor, EventLine, session_id, sql, page_size=page_size, skip=skip, **named)


BETWEEN = """
from events
where session_id = $session_id and date = $day
    and elapsed_ns between ($from_s * 1e9)::bigint and ($until_s * 1e9)::bigint
    and type not in ('input_audio_buffer.append', 'response.output_audio.delta', 'response.audio.delta')
order by seq limit $at_most
"""


def between(cursor: Cursor, session_id: str, *, from_s: float, until_s: float, at_most: int) -> list[EventLine]:
    """The events between two moments of a call, without those that only carry audio."""
    found = {"from_s": from_s, "until_s": until_s, "at_most": at_most}
    return ask_session(cursor, EventLine, session_id, EVENTS + BETWEEN, **found)


NUMBERED = """
from events
where session_id = $session_id and date = $day and list_contains($numbers::bigint[], seq) order by seq
"""


def numbered(cursor: Cursor, session_id: str, numbers: Sequence[int]) -> list[EventLine]:
    """The events of these numbers."""
    return ask_session(cursor, EventLine, session_id, EVENTS + NUMBERED, numbers=tuple(numbers))


class Count(msgspec.Struct, frozen=True):
    count: int


def count(cursor: Cursor, session_id: str, chosen: EventFilter) -> int:
    """How many events the filter lets through."""
    sql = COUNT + CHOSEN
    return ask_session(cursor, Count, session_id, sql, **msgspec.structs.asdict(chosen))[0].count


class EventType(msgspec.Struct, frozen=True, kw_only=True):
    source: str
    type: str
    count: int
    size_bytes: int


TYPES = """
select source, type, count(*) as count, sum(size_bytes)::bigint as size_bytes
from events where session_id = $session_id and date = $day group by source, type order by type, source
"""


def types(cursor: Cursor, session_id: str) -> list[EventType]:
    """Which types of events the call has, and how many of each."""
    return ask_session(cursor, EventType, session_id, TYPES)
