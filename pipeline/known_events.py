"""Tells events that come again from those that are news, exactly: the archive holds each event once.

Kafka delivers at least once: a publisher that begins again sends some events twice. In order they come all the same,
so of a session that is in the archive without a hole, everything up to its last `seq` is known. Only where there is
a hole, the archive is asked for each `seq`: what was missing may come yet.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from pipeline.dataset import Reader
from pipeline.dataset_schemas import date_of

SESSIONS_MAX = 50_000
"""Sessions remembered. Of an older one the archive is asked again."""

_EXTENTS = """
    select session_id, max(seq) as last, count(*) as events from events
    where list_contains($days, date) and list_contains($sessions, session_id) group by session_id
"""
_SEQS = "select seq from events where date = $day and session_id = $session"


class _Extent(msgspec.Struct):
    """What the archive holds of a session, and what is on its way there."""

    last: int = -1
    whole: bool = True
    """Everything from 0 to `last`."""
    seqs: set[int] | None = None
    """Which, where it is not whole."""


class KnownEvents:
    """Remembers the sessions whose events pass by. Asked in the order in which the events come."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._sessions: dict[str, _Extent] = {}

    def prepare(self, sessions: Iterable[str]) -> None:
        """Ask the archive, once for all, about those that are not remembered. Raises DatasetUnreadable."""
        strangers = [session for session in dict.fromkeys(sessions) if session not in self._sessions]
        if not strangers:
            return
        if len(self._sessions) + len(strangers) > SESSIONS_MAX:
            self._sessions.clear()
        self._sessions.update({session: _Extent() for session in strangers})
        for found in self._extents(strangers):
            extent = self._sessions[found["session_id"]]
            extent.last, extent.whole = found["last"], found["events"] == found["last"] + 1

    def is_news(self, session: str, seq: int) -> bool:
        """Whether the event is not known; from now on it is. The session must be prepared. Raises DatasetUnreadable."""
        extent = self._sessions[session]
        if extent.whole and seq <= extent.last + 1:
            news = seq == extent.last + 1
            extent.last = max(extent.last, seq)
            return news
        return self._is_news_of_a_holed(session, extent, seq)

    def forget(self) -> None:
        """Another one may have written meanwhile: ask the archive again."""
        self._sessions.clear()

    def _is_news_of_a_holed(self, session: str, extent: _Extent, seq: int) -> bool:
        if extent.seqs is None:
            extent.seqs = set(range(extent.last + 1)) if extent.whole else self._seqs(session)
        extent.whole = False
        news = seq not in extent.seqs
        extent.seqs.add(seq)
        extent.last = max(extent.last, seq)
        return news

    def _extents(self, sessions: Sequence[str]) -> list[dict[str, Any]]:
        days: Collection[date] = {date_of(session) for session in sessions}
        asked = {"days": sorted(days), "sessions": list(sessions)}
        found: list[dict[str, Any]] = self._reader.query(_EXTENTS, asked).to_pylist()
        return found

    def _seqs(self, session: str) -> set[int]:
        found = self._reader.query(_SEQS, {"day": date_of(session), "session": session})
        return set(found.column(0).to_pylist())
