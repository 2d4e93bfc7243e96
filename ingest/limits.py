"""Which limits hold for a session, and which of them it has reached. Pure. All are off unless set.

A session stands under everybody's limits and under those of its relay key; the first one reached counts.
"""

from collections.abc import Mapping

import msgspec

from ingest.markers import LimitReached

NANOS = 1_000_000_000
CLOSE_CODES = {"idle": 4408, "length": 4410, "spend": 4402}
"""Codes of 4000 and above are not retried by any client that we know (PROTOCOL section 8)."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """0: no limit."""

    idle_seconds: float = 0
    """Without a message of either side."""
    length_seconds: float = 0
    spend_usd: float = 0
    """Of one session: what its usage is billed, as the fold computes it."""
    sessions: int = 0
    """At once."""


class LimitBook(msgspec.Struct, frozen=True, kw_only=True):
    """All limits."""

    everybody: Limits = Limits()
    by_key: Mapping[str, Limits] = {}

    def of(self, relay_key: str | None) -> list[tuple[str | None, Limits]]:
        """The limits of a session, by whose they are: None for everybody's."""
        own = self.by_key.get(relay_key or "")
        return [(None, self.everybody), *([(relay_key, own)] if own else [])]

    @property
    def watch_spend(self) -> bool:
        """Whether what sessions cost has to be known."""
        return any(limits.spend_usd for limits in (self.everybody, *self.by_key.values()))

    def full(self, relay_key: str | None, running: Mapping[str | None, int]) -> LimitReached | None:
        """Why one more session is too many; `running` by relay key, None for all together."""
        for owner, limits in self.of(relay_key):
            if limits.sessions and running.get(owner, 0) >= limits.sessions:
                return LimitReached(limit="sessions", allowed=limits.sessions, relay_key=owner)
        return None

    def reached(
        self, relay_key: str | None, *, lasted_seconds: float, idle_seconds: float, usd_nanos: int
    ) -> LimitReached | None:
        """The limit that a session has reached."""
        for owner, limits in self.of(relay_key):
            for limit, allowed, used in (
                ("length", limits.length_seconds, lasted_seconds),
                ("idle", limits.idle_seconds, idle_seconds),
                ("spend", limits.spend_usd, usd_nanos / NANOS),
            ):
                if allowed and used >= allowed:
                    return LimitReached(limit=limit, allowed=allowed, relay_key=owner)
        return None


def words(reached: LimitReached) -> str:
    """For the close reason and for whoever is refused."""
    match reached.limit:
        case "idle":
            text = f"no message for {reached.allowed:g} s"
        case "length":
            text = f"longer than {reached.allowed:g} s"
        case "spend":
            text = f"cost ${reached.allowed:g}"
        case _:
            text = f"{reached.allowed:g} sessions at once"
    return f"relay limit: {text}"
