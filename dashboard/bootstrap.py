"""How sure a median or a rate is: the same figure of calls drawn anew, again and again (bootstrap). Pure.

Calls are drawn, not turns: the turns of one call are alike (one caller, one line, one voice), and to draw them one by
one would take them for more evidence than they are. (Field and Welsh 2007, "Bootstrapping clustered data".)
A draw depends on the calls and the seed alone, so the same calls give the same answer on whatever side they stand.
"""

from functools import lru_cache
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 500
BLOCK: Final = 256
"""Values that are passed over at once in the search for a median: 6 times as fast as one by one."""
KEPT: Final = 8
"""Draws that are kept for the other measures of the same calls: of 2,000 calls 8 MB each."""
LEVEL: Final = 0.95

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    low: float
    high: float


class Values(msgspec.Struct, frozen=True, kw_only=True):
    """A measure of the turns of some calls."""

    values: Floats
    calls: Ints
    """Of each value, the place of its call: 0 up to and without `of`."""
    of: int
    """How many calls were drawn from, also those without a value."""
    seed: int


class Sums(msgspec.Struct, frozen=True, kw_only=True):
    """Of each call, what is divided by what: cost by minutes, interruptions by 1."""

    over: Floats
    under: Floats
    seed: int


def median_draws(found: Values, draws: int = DRAWS) -> Floats:
    """The median of each draw; NaN where no call of it has a value."""
    if not len(found.values):
        return np.full(draws, np.nan)
    order = np.argsort(found.values, kind="stable")
    return _medians(found.values[order], found.calls[order], _drawn(found.of, found.seed, draws))


def ratio_draws(found: Sums, draws: int = DRAWS) -> Floats:
    """The sum of what is divided by the sum of what it is divided by, of each draw; NaN where that is nought."""
    times = _drawn(len(found.over), found.seed, draws)
    divisor = times @ found.under
    drawn: Floats = np.divide(times @ found.over, divisor, out=np.full(draws, np.nan), where=divisor > 0)
    return drawn


def median(found: Values) -> float | None:
    return float(np.median(found.values)) if len(found.values) else None


def ratio(found: Sums) -> float | None:
    divisor = found.under.sum()
    return float(found.over.sum() / divisor) if divisor > 0 else None


def interval(one: Floats, other: Floats, *, told: float, of_draws: float) -> Interval | None:
    """Where the difference of two figures lies with 95 % of the draws; None where no draw has both.

    `told` is the difference that is shown, `of_draws` that of the calls which were drawn from: the same, unless the
    calls were too many and only some were drawn from. Then the interval is laid around what is shown.
    """
    differences = one - other
    differences = differences[~np.isnan(differences)]
    if not len(differences):
        return None
    low, high = np.quantile(differences, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]) + (told - of_draws)
    return Interval(low=float(low), high=float(high))


@lru_cache(maxsize=KEPT)
def _drawn(calls: int, seed: int, draws: int) -> Floats:
    """How often each call is in each draw: (draws, calls), whole numbers."""
    drawn = np.random.default_rng(seed).integers(0, max(calls, 1), (draws, calls))
    drawn += calls * np.arange(draws)[:, None]
    times = np.bincount(drawn.ravel(), minlength=draws * calls).reshape(draws, calls).astype(np.float64)
    times.flags.writeable = False
    return times


def _medians(values: Floats, calls: Ints, times: Floats) -> Floats:
    """Of each row of `times`, the median of the sorted values, each taken as often as its call is in the row."""
    blocks = np.arange(len(values)) // BLOCK
    many = int(blocks[-1]) + 1
    held = np.bincount(calls * many + blocks, minlength=times.shape[1] * many).reshape(times.shape[1], many)
    upto = np.cumsum(times @ held.astype(np.float64), axis=1)
    total = upto[:, -1]
    # Of nothing there is no rank; what is found for it is not told.
    low, high = (np.maximum((total - back) // 2, 0) for back in (1, 0))
    found = (_ranked(values, calls, times, upto, low) + _ranked(values, calls, times, upto, high)) / 2
    return np.where(total > 0, found, np.nan)


def _ranked(values: Floats, calls: Ints, times: Floats, upto: Floats, rank: Floats) -> Floats:
    """Of each row, the value of that rank, counted from nought: first its block, then its place in the block."""
    rows = np.arange(len(rank))
    block = np.minimum((upto <= rank[:, None]).sum(axis=1), upto.shape[1] - 1)
    before = np.where(block > 0, upto[rows, block - 1], 0)
    places = block[:, None] * BLOCK + np.arange(BLOCK)
    within = np.minimum(places, len(values) - 1)
    taken = np.where(places < len(values), times[rows[:, None], calls[within]], 0)
    place = (np.cumsum(taken, axis=1) <= (rank - before)[:, None]).sum(axis=1)
    found: Floats = values[within[rows, np.minimum(place, BLOCK - 1)]]
    return found
