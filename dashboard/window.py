"""Which stretch of time a page is about, from what the reader chose and the clock. Pure."""

from datetime import UTC, datetime, timedelta
from typing import Final

from dashboard.queries.asking import Scope

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


def scope(chosen: str, models: tuple[str, ...], now: datetime) -> Scope:
    """The scope of a range, on whole minutes so that answers can be kept until the rows or the minute change."""
    minute = now.astimezone(UTC).replace(second=0, microsecond=0)
    length = RANGES.get(chosen, RANGES[DEFAULT_RANGE])
    since = None if length is None else minute - length
    return Scope(since=since, until=minute + timedelta(minutes=1), models=models)


def step_s(first: datetime | None, last: datetime | None) -> int:
    """The shortest step that cuts the stretch in few enough pieces."""
    length = (last - first).total_seconds() if first and last else 0.0
    return next((step for step in STEPS_S if length / step <= POINTS_MAX), STEPS_S[-1])


BIN_WIDTHS_MS: Final = (10, 25, 50, 100, 250, 500, 1000, 2500)
BINS: Final = 40


def bin_ms(slowest_ms: float) -> int:
    """The narrowest bin of which few enough reach as far; what is slower still falls into the last."""
    return next((width for width in BIN_WIDTHS_MS if slowest_ms <= width * (BINS - 1)), BIN_WIDTHS_MS[-1])
