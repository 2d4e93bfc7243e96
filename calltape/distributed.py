"""The programs of a Kafka cluster, put together: what the commands topics, publish, worker and sink do.

Also what `ingest` and `pipeline` do beside or instead of their own, where they are told of a cluster.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from calltape.companions import beside, kafka_flags, kafka_secrets, place_environment
from calltape.mistakes import UserMistake
from calltape.settings import TopicsSettings
from ingest.exposition import PortTaken
from ingest.settings import IngestSettings
from pipeline.publish_settings import PublishPlace
from pipeline.rule_settings import RULE_KEYS
from pipeline.settings import PipelineSettings
from pipeline.sink_settings import SinkSettings
from pipeline.worker_settings import WorkerSettings

Say = Callable[[str], None]


def publishing(settings: IngestSettings) -> AbstractContextManager[None]:
    """While the relay works, a publisher beside it, in a process of its own: no broker can hold up a call."""
    if not settings.kafka:
        return contextlib.nullcontext()
    # Next to the relay's own, so that the publishers of two relays on one machine don't want the same.
    port = settings.metrics_port + 1 if settings.metrics_port > 0 else settings.metrics_port
    own = [f"--data-dir={settings.data_dir}", f"--worker={settings.worker}", f"--metrics-port={port}"]
    return beside((["publish", *own, *kafka_flags(settings)], kafka_secrets(settings)))


def fold_and_sink(settings: PipelineSettings, stop: threading.Event, say: Say) -> None:
    """One worker and one sink, until told to stop."""
    shared = [f"--data-dir={settings.data_dir}", *kafka_flags(settings)]
    environment = kafka_secrets(settings) | place_environment(settings)
    with beside((["worker", *shared, *_rule_flags(settings)], environment), (["sink", *shared], environment)):
        say(f"pipeline: {settings.kafka} -> {settings.place}")
        stop.wait()


def _rule_flags(settings: PipelineSettings) -> list[str]:
    """A worker must fold by the same rules as the program that starts it was told."""
    given = {name: getattr(settings, name) for name in sorted(RULE_KEYS)}
    return [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]


def look_after_topics(settings: TopicsSettings, say: Say) -> int:
    """Make or check the topics; 1 where something is wrong."""
    from pipeline import topics as cluster

    try:
        if settings.action == "create":
            wanted = cluster.wanted(settings.kafka_topic_prefix, settings.retention_hours)
            made = asyncio.run(cluster.create(settings, wanted, settings.partitions, settings.replication))
            say("\n".join(f"made {name}" for name in made) or "nothing was missing")
        findings = asyncio.run(cluster.check(settings))
    except cluster.ClusterUnusable as fault:
        raise UserMistake(str(fault)) from fault
    for finding in findings:
        say(f"{'ok ' if finding.good else 'BAD'}  {finding.topic:<32} {finding.text}")
    return 0 if all(finding.good for finding in findings) else 1


def publish(settings: PublishPlace, say: Say) -> int:
    """Publish until told to stop, or until all is sent."""
    from ingest import publishing as program
    from ingest.producing import ClusterAway

    try:
        if settings.archive:
            from pipeline import publish_archive

            sent = publish_archive.run(settings, say)
        else:
            sent = program.run(
                settings, lambda cluster: say(f"publisher: {settings.data_dir / 'journal'} -> {cluster}")
            )
    except (ClusterAway, program.AlreadyPublished, PortTaken) as fault:
        raise UserMistake(str(fault)) from fault
    say(f"{sent:,} events sent")
    return 0


def work(settings: WorkerSettings, say: Say) -> None:
    """Fold until told to stop."""
    from pipeline import working
    from pipeline.price_lists import PriceListUnreadable
    from pipeline.runner import step_of

    try:
        working.run(settings, step_of(settings), lambda where: say(f"worker {settings.name}: {where}"))
    except (working.WorkerFailed, PortTaken, PriceListUnreadable) as fault:
        raise UserMistake(str(fault)) from fault


def sink(settings: SinkSettings, say: Say) -> None:
    """Write until told to stop."""
    from pipeline import sinking

    try:
        sinking.run(settings, lambda where: say(f"sink: {where}"))
    except (sinking.SinkFailed, PortTaken) as fault:
        raise UserMistake(str(fault)) from fault
