"""By what calls are told apart in the filters: each facet is one text that every recorded session has."""

from typing import Final

import msgspec

from dashboard.queries.asking import FACETS, ask
from pipeline.dataset_cursor import Cursor

VALUES_MAX: Final = 200
"""Offered for one facet at most, the most frequent first; others can still be typed."""


class FacetValue(msgspec.Struct, frozen=True, kw_only=True):
    facet: str
    """A key of `FACETS`."""
    value: str
    sessions: int


# One scan of the sessions for all facets.
VALUES = f"""
with told as (
    select {", ".join(f"{expression} as {name}" for name, expression in FACETS.items())} from sessions
), counted as (
    select {", ".join(FACETS)}, count(*) as sessions from told
    group by grouping sets ({", ".join(f"({name})" for name in FACETS)})
)
select facet, value, sessions
from (unpivot counted on {", ".join(FACETS)} into name facet value value)
qualify row_number() over (partition by facet order by sessions desc, value) <= {VALUES_MAX}
order by facet, sessions desc, value
"""  # noqa: S608  # put together from our own expressions


def values(cursor: Cursor) -> dict[str, tuple[str, ...]]:
    """Of each facet the values that were ever recorded, the most frequent first. Empty where there is no call."""
    found: dict[str, list[str]] = {}
    for one in ask(cursor, FacetValue, VALUES):
        found.setdefault(one.facet, []).append(one.value)
    return {facet: tuple(known) for facet, known in found.items()}
