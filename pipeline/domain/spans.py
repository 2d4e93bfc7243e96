"""Lengths of time that may be unknown, and then say why."""

import msgspec

from pipeline.domain.audio import NS_PER_MS


class Span(msgspec.Struct, frozen=True):
    """A length of time, or why it is unknown."""

    ms: float | None = None
    reason: str | None = None


def between(from_ns: int, to_ns: int) -> Span:
    """A negative length is a fact about the log, not a number for a percentile."""
    return Span(reason="negative") if to_ns < from_ns else Span(ms=(to_ns - from_ns) / NS_PER_MS)
