"""Which stretch of time and which calls a page is about, from what the reader chose and the clock. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec

from dashboard.queries.asking import FACETS, Scope

RANGES: Final = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "all": None,
}
DEFAULT_RANGE: Final = "24h"
STEPS_S: Final = (10, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 86_400, 7 * 86_400)
POINTS_MAX: Final = 60
"""A chart over time has at most so many stretches: each keeps enough turns for a percentile to mean something."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """What the reader chose in the filter bar."""

    range: str = DEFAULT_RANGE
    first_day: date | None = None
    """Whole UTC days instead of the range, where either is given."""
    last_day: date | None = None
    facets: dict[str, tuple[str, ...]] = {}
    """By the names of `FACETS`; other names are not looked at."""

    @property
    def words(self) -> str:
        """The stretch as it reads in a sentence: `last 24h`, `2025-03-01 to 2025-03-02`, `all time`."""
        if self.first_day or self.last_day:
            return f"{self.first_day or 'the first call'} to {self.last_day or 'now'}"
        return "all time" if self.range == "all" else f"last {self.range}"


def scope(choice: Choice, now: datetime) -> Scope:
    """The scope of a choice, on whole minutes so that answers can be kept until the rows or the minute change."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    since, until = _stretch(choice, minute)
    return Scope(since=since, until=until, **{name: choice.facets.get(name, ()) for name in FACETS})


def _stretch(choice: Choice, minute: datetime) -> tuple[datetime | None, datetime]:
    until = minute + timedelta(minutes=1)
    if choice.first_day or choice.last_day:
        end = _midnight(choice.last_day + timedelta(days=1)) if choice.last_day else until
        return (_midnight(choice.first_day) if choice.first_day else None), end
    length = RANGES.get(choice.range, RANGES[DEFAULT_RANGE])
    return (None if length is None else minute - length), until


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def step_s(first: datetime | None, last: datetime | None) -> int:
    """The shortest step that cuts the stretch in few enough pieces."""
    length = (last - first).total_seconds() if first and last else 0.0
    return next((step for step in STEPS_S if length / step <= POINTS_MAX), STEPS_S[-1])


BIN_WIDTHS_MS: Final = (10, 25, 50, 100, 250, 500, 1000, 2500)
BINS: Final = 40


def bin_ms(slowest_ms: float) -> int:
    """The narrowest bin of which few enough reach as far; what is slower still falls into the last."""
    return next((width for width in BIN_WIDTHS_MS if slowest_ms <= width * (BINS - 1)), BIN_WIDTHS_MS[-1])
