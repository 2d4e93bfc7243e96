"""What goes into the topics of the log: events, signals, damaged lines.

In which order things are sent, and what is done once they are acknowledged, is its callers' business.
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import msgspec
import structlog

from ingest.envelope import EnvelopeUnreadable, RecordedEvent
from ingest.journal import JournalLine
from ingest.kafka import events_topic, facts_topic, signals_topic
from ingest.kafka_event import headers_of
from ingest.producing import Producer, Sent
from ingest.publisher_counts import PublisherCounts
from ingest.stretches import DueSignal

log = structlog.get_logger("calltape.publisher")


class Damaged(msgspec.Struct, frozen=True, kw_only=True):
    """A journal line that is no event, for the table `damaged_lines`."""

    worker: str
    journal_position: int
    found_at: datetime
    error: str
    line: bytes


class Feed:
    """Hands records to one producer. Each call waits while the producer is full; nothing else is queued here."""

    def __init__(self, producer: Producer, prefix: str, counts: PublisherCounts) -> None:
        self._producer = producer
        self._prefix = prefix
        self.counts = counts

    async def event(self, event: RecordedEvent, journal_position: int) -> Sent:
        """An event, verbatim."""
        self.counts.events += 1
        self.counts.bytes += len(event.data)
        headers = headers_of(event, journal_position)
        return await self._producer.send(events_topic(self._prefix), event.session_id, event.data, headers)

    async def signals(self, due: Iterable[DueSignal]) -> list[Sent]:
        """Signals that are due."""
        sent = []
        for found in due:
            self.counts.signals += 1
            sent.append(await self._producer.send(signals_topic(self._prefix), found.session_id, found.value))
        return sent

    async def damaged(self, worker: str, line: JournalLine, error: EnvelopeUnreadable) -> Sent:
        """A line of a worker's journal that is no event."""
        self.counts.damaged_lines += 1
        log.error("damaged journal line", worker=worker, position=line.position, why=str(error))
        row = Damaged(
            worker=worker,
            journal_position=line.position,
            found_at=datetime.now(UTC),
            error=str(error),
            line=line.line,
        )
        return await self._producer.send(facts_topic(self._prefix, "damaged_lines"), worker, msgspec.json.encode(row))
