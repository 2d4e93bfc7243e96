"""Which topics there must be and how they are set; makes them, and says what is wrong with those that are there.

The one file that knows aiokafka's admin client.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from ingest.kafka import RECORD_MAX_BYTES, KafkaSettings, connection, events_topic, facts_topic, signals_topic
from pipeline.dataset_schemas import DAMAGED_LINES, FACTS

REPLICATION_USUAL = 3
CONNECT_WITHIN_MS = 10_000
CHANGELOG_SEGMENT_BYTES = 32 << 20
HEARD_WITHIN_S = 30.0


class ClusterUnusable(Exception):
    """The cluster can't be reached or does not do what it is asked; the message says what to look at."""


class WantedTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic that there must be."""

    name: str
    configs: dict[str, str]


class FoundTopic(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as it is."""

    name: str
    partitions: int
    replication: int
    max_message_bytes: int


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at, and what is wrong with it; empty where nothing is."""

    topic: str
    text: str
    good: bool = True


def fact_topics(prefix: str) -> dict[str, str]:
    """Topic -> the table whose rows it carries, for all tables that are fed from topics of their own."""
    return {facts_topic(prefix, name): name for name in (*FACTS, DAMAGED_LINES.name)}


def wanted(prefix: str, retention_hours: int) -> list[WantedTopic]:
    """All topics. Records are never compacted away: what a reader missed must be there until its time is up."""
    configs = {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_hours * 3_600_000),
        "max.message.bytes": str(RECORD_MAX_BYTES),
        "compression.type": "producer",
        # By the broker's clock, so that what is published late stays as long as the rest.
        "message.timestamp.type": "LogAppendTime",
    }
    names = (events_topic(prefix), signals_topic(prefix), *fact_topics(prefix))
    return [WantedTopic(name=name, configs=configs) for name in names]


async def create(
    settings: KafkaSettings, topics: Sequence[WantedTopic], partitions: int, replication: int | None = None
) -> list[str]:
    """Make those of the topics that are missing; gives their names. Raises ClusterUnusable.

    Without a replication it is that of three brokers, or of as many as there are.
    """
    async with _admin(settings) as admin:
        if replication is None:
            brokers = len((await admin.describe_cluster())["brokers"])
            replication = min(REPLICATION_USUAL, brokers)
        missing = {topic.name for topic in topics} - set(await admin.list_topics())
        new = [
            NewTopic(topic.name, partitions, replication, topic_configs=topic.configs)
            for topic in topics
            if topic.name in missing
        ]
        if new:
            _accepted((await admin.create_topics(new)).to_object())
            await _heard_of(admin, missing)
    return [topic.name for topic in topics if topic.name in missing]


def changelogs(names: Iterable[str]) -> list[WantedTopic]:
    """Topics that hold the last value of each key: what a worker keeps, for the one that comes after it."""
    configs = {
        "cleanup.policy": "compact",
        "max.message.bytes": str(RECORD_MAX_BYTES),
        # States are renewed all the time: clean up early, so that a new owner has little to read.
        "segment.bytes": str(CHANGELOG_SEGMENT_BYTES),
        "min.cleanable.dirty.ratio": "0.2",
    }
    return [WantedTopic(name=name, configs=configs) for name in names]


async def partitions_of(settings: KafkaSettings, topic: str) -> int:
    """How many partitions the topic has. Raises ClusterUnusable where it is missing, too."""
    async with _admin(settings) as admin:
        there = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
    if topic not in there:
        raise ClusterUnusable(f"{settings.kafka}: there is no topic {topic}; make it with: calltape topics create")
    return there[topic]


async def check(settings: KafkaSettings) -> list[Finding]:
    """What the cluster has of what is needed. Raises ClusterUnusable."""
    names = [topic.name for topic in wanted(settings.kafka_topic_prefix, 1)]
    async with _admin(settings) as admin:
        there = {topic["topic"]: topic for topic in await admin.describe_topics()}
        limits = await _message_limits(admin, [name for name in names if name in there])
    found = {
        name: FoundTopic(
            name=name,
            partitions=len(there[name]["partitions"]),
            replication=min(len(each["replicas"]) for each in there[name]["partitions"]),
            max_message_bytes=limits.get(name, 0),
        )
        for name in names
        if name in there
    }
    return list(_judged(names, found, found.get(events_topic(settings.kafka_topic_prefix))))


def _judged(names: Iterable[str], found: dict[str, FoundTopic], events: FoundTopic | None) -> Iterator[Finding]:
    for name in names:
        topic = found.get(name)
        if topic is None:
            yield Finding(topic=name, good=False, text="missing: calltape topics create")
        elif events is not None and topic.partitions != events.partitions:
            # A session's events, signals and facts must have the same partition's number: its state lies there.
            text = f"{topic.partitions} partitions, {events.name} has {events.partitions}: they must be the same"
            yield Finding(topic=name, good=False, text=text)
        elif topic.max_message_bytes < RECORD_MAX_BYTES:
            text = f"max.message.bytes is {topic.max_message_bytes}, must be {RECORD_MAX_BYTES} or more"
            yield Finding(topic=name, good=False, text=text)
        else:
            yield Finding(topic=name, text=f"{topic.partitions} partitions, {topic.replication} replicas")


async def _heard_of(admin: AIOKafkaAdminClient, names: set[str]) -> None:
    """Brokers hear of a topic a little after it was made."""
    deadline = time.monotonic() + HEARD_WITHIN_S
    while names - set(await admin.list_topics()):
        if time.monotonic() > deadline:
            raise ClusterUnusable(f"topics made, but not to be seen after {HEARD_WITHIN_S:.0f} s: {', '.join(names)}")
        await asyncio.sleep(0.1)


async def _message_limits(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, {"max.message.bytes": ""}) for name in names]
    limits: dict[str, int] = {}
    for answer in await admin.describe_configs(asked):
        for _, _, _, name, entries in answer.resources:
            limits.update((name, int(entry[1])) for entry in entries if entry[0] == "max.message.bytes")
    return limits


def _accepted(answer: dict[str, Any]) -> None:
    for topic in answer["topic_errors"]:
        fault = for_code(topic["error_code"])
        # Another one made it in the meantime: as good.
        if topic["error_code"] and fault is not TopicAlreadyExistsError:
            raise ClusterUnusable(f"{topic['topic']}: {topic.get('error_message') or fault.description}")


@asynccontextmanager
async def _admin(settings: KafkaSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(
        **connection(settings), client_id="calltape-topics", request_timeout_ms=CONNECT_WITHIN_MS
    )
    try:
        await admin.start()
        yield admin
    except (KafkaError, OSError) as error:
        raise ClusterUnusable(f"{settings.kafka}: {error or type(error).__name__}") from error
    finally:
        await admin.close()
