"""What the log could not say: quantities that are NULL and why, holes, logs that are not whole, things of no price."""

# The statements are put together from the names of our own schemas; what was chosen is bound.
# ruff: noqa: S608

from datetime import datetime
from typing import Final

import msgspec

from dashboard.queries.asking import TIMES, Scope, ask_scoped
from pipeline.dataset_cursor import Cursor
from pipeline.dataset_schemas import FACTS, Table

REASON: Final = "_reason"
UNITS: Final = ("_ms", "_usd_nanos")
BY_DESIGN: Final = ("not_metered", "not_billed")
"""Reasons that say where the cost is counted instead, and so are no lack."""


class Quantity(msgspec.Struct, frozen=True, kw_only=True):
    """A column that may be NULL, beside which another says why."""

    table: str
    column: str
    reason: str


def quantities() -> list[Quantity]:
    """Every such column of the tables, read from their schemas: a new one is on the page without a word here."""
    return [found for name, table in FACTS.items() if name in TIMES for found in _quantities(table)]


def _quantities(table: Table) -> list[Quantity]:
    names = table.columns.names
    return [
        Quantity(table=table.name, column=name.removesuffix(REASON) + unit, reason=name)
        for name in names
        if name.endswith(REASON)
        for unit in UNITS
        if name.removesuffix(REASON) + unit in names
    ]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity that is not known in some rows, by one reason."""

    table: str
    quantity: str
    reason: str
    rows: int
    share: float
    """Of all rows of the table in the scope."""
    last_at: datetime
    last_session_id: str


def _alike(table: str) -> str:
    """The table's rows that lack the same for the same reasons, counted: one scan for all its quantities."""
    ones, when = [one for one in quantities() if one.table == table], TIMES[table]
    lacks = ", ".join(f"{one.reason}, {_lacks(one)} as {one.column}_lacks" for one in ones)
    return f"""
        select {lacks}, count(*) as rows, max({when}) as last_at, arg_max(session_id, {when}) as last_session_id
        from scoped_{table} where {" or ".join(_lacks(one) for one in ones)} group by all
    """


def _lacks(one: Quantity) -> str:
    return f"({one.column} is null and coalesce({one.reason}, '') not in {BY_DESIGN})"


def _missing(one: Quantity) -> str:
    return f"""
        select '{one.table}' as "table", '{one.column}' as quantity, coalesce({one.reason}, 'not stated') as reason,
            sum(rows)::bigint as rows, sum(rows) / (select count(*) from scoped_{one.table})::double as share,
            max(last_at) as last_at, arg_max(last_session_id, last_at) as last_session_id
        from alike_{one.table}
        where {one.column}_lacks group by {one.reason}
    """


MISSING: Final = f"""
, {", ".join(f"alike_{table} as ({_alike(table)})" for table in sorted({one.table for one in quantities()}))}
{" union all ".join(_missing(one) for one in quantities())} order by rows desc, quantity, reason
"""


def missing(cursor: Cursor, scope: Scope) -> list[Missing]:
    """Everything that could not be measured or priced, and why; the most frequent first."""
    return ask_scoped(cursor, Missing, scope, MISSING)


class Hole(msgspec.Struct, frozen=True, kw_only=True):
    """Events that were seen and never logged, by the reason that the recorder gave."""

    reason: str
    gaps: int
    events: int
    sessions: int
    last_at: datetime
    last_session_id: str


HOLES = """
select coalesce(reason, 'not stated') as reason, count(*) as gaps, sum(count)::bigint as events,
    count(distinct session_id) as sessions, max("at") as last_at, arg_max(session_id, "at") as last_session_id
from scoped_gaps group by 1 order by events desc, reason
"""


def holes(cursor: Cursor, scope: Scope) -> list[Hole]:
    return ask_scoped(cursor, Hole, scope, HOLES)


class Unpriced(msgspec.Struct, frozen=True, kw_only=True):
    """Things without a billed price."""

    kind: str
    model: str
    reason: str
    things: int
    sessions: int
    last_session_id: str


UNPRICED = f"""
select kind, coalesce(model, 'unknown') as model, coalesce(billed_reason, 'not stated') as reason,
    count(*) as things, count(distinct session_id) as sessions, arg_max(session_id, "at") as last_session_id
from scoped_costs
where billed_usd_nanos is null and coalesce(billed_reason, '') not in ('in_progress', {str(BY_DESIGN)[1:-1]})
group by all order by things desc, kind, model, reason
"""


def unpriced(cursor: Cursor, scope: Scope) -> list[Unpriced]:
    return ask_scoped(cursor, Unpriced, scope, UNPRICED)


class UnknownType(msgspec.Struct, frozen=True, kw_only=True):
    """A type of event that this version doesn't know: kept, counted, and read past."""

    type: str
    events: int
    sessions: int
    last_session_id: str


UNKNOWN_TYPES = """
, told as (
    select session_id, opened_at, unknown_types::json as counts, unnest(json_keys(unknown_types::json)) as type
    from scope where unknown_types is not null
)
select type, sum((counts ->> ('$."' || type || '"'))::bigint)::bigint as events, count(*) as sessions,
    arg_max(session_id, opened_at) as last_session_id
from told group by type order by events desc, type limit 100
"""


def unknown_types(cursor: Cursor, scope: Scope) -> list[UnknownType]:
    return ask_scoped(cursor, UnknownType, scope, UNKNOWN_TYPES)


class DamagedLine(msgspec.Struct, frozen=True, kw_only=True):
    """Lines of a journal that are no event, and the last of them."""

    worker: str
    lines: int
    last_at: datetime
    last_error: str


DAMAGED = """
select worker, count(*) as lines, max(found_at) as last_at, arg_max(error, found_at) as last_error
from damaged_lines
where found_at < $until::timestamptz and found_at >= coalesce($since::timestamptz, found_at)
group by worker order by lines desc, worker
"""


def damaged_lines(cursor: Cursor, scope: Scope) -> list[DamagedLine]:
    """By worker; a damaged line belongs to no session that is known, so the facets don't narrow it."""
    return ask_scoped(cursor, DamagedLine, msgspec.structs.replace(scope, **dict.fromkeys(scope.facets, ())), DAMAGED)
