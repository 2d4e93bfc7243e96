"""How a question is put to the dataset: SQL, bound parameters and the struct that each row of the answer becomes."""

# The statements are put together from our own names; what was chosen is bound.
# ruff: noqa: S608

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final, TypeVar

import msgspec
import pyarrow as pa
from duckdb import DuckDBPyConnection

from ingest.envelope import opened_at_ms

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


def scope_sql(scope: Scope) -> str:
    """The `with` of a question about a scope: the tables `scope` (its sessions), `scoped_turns`, `scoped_costs`, ...

    Only the partitions of the scope's days are read, and sessions only where a facet was chosen.
    """
    parts = [f"scope as ({_sessions(scope)})"]
    parts += [f"scoped_{table} as ({_scoped(scope, table, when)})" for table, when in TIMES.items()]
    parts.append(f"call_time as ({_CALL_TIME})")
    return "with " + ", ".join(parts)


def _sessions(scope: Scope) -> str:
    since = " and last_event_at >= $since::timestamptz" if scope.since else ""
    chosen = by_facets(scope.facets)
    return f"select * from sessions where {days(scope)}{since} and opened_at < $until::timestamptz{chosen}"


def _scoped(scope: Scope, table: str, when: str) -> str:
    since = f" and {when} >= $since::timestamptz" if scope.since else ""
    known = f" and session_id in (select session_id from sessions where {days(scope)}{by_facets(scope.facets)})"
    return (
        f"select * from {table} where {days(scope)}{since} and {when} < $until::timestamptz"
        f"{known if scope.facets else ''}"
    )


def days(scope: Scope) -> str:
    """The condition that leaves only the partitions of the scope's days to be read.

    Rows of sessions whose id is none of ours lie in the partition of 1970-01-01.
    """
    if scope.since is None:
        return "date <= $last_day"
    return "(date between $first_day and $last_day or date = date '1970-01-01')"


def by_facets(facets: Iterable[str]) -> str:
    """More conditions on a session's row: each of these facets has one of the values bound by its name."""
    return "".join(f" and {FACETS[name]} in (select unnest(${name}::varchar[]))" for name in facets)


# Only the part of a call that lies in the scope.
_CALL_TIME = """
    select session_id, coalesce(model, 'unknown') as model, greatest(0.0, extract(epoch from
        least(last_event_at, $until::timestamptz) - greatest(opened_at, coalesce($since::timestamptz, opened_at))
    ) / 60) as minutes
    from scope
"""


def _scope_parameters(scope: Scope) -> dict[str, Parameter]:
    known: dict[str, Parameter] = {name: list(values) for name, values in scope.facets.items()}
    known |= {"since": scope.since, "until": scope.until, "last_day": scope.until.astimezone(UTC).date()}
    if scope.since is not None:
        known["first_day"] = scope.since.astimezone(UTC).date() - timedelta(days=DAYS_BEFORE)
    return known


def ask(cursor: DuckDBPyConnection, answer: type[Answer], sql: str, **parameters: Parameter) -> list[Answer]:
    """The rows of the answer, each as the struct whose fields are named like the columns."""
    found = cursor.sql(sql, params={name: _bound(value) for name, value in parameters.items()})
    columns = found.columns
    rows = [dict(zip(columns, row, strict=True)) for row in found.fetchall()]
    return msgspec.convert(rows, list[answer])  # type: ignore[valid-type]


def ask_scoped(
    cursor: DuckDBPyConnection, answer: type[Answer], scope: Scope, sql: str, **parameters: Parameter
) -> list[Answer]:
    """The same for a question about a scope: `sql` goes on from the `with` of `scope_sql`."""
    return ask(cursor, answer, scope_sql(scope) + sql, **_scope_parameters(scope), **parameters)


def table_scoped(cursor: DuckDBPyConnection, scope: Scope, sql: str, **parameters: Parameter) -> pa.Table:
    """The answer to a question about a scope as columns, for what computes with many rows at once."""
    known = {name: _bound(value) for name, value in (_scope_parameters(scope) | parameters).items()}
    return cursor.sql(scope_sql(scope) + sql, params=known).to_arrow_table()


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
