"""Holds sessions to their limits: refuses one too many, and ends those that reach a limit while they run."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

import structlog

from ingest.limits import LimitBook
from ingest.markers import LimitReached

SWEEP_SECONDS = 0.25
"""How late a limit may be noticed."""

log = structlog.get_logger("calltape.ingest")


class Spending(Protocol):
    """Knows what sessions cost so far."""

    def usd_nanos(self, session_id: str) -> int:
        """What is known by now; 0 where nothing is."""


class NothingSpent:
    """Where nobody has to know."""

    def usd_nanos(self, session_id: str) -> int:  # noqa: ARG002  # the port's
        return 0


class Guarded:
    """A session under watch. Until it says how to end it, only its place is taken."""

    def __init__(self, relay_key: str | None) -> None:
        self.relay_key = relay_key
        self.began = time.monotonic()
        self.session_id = ""
        self._events_seen: Callable[[], int] | None = None
        self._end: Callable[[LimitReached], None] | None = None
        self._seen = 0
        self._moved_at = self.began

    def runs(self, session_id: str, events_seen: Callable[[], int], end: Callable[[LimitReached], None]) -> None:
        """From now on it can be ended; `end` is called once at most."""
        self.session_id, self._events_seen, self._end = session_id, events_seen, end
        self._moved_at = time.monotonic()

    def look(self, book: LimitBook, spending: Spending) -> None:
        """End it where it has reached a limit."""
        if self._events_seen is None or self._end is None:
            return
        now, seen = time.monotonic(), self._events_seen()
        if seen != self._seen:
            self._seen, self._moved_at = seen, now
        reached = book.reached(
            self.relay_key,
            lasted_seconds=now - self.began,
            idle_seconds=now - self._moved_at,
            usd_nanos=spending.usd_nanos(self.session_id),
        )
        if reached is not None:
            end, self._end = self._end, None
            log.info("limit reached", session=self.session_id, limit=reached.limit, relay_key=reached.relay_key)
            end(reached)


class Warden:
    """All sessions of a worker."""

    def __init__(self, book: LimitBook, spending: Spending) -> None:
        self._book = book
        self._spending = spending
        self._running: Counter[str | None] = Counter()
        self._guarded: set[Guarded] = set()

    def enter(self, relay_key: str | None, *, refusable: bool = True) -> Guarded | LimitReached:
        """Take a place; or why there is none. Whoever has one leaves it with `leave`."""
        full = self._book.full(relay_key, self._running) if refusable else None
        if full is not None:
            return full
        guarded = Guarded(relay_key)
        self._guarded.add(guarded)
        self._running.update(_counted(relay_key))
        return guarded

    def entered(self, relay_key: str | None) -> Guarded:
        """Take a place that can't be refused: what it is for has begun already."""
        guarded = self.enter(relay_key, refusable=False)
        assert isinstance(guarded, Guarded), "was not to be refused"
        return guarded

    def leave(self, guarded: Guarded) -> None:
        """Give the place back; twice is once."""
        if guarded in self._guarded:
            self._guarded.discard(guarded)
            self._running.subtract(_counted(guarded.relay_key))

    async def watch(self) -> None:
        """Look at all sessions, over and over, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            self.look()

    def look(self) -> None:
        """Look at all sessions once. A fault with one is logged; the others, and its call, go on."""
        for guarded in list(self._guarded):
            try:
                guarded.look(self._book, self._spending)
            except Exception:
                log.exception("limit not enforced, the call goes on", session=guarded.session_id)


def _counted(relay_key: str | None) -> list[str | None]:
    return [None] if relay_key is None else [None, relay_key]
