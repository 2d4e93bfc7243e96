"""How sure a median or a rate is: the same figure of calls drawn anew, again and again (bootstrap). Pure.

Calls are drawn, not turns: the turns of one call are alike (one caller, one line, one voice), and to draw them one by
one would take them for more evidence than they are. (Field and Welsh 2007, "Bootstrapping clustered data".)
A draw depends on the calls and the seed alone, so the same calls give the same answer on whatever side they stand.
"""

from collections.abc import Iterator
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

DRAWS: Final = 500
AT_ONCE: Final = 20
"""Draws in memory at a time: with 20,000 values 3 MB, which a processor's cache holds; 50 took 2.5 times as long."""
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
    order = np.argsort(found.values, kind="stable")
    values, calls = found.values[order], found.calls[order]
    medians = [_medians(values, times[:, calls]) for times in _drawn(found.of, found.seed, draws)]
    return np.concatenate(medians) if len(values) else np.full(draws, np.nan)


def ratio_draws(found: Sums, draws: int = DRAWS) -> Floats:
    """The sum of what is divided by the sum of what it is divided by, of each draw; NaN where that is nought."""
    under, over = [], []
    for times in _drawn(len(found.over), found.seed, draws):
        over.append(times @ found.over)
        under.append(times @ found.under)
    divisor = np.concatenate(under)
    drawn: Floats = np.divide(np.concatenate(over), divisor, out=np.full(draws, np.nan), where=divisor > 0)
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


def _drawn(calls: int, seed: int, draws: int) -> Iterator[Ints]:
    """How often each call is in each draw, some draws at a time: (draws, calls)."""
    chance = np.random.default_rng(seed)
    for begin in range(0, draws, AT_ONCE):
        count = min(AT_ONCE, draws - begin)
        drawn = chance.integers(0, max(calls, 1), (count, calls)) + calls * np.arange(count)[:, None]
        yield np.bincount(drawn.ravel(), minlength=count * calls).reshape(count, calls)


def _medians(values: Floats, times: Ints) -> Floats:
    """Of each row of `times`, the median of the values with each taken so many times."""
    upto = np.cumsum(times, axis=1)
    total = upto[:, -1] if upto.shape[1] else np.zeros(len(upto), dtype=np.int64)
    found = np.full(len(upto), np.nan)
    for row, (reached, whole) in enumerate(zip(upto, total, strict=True)):
        if whole:
            low, high = np.searchsorted(reached, [(whole - 1) // 2, whole // 2], side="right")
            found[row] = (values[low] + values[high]) / 2
    return found
