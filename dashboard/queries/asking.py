"""How a question is put to the dataset: SQL, bound parameters and the struct that each row of the answer becomes."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import TypeVar

import msgspec
from duckdb import DuckDBPyConnection

from ingest.envelope import opened_at_ms

Answer = TypeVar("Answer", bound=msgspec.Struct)
Parameter = str | int | float | date | datetime | Sequence[str] | None


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What an overview is about: the calls of a stretch of time, perhaps of some models only.

    A call is in it when any of it lies between `since` and `until`; what happened in a call counts at its own time.
    """

    since: datetime | None = None
    """None means from the first call on."""
    until: datetime
    models: tuple[str, ...] = ()
    """None given means all."""


SCOPE = """
with scope as (
    select * from sessions
    where last_event_at >= coalesce($since::timestamptz, '-infinity'::timestamptz) and opened_at < $until::timestamptz
        and (len($models::varchar[]) = 0 or list_contains($models::varchar[], coalesce(model, 'unknown')))
), scoped_turns as (
    select turns.* from turns semi join scope using (session_id)
    where turns.opened_at >= coalesce($since::timestamptz, '-infinity'::timestamptz)
        and turns.opened_at < $until::timestamptz
), scoped_interruptions as (
    select interruptions.* from interruptions semi join scope using (session_id)
    where interruptions.at >= coalesce($since::timestamptz, '-infinity'::timestamptz)
        and interruptions.at < $until::timestamptz
), scoped_minutes as (
    select audio_minutes.* from audio_minutes semi join scope using (session_id)
    where audio_minutes.minute >= coalesce($since::timestamptz, '-infinity'::timestamptz)
        and audio_minutes.minute < $until::timestamptz
), scoped_errors as (
    select session_errors.* from session_errors semi join scope using (session_id)
    where session_errors.at >= coalesce($since::timestamptz, '-infinity'::timestamptz)
        and session_errors.at < $until::timestamptz
), scoped_gaps as (
    select gaps.* from gaps semi join scope using (session_id)
    where gaps.at >= coalesce($since::timestamptz, '-infinity'::timestamptz) and gaps.at < $until::timestamptz
), call_time as (
    -- Only the part of a call that lies in the scope.
    select session_id, coalesce(model, 'unknown') as model, greatest(0.0, extract(epoch from
        least(last_event_at, $until::timestamptz) - greatest(opened_at, coalesce($since::timestamptz, opened_at))
    ) / 60) as minutes
    from scope
)
"""


def ask(cursor: DuckDBPyConnection, answer: type[Answer], sql: str, **parameters: Parameter) -> list[Answer]:
    """The rows of the answer, each as the struct whose fields are named like the columns."""
    found = cursor.sql(sql, params={name: _bound(value) for name, value in parameters.items()})
    columns = found.columns
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return msgspec.convert(rows, list[answer])  # type: ignore[valid-type]


def ask_scoped(
    cursor: DuckDBPyConnection, answer: type[Answer], scope: Scope, sql: str, **parameters: Parameter
) -> list[Answer]:
    """The same for a question about a scope: `sql` may use the `scoped_*` tables named in `SCOPE`."""
    return ask(
        cursor, answer, SCOPE + sql, since=scope.since, until=scope.until, models=list(scope.models), **parameters
    )


def ask_session(
    cursor: DuckDBPyConnection, answer: type[Answer], session_id: str, sql: str, **parameters: Parameter
) -> list[Answer]:
    """The same about one call. `$day` is the partition in which all its rows lie: the day on which it opened."""
    return ask(cursor, answer, sql, session_id=session_id, day=day_of(session_id), **parameters)


def day_of(session_id: str) -> date:
    """The UTC day that a session's id says it opened on; the first of all days where it is no such id."""
    try:
        return datetime.fromtimestamp(opened_at_ms(session_id) / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return date(1970, 1, 1)


def _bound(value: Parameter) -> Parameter:
    return list(value) if isinstance(value, tuple) else value
