"""How much a journal holds, and how often it is tended."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator chooses; the defaults suit a laptop and a small server."""

    segment_max_bytes: int = 64 << 20
    journal_max_bytes: int = 16 << 30
    """When reached, new events are lost and counted; what no reader has released is never deleted."""
    keep_bytes: int = 1 << 30
    """Released segments kept beyond need, so that a lost dataset can be rebuilt."""
    fsync_seconds: float = 1.0
    retry_seconds: float = 1.0
    """How long nothing is tried after a write that failed."""


DEFAULT = Limits()
