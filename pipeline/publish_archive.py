"""The archive -> Kafka: what was recorded on one machine moves up to a cluster, session after session.

Sent again it does no harm: readers tell by `seq`. But it goes before anything else publishes these sessions, because
of a session the workers fold what comes first.
"""

import asyncio
from collections.abc import Callable, Iterable

from ingest.feed import Feed
from ingest.kafka import events_topic
from ingest.producing import ClusterAway, Sent, acknowledged, producing
from ingest.publish_settings import PublishSettings
from ingest.publisher_counts import PublisherCounts
from ingest.stretches import Stretches
from pipeline import topics
from pipeline.archive_reader import ArchivedEvent, ArchiveReader
from pipeline.dataset import Reader
from pipeline.publish_settings import PublishPlace

UNDER_WAY_MAX = 2_000
"""Records sent and not acknowledged."""


def run(settings: PublishPlace, say: Callable[[str], object]) -> int:
    """Send every archived event, and wait for the acknowledgements; gives how many there were. Raises ClusterAway."""
    reader = Reader(settings.place, memory_limit="512MB", threads=1)
    try:
        return asyncio.run(_publish(settings, ArchiveReader(reader), say))
    except topics.ClusterUnusable as error:
        raise ClusterAway(str(error)) from error
    finally:
        reader.close()


async def _publish(settings: PublishSettings, archive: ArchiveReader, say: Callable[[str], object]) -> int:
    counts = PublisherCounts()
    await topics.partitions_of(settings, events_topic(settings.kafka_topic_prefix))
    async with producing(settings, "calltape-publisher", settings.compression) as producer:
        archived = Archived(Feed(producer, settings.kafka_topic_prefix, counts))
        for day in archive.days():
            for group in archive.groups(day):
                for _, events in archive.events_of(group):
                    await archived.send(events)
            say(f"{day}: sent, {counts.events:,} events so far")
        await archived.finish()
    return counts.events


class Archived:
    """Sends sessions, a bounded number of records ahead of their acknowledgements."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._sent: list[Sent] = []

    async def send(self, events: Iterable[ArchivedEvent]) -> None:
        """A session's events and signals, in order."""
        stretches = Stretches(wait_ns=1 << 62)
        for found in events:
            self._sent.append(await self._feed.event(found.event, found.journal_position))
            stretches.add(found.event, found.journal_position, 0)
            self._sent += await self._feed.signals(stretches.take(0))
            if len(self._sent) >= UNDER_WAY_MAX:
                await self.finish()
        self._sent += await self._feed.signals(stretches.take(0, everything=True))

    async def finish(self) -> None:
        """Wait until all of it is acknowledged. Raises ClusterAway."""
        sent, self._sent = self._sent, []
        await acknowledged(sent)
