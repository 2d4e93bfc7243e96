"""Kafka -> dataset: events into the archive, facts into their tables, the offsets in the same commits as the rows.

Members of one consumer group share the partitions. Where a member goes on stands in the dataset alone; the group's
own offsets are only told for those who look at its lag. The one file of pipeline that knows aiokafka's consumer.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError

from ingest.kafka import RECORD_MAX_BYTES, connection, events_topic
from pipeline.dataset import DatasetUnreadable, Reader
from pipeline.dataset_batch import Batch
from pipeline.dataset_schemas import EVENTS
from pipeline.dataset_writer import Fenced, Writer
from pipeline.known_events import KnownEvents
from pipeline.sink_batch import Intake, Record, SinkCounts, origin_of
from pipeline.sink_settings import SinkSettings
from pipeline.topics import fact_topics

log = structlog.get_logger("calltape.sink")

FETCH_BYTES = 4 << 20
"""Of one partition at a time; a larger record comes alone."""
NOTHING = -1

Elected = Callable[[bool], None]
"""Told when this member becomes the one that merges the dataset's files, and when it is it no more."""


class Sink(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """One member. `turn` until the end, then `finish`."""

    def __init__(
        self, settings: SinkSettings, writer: Writer, reader: Reader, counts: SinkCounts, elected: Elected
    ) -> None:
        self._settings = settings
        self._writer = writer
        self._counts = counts
        self._elected = elected
        self._homes = {
            events_topic(settings.kafka_topic_prefix): EVENTS.name,
            **fact_topics(settings.kafka_topic_prefix),
        }
        """Topic -> the table in which its position stands."""
        self._known = KnownEvents(reader)
        events = events_topic(settings.kafka_topic_prefix)
        facts = {topic: table for topic, table in self._homes.items() if topic != events}
        self._intake = Intake(events, facts, self._known, counts)
        self._lead = TopicPartition(events, 0)
        """Who has it is elected: the group sees to it that this is one member."""
        self._lock = asyncio.Lock()
        """Held while a batch is taken in or committed: a rebalance waits for it."""
        self._batch, self._size = Batch(), 0
        self._committed_at = time.monotonic()
        self.consumer = _consumer(settings)

    async def start(self) -> None:
        """Join the group. Raises KafkaError, OSError."""
        self.consumer.subscribe(topics=list(self._homes), listener=self)
        await self.consumer.start()

    async def turn(self) -> None:
        """Take in what is there and commit it where it is time. Raises what `Writer.commit` raises but Fenced."""
        if self._is_full():
            # The dataset did not take it last time: no more is taken in until it does.
            async with self._lock:
                await self._commit()
        got = await self.consumer.getmany(
            timeout_ms=self._settings.batch_interval_ms, max_records=self._settings.batch_max_records
        )
        async with self._lock:
            # A rebalance may have taken a partition away while we waited for the lock.
            mine = self.consumer.assignment()
            await self._take([records for partition, records in got.items() if partition in mine])
            if self._is_full() or time.monotonic() - self._committed_at >= self._settings.batch_interval_ms / 1000:
                await self._commit()

    async def finish(self) -> None:
        """Commit what was taken in, and leave the group."""
        try:
            async with self._lock:
                await self._commit()
        finally:
            await self.consumer.stop()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """They go to another member, who goes on behind what we commit now; what we can't is read again there."""
        async with self._lock:
            try:
                await self._commit()
            except OSError as error:
                log.warning("what was taken in goes to the next member uncommitted", why=str(error))
            self._begin_anew()
            for partition in revoked:
                self._writer.disclaim(_origin(partition))
            await asyncio.to_thread(self._elected, False)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Go on where the dataset is, whatever the group's own offsets say."""
        async with self._lock:
            self._begin_anew()
            await self._seek(assigned)
            await asyncio.to_thread(self._elected, self._lead in self.consumer.assignment())

    async def _take(self, got: Sequence[Sequence[Record]]) -> None:
        try:
            for records in got:
                self._size += await asyncio.to_thread(self._intake.take, self._batch, records)
        except DatasetUnreadable:
            # Some of what was fetched is in the batch and some is not: read it all again.
            self._begin_anew()
            await self._seek(self.consumer.assignment())
            raise

    async def _commit(self) -> None:
        while not self._batch.empty:
            try:
                self._counts.rows += await asyncio.to_thread(self._writer.commit, self._batch)
                break
            except Fenced as error:
                await self._begin_behind(error)
        positions = self._batch.positions
        self._batch, self._size = Batch(), 0
        self._committed_at = time.monotonic()
        self._counts.commits += bool(positions)
        await self._tell_group(positions)

    async def _begin_behind(self, error: Fenced) -> None:
        """Another member wrote this partition: what we have of it is not to be trusted, also not what we know of it."""
        log.warning("another member writes a partition of ours, beginning again behind it", why=str(error))
        self._counts.fenced += 1
        self._batch.drop(error.origin)
        self._known.forget()
        await self._seek([each for each in self.consumer.assignment() if _origin(each) == error.origin])

    async def _seek(self, partitions: Collection[TopicPartition]) -> None:
        if not partitions:
            return
        beginnings: Mapping[TopicPartition, int] = await self.consumer.beginning_offsets(list(partitions))
        for partition in partitions:
            origin, home = _origin(partition), self._homes[partition.topic]
            position = await asyncio.to_thread(self._writer.claim, origin, home)
            if position == NOTHING:
                position = beginnings[partition]
            elif position < beginnings[partition]:
                expired = beginnings[partition] - position
                log.error("records were deleted before they were read", partition=origin, records=expired)
                self._counts.expired_records += expired
                position = beginnings[partition]
            self.consumer.seek(partition, position)

    async def _tell_group(self, positions: Mapping[str, int]) -> None:
        offsets = {each: positions[_origin(each)] for each in self.consumer.assignment() if _origin(each) in positions}
        self._counts.lag = sum(self._lag(each) for each in self.consumer.assignment())
        if offsets:
            try:
                await self.consumer.commit(offsets)
            except KafkaError as error:
                # For onlookers only: the dataset has its own.
                log.info("the group was not told of the offsets", why=str(error))

    def _lag(self, partition: TopicPartition) -> int:
        end = self.consumer.highwater(partition)
        return max(0, end - self._writer.position(_origin(partition), self._homes[partition.topic])) if end else 0

    def _begin_anew(self) -> None:
        self._batch, self._size = Batch(), 0
        self._known.forget()

    def _is_full(self) -> bool:
        limits = self._settings
        return self._batch.events >= limits.batch_max_records or self._size >= limits.batch_max_mib << 20


def _origin(partition: TopicPartition) -> str:
    return origin_of(partition.topic, partition.partition)


def _consumer(settings: SinkSettings) -> AIOKafkaConsumer:
    return AIOKafkaConsumer(
        **connection(settings),
        client_id="calltape-sink",
        group_id=settings.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        # A session's events and facts have the same partition's number, and so the same member.
        partition_assignment_strategy=[RangePartitionAssignor],
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=RECORD_MAX_BYTES * 2,
        # The dataset may be away for long, and nothing is lost by waiting for it as long as the topics last.
        max_poll_interval_ms=3_600_000,
        session_timeout_ms=15_000,
        heartbeat_interval_ms=3_000,
    )
