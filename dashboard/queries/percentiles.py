"""Percentiles of latencies: of whole milliseconds, several of them in one pass over the rows."""

from typing import Final

SHARES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def percentiles(column: str) -> str:
    """The aggregate that gives all of `SHARES` as a list; NULL where no row has a value."""
    return f"quantile_cont(round({column}), {list(SHARES.values())})"


def each(of: str, named: str) -> str:
    """The columns out of such a list `of`, each under its name, `named` with `{}` being where the share stands."""
    return ", ".join(f"{of}[{place}] as {named.format(share)}" for place, share in enumerate(SHARES, start=1))
