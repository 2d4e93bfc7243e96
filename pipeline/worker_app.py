"""The Faust application: an agent over the signals, tables for what must survive. The one file that knows Faust.

What it does with an event is ten lines; what is folded, told and repaired is `folding`'s and `worker`'s business.
"""

import weakref
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import faust
from aiokafka.partitioner import murmur2
from faust.streams import _current_event
from faust.types import TP

from ingest.kafka import RECORD_MAX_BYTES, KafkaSettings, kafka_tls, signals_topic
from pipeline import live_minutes
from pipeline.live_minutes import Shares
from pipeline.worker_settings import WorkerSettings

EXPIRES_S = 3600
"""How long a window is kept."""

ROCKSDB = {
    "write_buffer_size": 2 << 20,
    "max_write_buffer_number": 2,
    "target_file_size_base": 8 << 20,
    "block_cache_size": 2 << 20,
}
"""Of each table and partition. By default each may take 2 GB of cache and 200 MB of buffers: a worker with 12
partitions never finds its end. What is read often is in our own memory, so the cache earns little."""
TABLES = ("sessions", "ailing", "minutes")

Take = Callable[[Any], Awaitable[None]]
"""What the agent does with an event; acknowledging it is the taker's business."""


def changelog_topics(group: str) -> list[str]:
    """The topics in which the group's tables are kept.

    Faust makes them itself, but reads how many partitions they have before it has heard of them.
    """
    return [f"{group}-{table}-changelog" for table in TABLES]


class _Message(NamedTuple):
    topic: str
    partition: int


class _Event:
    """What Faust's tables want to know of an event."""

    def __init__(self, message: _Message) -> None:
        self.message = message


class WorkerApp:
    """One Faust application, for one run in the current loop: built, started, stopped, thrown away."""

    def __init__(self, settings: WorkerSettings, partitions: int, take: Take) -> None:
        folder = (settings.state_dir or settings.data_dir / "state") / settings.name
        folder.mkdir(parents=True, exist_ok=True)
        self.partitions = partitions
        # Faust's own types lack half of what its classes have.
        self.app: Any = _app(settings, partitions, folder)
        self._topic = signals_topic(settings.kafka_topic_prefix)
        self._booked_at = 0.0
        signals = self.app.topic(self._topic, value_serializer="raw", key_serializer="raw", partitions=partitions)
        self.sessions = self._table("sessions")
        self.ailing = self._table("ailing")
        windows: Any = self.app.Table(
            "minutes", partitions=partitions, key_type=str, value_type=bytes, default=bytes, options=dict(ROCKSDB)
        )
        # By the time in which a fact happened, not by when its record was written.
        self.minutes = windows.tumbling(live_minutes.SECONDS, expires=EXPIRES_S).relative_to(
            lambda _event: self._booked_at
        )

        async def fold(stream: Any) -> None:
            async for event in stream.noack().events():
                await take(event)

        self.app.agent(signals, name="fold")(fold)

    def assigned(self) -> set[int]:
        """The partitions of the signals that are ours now."""
        return {tp.partition for tp in self.app.consumer.assignment() if tp.topic == self._topic}

    def partition_of(self, key: bytes) -> int:
        """Where a session's signals are, as every producer of ours sends them: by the hash that Kafka's own use."""
        return int(murmur2(key) & 0x7FFFFFFF) % self.partitions

    def suspended(self) -> bool:
        """A rebalance waits for what was taken to be saved."""
        return not self.app.flow_control.is_active()

    def settled(self) -> bool:
        """Partitions are given out and their states are here."""
        return not (self.app.rebalancing or self.app.tables.recovery.in_recovery or self.suspended())

    def lag(self) -> dict[int, int]:
        """Partition -> signals that are not committed yet."""
        consumer = self.app.consumer
        found = {}
        for partition in self.assigned():
            tp = TP(self._topic, partition)
            end, committed = consumer.highwater(tp), consumer._committed_offset[tp]  # noqa: SLF001 -- no other way
            if end is not None:
                found[partition] = max(0, end - (committed or 0))
        return found

    @contextmanager
    def writing(self, partition: int) -> Iterator[None]:
        """Write the tables in the name of that partition.

        Faust takes a table's partition from the event that is being processed; we save for many sessions at once.
        """
        stand_in = _Event(_Message(self._topic, partition))
        token = _current_event.set(weakref.ref(stand_in))  # type: ignore[arg-type]  # all that Faust asks of it
        try:
            yield
        finally:
            _current_event.reset(token)

    def book(self, partition: int, minute: int, news: Shares) -> None:
        """Put shares into a minute's window; within `writing`."""
        self._booked_at = float(minute)
        kept = live_minutes.decode(self.minutes[str(partition)].value())
        self.minutes[str(partition)] = live_minutes.encode(live_minutes.merged(kept, news))

    def minute(self, minute: int) -> live_minutes.LiveMinute:
        """What is known of a minute, of the partitions that are ours."""
        self._booked_at = float(minute)
        windows = (self.minutes[str(partition)].value() for partition in self.assigned())
        return live_minutes.summed(map(live_minutes.decode, windows))

    def _table(self, name: str) -> Any:
        return self.app.Table(name, partitions=self.partitions, key_type=bytes, value_type=bytes, options=dict(ROCKSDB))


def _app(settings: WorkerSettings, partitions: int, folder: Path) -> faust.App:
    return faust.App(
        settings.group,
        broker=";".join(f"kafka://{server.strip()}" for server in settings.kafka.split(",") if server.strip()),
        broker_credentials=_credentials(settings),
        store="rocksdb://",
        datadir=str(folder),
        value_serializer="raw",
        key_serializer="raw",
        topic_partitions=partitions,
        topic_replication_factor=settings.replication,
        topic_allow_declare=True,
        # A rebalance first waits until what was taken is saved and committed.
        stream_wait_empty=True,
        broker_commit_interval=0.5,
        broker_session_timeout=15,
        broker_heartbeat_interval=3,
        broker_rebalance_timeout=30,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=RECORD_MAX_BYTES,
        producer_max_request_size=RECORD_MAX_BYTES,
        producer_compression_type="lz4",
        web_enabled=False,
        worker_redirect_stdouts=False,
        autodiscover=False,
    )


def _credentials(settings: KafkaSettings) -> Any:
    if settings.kafka_security.startswith("SASL"):
        return faust.SASLCredentials(
            username=settings.kafka_username,
            password=settings.kafka_password.get_secret_value(),
            mechanism=settings.kafka_sasl_mechanism,
            ssl_context=kafka_tls(settings),
        )
    return faust.SSLCredentials(kafka_tls(settings)) if settings.kafka_security == "SSL" else None
