"""How a question is put to the dataset: SQL, bound parameters and the struct that each row of the answer becomes."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

import msgspec
import pyarrow as pa

from ingest.envelope import opened_at_ms
from pipeline.dataset_cursor import Cursor
from pipeline.dataset_schemas import FACTS

Answer = TypeVar("Answer", bound=msgspec.Struct)
Parameter = str | int | float | date | datetime | Sequence[str] | Sequence[int] | None


FACETS: Final[dict[str, str]] = {
    "model": "coalesce(model, 'unknown')",
    "source": "source",
    "relay_key": "coalesce(relay_key, 'none')",
    "label": "coalesce(label, 'none')",
    "voice": "coalesce(voice, 'unknown')",
    "vad": "concat_ws(' ', coalesce(turn_detection, 'unknown'), silence_duration_ms || ' ms')",
    "language": "coalesce(language, 'not set')",
}
"""What sessions can be filtered by, each as one text of a session's row that is never NULL."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a page is about: the calls of a stretch of time, perhaps only those of some models, voices, labels.

    A call is in it when any of it lies between `since` and `until`; what happened in a call counts at its own time.
    Of each facet, no value given means all.
    """

    since: datetime | None = None
    """None means from the first call on."""
    until: datetime
    model: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    relay_key: tuple[str, ...] = ()
    label: tuple[str, ...] = ()
    voice: tuple[str, ...] = ()
    vad: tuple[str, ...] = ()
    """The kind of turn detection, and its silence where it has a fixed one: `server_vad 500 ms`."""
    language: tuple[str, ...] = ()

    @property
    def facets(self) -> dict[str, tuple[str, ...]]:
        """The facets that were chosen by, with their values."""
        return {name: getattr(self, name) for name in FACETS if getattr(self, name)}

    @property
    def before(self) -> "Scope | None":
        """The stretch of the same length that ends where this one begins; None where this one has no beginning."""
        if self.since is None:
            return None
        return msgspec.structs.replace(self, since=self.since - (self.until - self.since), until=self.since)

    @property
    def with_before(self) -> "tuple[Scope, ...]":
        """This stretch, and the one before where there is one."""
        return (self,) if self.before is None else (self, self.before)


DAYS_BEFORE: Final = 1
"""A row lies in the partition of the day on which its session opened. The API ends a session after an hour, so what
happens on a day belongs to a session of that day or of the day before."""

TIMES: Final = {
    "turns": "opened_at",
    "responses": "created_at",
    "interruptions": '"at"',
    "tool_calls": '"at"',
    "transcripts": '"at"',
    "costs": '"at"',
    "audio_minutes": "minute",
    "session_errors": '"at"',
    "gaps": '"at"',
}
"""When a row of each table happened."""


def scope_sql(scope: Scope, sql: str) -> str:
    """The question after the `with` that it goes on from: what it names of `scope`, `call_time`, `scoped_turns`, ...

    `scope` is the scope's sessions, `call_time` their minutes in it; `scoped_turns` and the others are the rows that
    happened in it. Sessions are read only where they are asked about or a facet was chosen.
    """
    parts = {f"scoped_{table}": _scoped(scope, table, when) for table, when in TIMES.items()}
    parts = {"scope": _sessions(scope), "call_time": _CALL_TIME} | parts
    wanted = {name for name in parts if re.search(rf"\b{name}\b", sql)}
    if "call_time" in wanted:
        wanted.add("scope")
    # A table that is named costs some milliseconds, also where nothing is asked of it.
    named = [f"{name} as ({select})" for name, select in parts.items() if name in wanted]
    if scope.facets and any(name.startswith("scoped_") for name in wanted):
        named.insert(0, f"chosen_calls as materialized ({_chosen_calls(scope)})")
    goes_on = sql.lstrip()
    if not named:
        return f"with {goes_on[1:]}" if goes_on.startswith(",") else goes_on
    return f"with {', '.join(named)} {goes_on}"


def _sessions(scope: Scope) -> str:
    since = " and last_event_at >= $since::timestamptz" if scope.since else ""
    chosen = by_facets(scope.facets)
    return f"select * from sessions where {days(scope)}{since} and opened_at < $until::timestamptz{chosen}"


def _scoped(scope: Scope, table: str, when: str) -> str:
    since = f" and {when} >= $since::timestamptz" if scope.since else ""
    of_chosen = " and session_id in (select session_id from chosen_calls)" if scope.facets else ""
    return f"select * from {table} where {days(scope)}{since} and {when} < $until::timestamptz{of_chosen}"


def _chosen_calls(scope: Scope) -> str:
    """The calls that have the facets; what happened in them may lie in the scope where they begin before it."""
    return f"select session_id from sessions where {days(scope)}{by_facets(scope.facets)}"


def days(scope: Scope) -> str:
    """The condition that leaves only the partitions of the scope's days to be read.

    Rows of sessions whose id is none of ours lie in the partition of 1970-01-01.
    """
    if scope.since is None:
        return "date <= $last_day"
    return "(date between $first_day and $last_day or date = date '1970-01-01')"


def by_facets(facets: Iterable[str]) -> str:
    """More conditions on a session's row: each of these facets has one of the values bound by its name."""
    return "".join(f" and list_contains(${name}::varchar[], {FACETS[name]})" for name in facets)


