"""The sink as a program: writes until a signal ends it; waits where the dataset can't be written."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import structlog
from aiokafka.errors import KafkaError

from ingest.exposition import exposed
from pipeline.dataset import DatasetUnreadable, Reader
from pipeline.dataset_writer import DatasetInUse, DatasetLost, DatasetOutdated, Writer
from pipeline.sink import Sink
from pipeline.sink_batch import SinkCounts
from pipeline.sink_settings import SinkSettings
from pipeline.status import Status, write_status
from pipeline.upkeep import Upkeep

log = structlog.get_logger("calltape.sink")

METRICS_PREFIX = "calltape_sink_"
FALLING = frozenset({"lag", "elected"})
STATUS_EVERY_S = 1.0


class SinkFailed(Exception):
    """The run can't go on; the message says why. Starting again takes up where the dataset is."""


def run(settings: SinkSettings, ready: Callable[[str], object]) -> None:
    """Write until SIGTERM or SIGINT. Raises SinkFailed."""
    try:
        asyncio.run(_serve(settings, ready))
    except (DatasetInUse, DatasetLost, DatasetOutdated, OSError) as error:
        raise SinkFailed(str(error)) from error
    except KafkaError as error:
        raise SinkFailed(f"{settings.kafka}: {str(error) or type(error).__name__}") from error


async def _serve(settings: SinkSettings, ready: Callable[[str], object]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    counts = SinkCounts()
    with contextlib.ExitStack() as opened:
        opened.enter_context(
            exposed(METRICS_PREFIX, counts, settings.metrics_host, settings.metrics_port, falling=FALLING)
        )
        writer = Writer.open(settings.place, shared=True)
        opened.callback(writer.close)
        reader = Reader(settings.place, memory_limit="512MB", threads=1)
        opened.callback(reader.close)
        office = Office(settings, writer, counts)
        opened.callback(office.hold, elected=False)
        sink = Sink(settings, writer, reader, counts, lambda elected: office.hold(elected=elected))
        await sink.start()
        ready(f"{settings.kafka} as {settings.group} -> {settings.place}")
        await _write(sink, settings, counts, office, stop)


async def _write(sink: Sink, settings: SinkSettings, counts: SinkCounts, office: "Office", stop: asyncio.Event) -> None:
    why = ""
    try:
        while not stop.is_set():
            try:
                await sink.turn()
                office.say("running", "")
            except (OSError, DatasetUnreadable) as error:
                counts.failed_commits += 1
                if str(error) != why:
                    log.warning("dataset can't be written, the topics keep what isn't in it", why=str(error))
                why = str(error)
                office.say("retrying", why)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), settings.retry_seconds)
    finally:
        # First: with the partitions goes the office, and whoever is elected next says otherwise within a second.
        office.say("stopped", "", now=True)
        await sink.finish()


class Office:
    """What the elected member does beside writing: it merges the dataset's files, and says how things are."""

    def __init__(self, settings: SinkSettings, writer: Writer, counts: SinkCounts) -> None:
        self._settings = settings
        self._writer = writer
        self._counts = counts
        self._upkeep: Upkeep | None = None
        self._started_at = datetime.now(UTC)
        self._said_at = self._started_at

    def hold(self, *, elected: bool) -> None:
        """Begin or end."""
        if elected and self._upkeep is None:
            log.info("elected: this member merges the dataset's files")
            self._upkeep = Upkeep(self._settings, self._writer)
        elif not elected and self._upkeep is not None:
            self._upkeep.close()
            self._upkeep = None
        self._counts.elected = int(elected)

    def say(self, state: str, why: str, *, now: bool = False) -> None:
        """Renew the dataset's status where it is ours to say and time to do so."""
        at = datetime.now(UTC)
        if self._upkeep is None or not (now or (at - self._said_at).total_seconds() >= STATUS_EVERY_S):
            return
        self._said_at = at
        counts = self._counts
        status = Status(
            state=state,
            pid=os.getpid(),
            at=at,
            started_at=self._started_at,
            last_commit_at=at if counts.commits else None,
            commits=counts.commits,
            events=counts.records,
            rows=counts.rows,
            failed_commits=counts.failed_commits,
            last_error=why or None,
        )
        with contextlib.suppress(OSError):
            write_status(self._writer.store, status)
