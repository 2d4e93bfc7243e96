"""The publisher as a program: publishes the journals until it is told to stop, whatever becomes of the brokers."""

import asyncio
import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from ingest import journal_files
from ingest.exposition import exposed
from ingest.feed import Feed
from ingest.journals import Journals
from ingest.producing import ClusterAway, producing
from ingest.publish_settings import PublishSettings
from ingest.publisher import READER, Publisher
from ingest.publisher_counts import PublisherCounts

log = structlog.get_logger("calltape.publisher")

LAST_LOOK_S = 10.0
LOCK_FILE = "publisher.lock"
METRICS_PREFIX = "calltape_publisher_"


class AlreadyPublished(Exception):
    """Another publisher is at work on these journals; the message names it."""


def run(settings: PublishSettings, ready: Callable[[str], object]) -> int:
    """Publish until SIGTERM or SIGINT, or with `once` until all is acknowledged; gives how many events were sent.

    Raises AlreadyPublished, and with `once` ClusterAway.
    """
    with _locked(settings.data_dir / "journal", settings.worker):
        return asyncio.run(_serve(settings, ready))


async def _serve(settings: PublishSettings, ready: Callable[[str], object]) -> int:
    counts, stop = PublisherCounts(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    with exposed(METRICS_PREFIX, counts, settings.metrics_host, settings.metrics_port, falling={"behind_bytes"}):
        away = ""
        while not stop.is_set():
            try:
                await _publish(settings, counts, stop, ready)
            except ClusterAway as error:
                if settings.once:
                    raise
                counts.cluster_away += 1
                if str(error) != away:
                    log.warning("brokers are away, the journal keeps what they don't have", why=str(error))
                away = str(error)
                await _pause(stop, settings.retry_seconds)
            else:
                return counts.events
    return counts.events


async def _publish(
    settings: PublishSettings, counts: PublisherCounts, stop: asyncio.Event, ready: Callable[[str], object]
) -> None:
    folder = settings.data_dir / "journal"
    journals = Journals(folder, lambda worker: journal_files.read_released_by(folder / worker, READER), settings.worker)
    try:
        async with producing(settings, "calltape-publisher", settings.compression) as producer:
            feed = Feed(producer, settings.kafka_topic_prefix, counts)
            publisher = Publisher(feed, journals, signal_wait_ms=settings.signal_wait_ms)
            ready(settings.kafka)
            while not stop.is_set():
                if await publisher.turn():
                    continue
                if settings.once:
                    break
                await _pause(stop, settings.poll_interval_ms / 1000)
            await _to_the_end(publisher)
    finally:
        journals.close()


async def _to_the_end(publisher: Publisher) -> None:
    """What is in the journals now still goes out; what comes later is for the next publisher."""
    deadline = time.monotonic() + LAST_LOOK_S
    while await publisher.turn() and time.monotonic() < deadline:
        pass
    await publisher.finish()


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)


@contextlib.contextmanager
def _locked(journals: Path, worker: str) -> Iterator[None]:
    """Two publishers of one journal would send everything twice: harmless, but a waste.

    One for all workers keeps others out; those of single workers stand beside each other.
    """
    with contextlib.ExitStack() as held:
        held.enter_context(_holding(journals, alone=not worker))
        if worker:
            held.enter_context(_holding(journals / worker, alone=True))
        yield


@contextlib.contextmanager
def _holding(folder: Path, *, alone: bool) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = os.open(folder / LOCK_FILE, os.O_CREAT | os.O_RDWR, 0o640)
    try:
        _hold(lock, folder, alone=alone)
        yield
    finally:
        os.close(lock)


def _hold(lock: int, folder: Path, *, alone: bool) -> None:
    try:
        fcntl.flock(lock, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError as error:
        holder = os.pread(lock, 32, 0).decode(errors="replace").strip() or "unknown"
        raise AlreadyPublished(f"{folder}: process {holder} publishes these journals already; stop it first") from error
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