# Only the part of a call that lies in the scope.
_CALL_TIME = """
    select session_id, coalesce(model, 'unknown') as model, greatest(0.0, (
        epoch_us(least(last_event_at, $until::timestamptz))
        - epoch_us(greatest(opened_at, coalesce($since::timestamptz, opened_at)))
    ) / 6e7) as minutes
    from scope
"""

# DuckDB's own functions for a moment's day or bucket look up a time zone for each row: three times as long as these.
MONDAY_US: Final = 946_857_600_000_000
"""2000-01-03, from which DuckDB's `time_bucket` counts, so that a week begins on Monday."""
BUCKET_US: Final = "($bucket_s::bigint * 1000000)"


def bucket_of(when: str) -> str:
    """The beginning of the stretch of `$bucket_s` seconds in which a moment lies."""
    return f"make_timestamptz((epoch_us({when}) - {MONDAY_US}) // {BUCKET_US} * {BUCKET_US} + {MONDAY_US})"


def utc_day_of(when: str) -> str:
    """The UTC day of a moment."""
    return f"date '1970-01-01' + (epoch_us({when}) // 86400000000)::integer"


def _scope_parameters(scope: Scope, sql: str) -> dict[str, Parameter]:
    """What is bound of the scope: as much as the question names."""
    known: dict[str, Parameter] = {name: list(values) for name, values in scope.facets.items()}
    first, last = _its_days(scope)
    known |= {"since": scope.since, "until": scope.until, "last_day": last}
    known |= {} if first is None else {"first_day": first}
    return {name: value for name, value in known.items() if re.search(rf"\${name}\b", sql)}


def _its_days(scope: Scope) -> tuple[date | None, date]:
    """The days on which the scope's calls opened."""
    first = None if scope.since is None else scope.since.astimezone(UTC).date() - timedelta(days=DAYS_BEFORE)
    return first, (scope.until - timedelta(microseconds=1)).astimezone(UTC).date()


def ask(cursor: Cursor, answer: type[Answer], sql: str, **parameters: Parameter) -> list[Answer]:
    """The rows of the answer, each as the struct whose fields are named like the columns."""
    # What `sql` gives would be bound twice: 2 to 5 ms for each table.
    found = cursor.connection.execute(sql, {name: _bound(value) for name, value in parameters.items()})
    columns = [column[0] for column in found.description]
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return msgspec.convert(rows, list[answer])  # type: ignore[valid-type]


def ask_scoped(cursor: Cursor, answer: type[Answer], scope: Scope, sql: str, **parameters: Parameter) -> list[Answer]:
    """The same for a question about a scope: `sql` goes on from the `with` of `scope_sql`."""
    about = _over_its_days(cursor, scope, sql)
    return ask(cursor, answer, about, **_scope_parameters(scope, about), **parameters)


def table_scoped(cursor: Cursor, scope: Scope, sql: str, **parameters: Parameter) -> pa.Table:
    """The answer to a question about a scope as columns, for what computes with many rows at once."""
    about = _over_its_days(cursor, scope, sql)
    known = {name: _bound(value) for name, value in (_scope_parameters(scope, about) | parameters).items()}
    return cursor.sql(about, params=known).to_arrow_table()


def ask_since(cursor: Cursor, answer: type[Answer], first_day: date, sql: str, **parameters: Parameter) -> list[Answer]:
    """The same about calls that opened on `$first_day` or later."""
    return ask(cursor, answer, cursor.over_days(sql, first_day, date.max), first_day=first_day, **parameters)


def ask_session(
    cursor: Cursor, answer: type[Answer], session_id: str, sql: str, **parameters: Parameter
) -> list[Answer]:
    """The same about one call. `$day` is the partition in which all its rows lie: the day on which it opened."""
    day = day_of(session_id)
    return ask(cursor, answer, cursor.over_days(sql, day, day), session_id=session_id, day=day, **parameters)


def _over_its_days(cursor: Cursor, scope: Scope, sql: str) -> str:
    """The question about the scope, in which the tables of facts are no more than its days and the columns it names."""
    first, last = _its_days(scope)
    return cursor.over_days(scope_sql(scope, sql), first, last, FACTS, columns_named=True)


def day_of(session_id: str) -> date:
    """The UTC day that a session's id says it opened on; the first of all days where it is no such id."""
    try:
        return datetime.fromtimestamp(opened_at_ms(session_id) / 1000, UTC).date()
    except (ValueError, OverflowError, OSError):
        return date(1970, 1, 1)


def _bound(value: Parameter) -> Parameter:
    return list(value) if isinstance(value, tuple) else value
