"""A Kafka producer that neither loses nor reorders, and what it means that something was sent."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from ingest.kafka import RECORD_MAX_BYTES, KafkaSettings, connection

ACKNOWLEDGED_WITHIN_S = 90.0
"""aiokafka gives a batch up after 40 s; this is for the case that it doesn't."""
STOP_WITHIN_S = 10.0

Sent = asyncio.Future[object]
"""Done once the brokers have the record, or refused it."""


class ClusterAway(Exception):
    """The brokers can't be reached, or did not acknowledge."""


class Producer:
    """Sends records. Each call waits while aiokafka's own buffer is full; nothing else is queued here."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer

    async def send(self, topic: str, key: str, value: bytes, headers: list[tuple[str, bytes]] | None = None) -> Sent:
        """Hand a record over. Raises ClusterAway."""
        # The record's own time is when it is sent: retention counts from there, also for what is published late.
        try:
            sent: Sent = await self._producer.send(topic, value=value, key=key.encode(), headers=headers)
        except KafkaError as error:
            raise _away(error) from error
        return sent


def settled(sent: Iterable[Sent]) -> None:
    """All of these are done: see that all came about. Raises ClusterAway."""
    for each in sent:
        if (fault := each.exception()) is not None:
            raise _away(fault) from fault


async def acknowledged(sent: Iterable[Sent]) -> None:
    """Wait until the brokers have all of it. Raises ClusterAway where they refuse, or say nothing for too long."""
    waited = list(sent)
    if not waited:
        return
    _, waiting = await asyncio.wait(waited, timeout=ACKNOWLEDGED_WITHIN_S)
    if waiting:
        raise ClusterAway(f"no acknowledgement for {ACKNOWLEDGED_WITHIN_S:.0f} s")
    settled(waited)


@asynccontextmanager
async def producing(settings: KafkaSettings, client_id: str, compression: str = "zstd") -> AsyncIterator[Producer]:
    """A producer that is idempotent, and acknowledged by all replicas in sync. Raises ClusterAway."""
    producer = AIOKafkaProducer(
        **connection(settings),
        client_id=client_id,
        acks="all",
        enable_idempotence=True,
        compression_type=None if compression == "none" else compression,
        # Batches form while an earlier one is under way; waiting longer than this would only age the rows.
        linger_ms=5,
        max_batch_size=1 << 20,
        max_request_size=RECORD_MAX_BYTES,
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise _away(error) from error
    try:
        yield Producer(producer)
    finally:
        # What is unacknowledged is sent again by the next one; a broker that is away must not hold up the end.
        stopping = asyncio.ensure_future(producer.stop())
        await asyncio.wait([stopping], timeout=STOP_WITHIN_S)
        stopping.cancel()


def _away(error: BaseException) -> ClusterAway:
    return ClusterAway(str(error) or type(error).__name__)
