"""Whether two cohorts of calls differ: the figures of both, their difference, and how sure it is."""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
import numpy as np

from dashboard.bootstrap import Floats, Interval, Sums, Values, interval, median, median_draws, ratio, ratio_draws
from dashboard.desk import Desk
from dashboard.queries import comparison
from dashboard.queries.asking import Scope
from dashboard.queries.comparison import Side
from dashboard.queries.latency import Cohort
from pipeline.dataset_cursor import Cursor

CALLS_MIN: Final = 20
"""Calls on each side for a verdict: with fewer, drawing them anew says too little of those that were not seen."""
VALUES_MIN: Final = 30
"""Turns, or interruptions, on each side for a verdict about a median."""
Verdict = Literal["more", "less", "no difference", "too few"]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of one side."""

    value: float | None
    """Over all of its calls; None where there is nothing to measure."""
    count: int
    """Turns, interruptions or calls that it is of."""
    count_min: int = 0
    """So many of them are needed for a verdict."""
    calls: int
    """Calls that these lie in."""
    drawn_from: int
    """Calls that are drawn from for the interval."""
    drawn_value: float | None
    """The same measure of those alone."""
    draws: Floats


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One measure of both sides."""

    measure: str
    """A key of `MEASURES`."""
    a: Sample
    b: Sample
    difference: float | None
    """A less B."""
    interval: Interval | None
    verdict: Verdict

    @property
    def share(self) -> tuple[float, float, float] | None:
        """Difference, low and high in percent of B; None where there is no verdict, or B is nought."""
        if self.verdict == "too few" or self.interval is None or self.difference is None or not self.b.value:
            return None
        low, high = self.interval.low, self.interval.high
        one, two, three = (100 * value / self.b.value for value in (self.difference, low, high))
        return one, two, three


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Two cohorts."""

    a_calls: int
    b_calls: int
    shared: int
    """Calls among those drawn from that are on both sides: the sides are then not independent."""
    differences: tuple[Difference, ...]


class Sampled(msgspec.Struct, frozen=True, kw_only=True):
    """One cohort with its draws: a few kilobytes for each measure, however many calls it has."""

    calls: int
    keys: Any
    """Hashes of the ids of the calls that were drawn from."""
    samples: dict[str, Sample]
    """By the keys of `MEASURES`."""


def sampled(cursor: Cursor, scope: Scope, cohort: Cohort) -> Sampled:
    """A question for the desk: one side, asked and drawn from."""
    side = comparison.side(cursor, scope, cohort)
    samples = {name: measure(side) for name, measure in MEASURES.items()}
    return Sampled(calls=side.figures.calls, keys=side.keys, samples=samples)


def both(desk: Desk, a: Scope, b: Scope, cohort: Cohort) -> Comparison:
    """Every measure of two sides, one of which is asked about beside the other."""
    desk.begin(sampled, b, cohort)
    one, other = desk.ask(sampled, a, cohort), desk.ask(sampled, b, cohort)
    return Comparison(
        a_calls=one.calls,
        b_calls=other.calls,
        shared=len(np.intersect1d(one.keys, other.keys)),
        differences=tuple(difference(name, one.samples[name], other.samples[name]) for name in MEASURES),
    )


def difference(measure: str, a: Sample, b: Sample) -> Difference:
    """A less B. No verdict is given under `CALLS_MIN` calls or `VALUES_MIN` turns on either side."""
    if a.value is None or b.value is None or a.drawn_value is None or b.drawn_value is None:
        return Difference(measure=measure, a=a, b=b, difference=None, interval=None, verdict="too few")
    told = a.value - b.value
    found = interval(a.draws, b.draws, told=told, of_draws=a.drawn_value - b.drawn_value)
    return Difference(measure=measure, a=a, b=b, difference=told, interval=found, verdict=_verdict(a, b, found))


def _verdict(a: Sample, b: Sample, found: Interval | None) -> Verdict:
    if found is None or any(one.calls < CALLS_MIN or one.count < one.count_min for one in (a, b)):
        return "too few"
    if found.low > 0:
        return "more"
    return "less" if found.high < 0 else "no difference"


def _of_median(value: float | None, count: int, calls: int, values: Values) -> Sample:
    return Sample(
        value=value, count=count, count_min=VALUES_MIN, calls=calls, drawn_from=values.of, drawn_value=median(values),
        draws=median_draws(values),
    )  # fmt: skip


def _of_ratio(value: float | None, calls: int, sums: Sums) -> Sample:
    return Sample(
        value=value, count=calls, calls=calls, drawn_from=len(sums.over), drawn_value=ratio(sums),
        draws=ratio_draws(sums),
    )  # fmt: skip


def _perceived(side: Side) -> Sample:
    found = side.figures
    return _of_median(found.perceived_p50_ms, found.perceived, found.perceived_calls, side.perceived)


def _wire(side: Side) -> Sample:
    found = side.figures
    return _of_median(found.wire_p50_ms, found.wire, found.wire_calls, side.wire)


def _yielding(side: Side) -> Sample:
    found = side.figures
    return _of_median(found.time_to_yield_p50_ms, found.yielded, found.yielded_calls, side.yielding)


def _interruptions(side: Side) -> Sample:
    return _of_ratio(side.figures.interruptions_per_call, side.figures.calls, side.interruptions)


def _metered(side: Side) -> Sample:
    return _of_ratio(side.figures.metered_usd_per_minute, side.figures.calls, side.metered)


def _billed(side: Side) -> Sample:
    return _of_ratio(side.figures.billed_usd_per_minute, side.figures.priced_calls, side.billed)


MEASURES: Final[dict[str, Callable[[Side], Sample]]] = {
    "perceived": _perceived,
    "wire": _wire,
    "interruptions": _interruptions,
    "yielding": _yielding,
    "metered": _metered,
    "billed": _billed,
}
