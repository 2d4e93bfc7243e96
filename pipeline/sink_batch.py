"""Records of Kafka -> rows on their way into the dataset."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec
import structlog

from ingest.envelope import EnvelopeUnreadable
from ingest.kafka_event import Published, event_of
from pipeline.archive import archived
from pipeline.dataset_batch import Batch
from pipeline.dataset_schemas import DAMAGED_LINES, EVENT_AUDIO, EVENTS, TABLES, AnyRow, DamagedLineRow
from pipeline.known_events import KnownEvents

log = structlog.get_logger("calltape.sink")


class Record(Protocol):
    """What is read of a consumer's record."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class SinkCounts:
    """What the sink has written since it began; they only grow, but for the last two."""

    def __init__(self) -> None:
        self.records = 0
        self.rows = 0
        self.commits = 0
        self.redelivered = 0
        """Events that were archived already."""
        self.damaged_records = 0
        """Records that were no event or fact: kept in `damaged_lines`."""
        self.fenced = 0
        """Times that another member had written a partition of ours: we began again behind it."""
        self.expired_records = 0
        """Records that the brokers had deleted before we read them."""
        self.failed_commits = 0
        self.lag = 0
        self.elected = 0
        """1 on the member that merges the dataset's files."""


def origin_of(topic: str, partition: int) -> str:
    """Under this name a partition's position stands in the tables that it feeds."""
    return f"{topic}/{partition}"


class Intake:
    """Turns records into the rows of a batch."""

    def __init__(self, events_topic: str, tables: Mapping[str, str], known: KnownEvents, counts: SinkCounts) -> None:
        self._events_topic = events_topic
        self._tables = tables
        """Topic of facts -> table."""
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {
            topic: msgspec.json.Decoder(TABLES[name].row) for topic, name in tables.items()
        }
        self._known = known
        self._counts = counts

    def take(self, batch: Batch, records: Sequence[Record]) -> int:
        """Put a partition's records into the batch, in order; gives their bytes. Raises DatasetUnreadable."""
        events = self._news(batch, [record for record in records if record.topic == self._events_topic])
        for record, found in events:
            row = archived(found.event, found.journal_position)
            self._add(batch, EVENTS.name, row.event, record)
            if row.audio is not None:
                self._add(batch, EVENT_AUDIO.name, row.audio, record)
        for record in records:
            if record.topic != self._events_topic:
                self._take_fact(batch, record)
            batch.reached(origin_of(record.topic, record.partition), record.offset + 1)
        self._counts.records += len(records)
        return sum(len(record.value or b"") for record in records)

    def _news(self, batch: Batch, records: Sequence[Record]) -> list[tuple[Record, Published]]:
        events = [(record, found) for record in records if (found := self._event(batch, record)) is not None]
        self._known.prepare(found.event.session_id for _, found in events)
        news = [each for each in events if self._known.is_news(each[1].event.session_id, each[1].event.seq)]
        self._counts.redelivered += len(events) - len(news)
        return news

    def _event(self, batch: Batch, record: Record) -> Published | None:
        try:
            return event_of(record.headers, record.value)
        except EnvelopeUnreadable as error:
            self._keep_damaged(batch, record, error)
            return None

    def _take_fact(self, batch: Batch, record: Record) -> None:
        try:
            row = self._decoders[record.topic].decode(record.value or b"")
        except msgspec.DecodeError as error:
            self._keep_damaged(batch, record, error)
        else:
            self._add(batch, self._tables[record.topic], row, record)

    def _keep_damaged(self, batch: Batch, record: Record, error: Exception) -> None:
        origin = origin_of(record.topic, record.partition)
        log.error("damaged record", partition=origin, offset=record.offset, why=str(error))
        self._counts.damaged_records += 1
        row = DamagedLineRow(
            worker=origin,
            journal_position=record.offset,
            found_at=datetime.now(UTC),
            error=str(error),
            line=record.value or b"",
        )
        self._add(batch, DAMAGED_LINES.name, row, record)

    @staticmethod
    def _add(batch: Batch, table: str, row: AnyRow, record: Record) -> None:
        batch.add(TABLES[table], row, origin_of(record.topic, record.partition), record.offset + 1)
